"""What to print under a benchmark on a Jetson: whether the board kept its speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.arrays import Json

OVERCURRENT = {  # NVIDIA's guide for Orin
    "oc1": "the supply's voltage was too low",
    "oc2": "the current was too high on average",
    "oc3": "the current peaked too high",
}


def jetson_lines(before: Json | None, after: Json | None) -> list[str]:
    """What to print under a benchmark from a look before it and one right after; [] on no Jetson.

    Its numbers mean little without these. A cooling device's state is of the moment; events of
    over-current are counted, so that none between the looks is missed.
    """
    if before is None or after is None:
        return []
    slowed = _clock_lines(before, after) + _slowed_lines(before, after)
    return [
        _state_line(after),
        *_heat_line(before, after),
        *_mode_lines(before, after),
        *(slowed or [_calm_line(after)]),
    ]


def _calm_line(after: Json) -> str:
    if "slowed_by" in after or "overcurrent" in after:
        return "no throttling was seen, neither in the counters nor at the end"
    return "whether it throttled could not be read"


def _state_line(now: Json) -> str:
    parts = [f"JetPack {now['jetpack']}"] if now.get("jetpack") else []
    parts += [f"L4T {now['l4t']}"] if "l4t" in now else []
    parts += [f"power mode {now['power_mode']['name']}"] if "power_mode" in now else []
    clocks = {k: v["now"] for k, v in now.get("clocks_mhz", {}).items() if "now" in v}
    parts += [f"{name} at {mhz} MHz" for name, mhz in clocks.items()]
    return ", ".join(parts) or "a Jetson that tells nothing of itself"


def _heat_line(before: Json, after: Json) -> list[str]:
    zones, earlier = after.get("temperatures_c", {}), before.get("temperatures_c", {})
    said = []
    if zones:
        hottest = max(zones, key=lambda zone: zones[zone])
        was = f", {earlier[hottest]:.0f} before" if hottest in earlier else ""
        said.append(f"hottest part: {hottest}, {zones[hottest]:.0f} °C{was}")
    said += [f"{rail} {mw / 1000:.1f} W" for rail, mw in after.get("power_mw", {}).items()]
    return ["; ".join(said)] if said else []


def _mode_lines(before: Json, after: Json) -> list[str]:
    was, mode = before.get("power_mode", {}), after.get("power_mode", {})
    lines = []
    if was.get("name") != mode.get("name"):
        lines.append(f"the power mode changed from {was.get('name')} to {mode.get('name')}")
    if not is_fastest(mode):
        best = mode["fastest"]
        lines.append(f"{best['name']} is faster than {mode['name']}: sudo nvpmodel -m {best['id']}")
    if after.get("clocks_held") is False:
        lines.append("the clocks are free to vary, and runs with them: sudo jetson_clocks")
    return lines


def is_fastest(mode: Json) -> bool:
    """Whether no other power mode is known to be faster."""
    return "fastest" not in mode or bool(mode["fastest"]["id"] == mode["id"])


def _clock_lines(before: Json, after: Json) -> list[str]:
    lines = []
    clocks = after.get("clocks_mhz", {})
    for name, was in before.get("clocks_mhz", {}).items():
        now = clocks.get(name, {})
        if "max" in was and "max" not in now:
            lines.append(f"the {name} clock was turned off meanwhile, or cannot be read any more")
        elif now.get("max", 0) < was.get("max", 0):
            lines.append(
                f"the limit of the {name} clock fell from {was['max']} to {now['max']} MHz"
            )
        # Free clocks fall when the work ends. An idle GPU may tell 0.
        elif before.get("clocks_held") and 0 < now.get("now", 0) < 0.98 * was.get("now", 0):
            lines.append(f"the {name} clock fell from {was['now']} to {now['now']} MHz")
    return lines


def _slowed_lines(before: Json, after: Json) -> list[str]:
    states = {**before.get("slowed_by", {}), **after.get("slowed_by", {})}
    hot = sorted(name for name, state in states.items() if state)
    lines = [f"slowed down by heat: {', '.join(hot)}; cool it better"] if hot else []
    for name, count in after.get("overcurrent", {}).items():
        rise = count - before.get("overcurrent", {}).get(name, count)
        if rise > 0:
            why = OVERCURRENT.get(name, "over-current")
            lines.append(f"slowed down {rise} times ({name}): {why}; use a stronger supply")
    return lines
