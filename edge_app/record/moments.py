"""Moments as an operator writes and reads them: local time."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

from deploy.errors import SettingsError
from deploy.record.stones import utc_text

_AGO = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_moment(text: str, now: datetime, *, end: bool = False) -> str:
    """A moment as the record writes it, from a date, a date and time, "today", or "2h" ago.

    Args:
        now: with a time zone, which a text without one is in.
        end: a day means its end, not its beginning.

    Raises:
        SettingsError: it is none of these.
    """
    word = text.strip().lower()
    try:
        if found := _AGO.fullmatch(word):
            return utc_text(now - timedelta(**{_UNITS[found[2]]: int(found[1])}))
        if word in ("today", "yesterday"):
            return _day(now - timedelta(days=word == "yesterday"), end)
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text.strip()))
        if ":" not in word:
            return _day(moment, end)
        return utc_text(moment)  # one without a zone is local time
    except (ValueError, OverflowError) as exc:
        raise SettingsError(
            f"“{text}” is no moment. Write 2026-01-31, “2026-01-31 14:30”, today, yesterday, "
            "or how long ago: 30m, 2h, 7d, 2w."
        ) from exc


def _day(moment: datetime, end: bool) -> str:
    """Midnight of local time, by the rules that hold on that very day."""
    day = moment.date() + timedelta(days=end)
    return utc_text(datetime.combine(day, time()).astimezone())


def local_text(recorded: str) -> str:
    """A recorded time as local time with its offset: "2026-01-31 14:30:05 +01:00"; "" stays so."""
    if not recorded:
        return ""
    moment = datetime.fromisoformat(recorded.replace("Z", "+00:00")).astimezone()
    return f"{moment:%Y-%m-%d %H:%M:%S} {moment.isoformat()[-6:]}"
