"""Where a run is shown: in a window, as a page in the browser, or nowhere."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)

AUTO, WINDOW, WEB, NONE = "auto", "window", "web", "none"
DISPLAYS = (AUTO, WINDOW, WEB, NONE)


def choose_display(wanted: str, *, live: bool) -> str:
    """One of `WINDOW`, `WEB` and `NONE`; says why it is not a window where one might be expected.

    Args:
        wanted: one of `DISPLAYS`. `AUTO` is a window where there is a screen; else the page for a
            camera, and nothing for files, which are over in a moment.
        live: a camera is shown.

    Raises:
        SettingsError: a window was asked for and none can be opened.
        MissingDependencyError: the page was asked for and a library is missing.
    """
    from deploy.errors import MissingDependencyError, SettingsError
    from edge_app.display import display_problem
    from edge_app.web.screen import check_web

    if wanted == NONE:
        return NONE
    if wanted == WEB:
        check_web()
        return WEB
    problem = display_problem()
    if not problem:
        return WINDOW
    if wanted == WINDOW:
        raise SettingsError(
            f"--display window: {problem}. In a browser: --display web; not at all: --display none"
        )
    log.info("no window: %s", problem)
    if not live:
        return NONE
    try:
        check_web()
    except MissingDependencyError as exc:
        log.info("no page: %s", exc)
        return NONE
    return WEB
