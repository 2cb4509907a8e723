"""What decides a Jetson's speed: power mode, clocks, heat, supply, memory. Linux's files alone.

Read without root and without a command. Where each path is from:

- /etc/nv_tegra_release; /var/lib/nvpmodel/status ("pmode:0002", zero padded) and
  /etc/nvpmodel.conf ("< POWER_MODEL ID=2 NAME=MAXN_SUPER >"): NVIDIA's Jetson Linux guide and the
  files of boards as published by their owners. Mode 0 is not the fastest everywhere.
- cpufreq, devfreq, thermal zones, cooling devices, hwmon: the kernel's sysfs documentation. The
  GPU's devfreq name: 17000000.gpu (Orin, JetPack 6 and 7), .ga10b (Orin, 5), .gv11b (Xavier),
  gpu-gpc-0 (Thor): rbonghi/jetson_stats, jtop/core/gpu.py and hw_detect.py.
- oc1 to oc3_event_cnt, events since boot: NVIDIA's kernel driver tegra23x-oc-event, hwmon
  "soctherm_oc". That Thor has it is told by its users only.
- ina3221, mV and mA per labelled channel: the kernel's hwmon/ina3221. VDD_IN is all of an Orin
  Nano or NX; an AGX Orin has no such channel. Thor's ina238, power1_input in uW, is from its users.

Not confirmed on any board by us. A clock that the firmware holds down (an over-current event on
Thor did that) is still told as asked for by scaling_cur_freq; cpuinfo_cur_freq would say, to root.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it would load NumPy, which `gemscan doctor` may find missing
    from deploy.arrays import Json

JETPACK = {"36.3": "6.0", "36.4": "6.2", "36.5": "6.2", "38.2": "7.0", "38.4": "7.1", "39.2": "7.2"}
GPU_NAME = re.compile(r"\.(gpu|ga10b|gv11b|gp10b)$|^gpu-gpc-\d+$")
# hot-surface-alert is left out: it warns of a warm case from 70 degrees C on, and slows nothing.
SLOWS = re.compile(r"throttle-alert$|cpufreq|devfreq")
POWER_MODEL = re.compile(r"^<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)\s*>", re.MULTILINE)
DEFAULT_MODE = re.compile(r"^<\s*PM_CONFIG\s+DEFAULT=(\d+)\s*>", re.MULTILINE)


def read_jetson(root: Path = Path("/")) -> Json | None:
    """How the board stands now; None where this is no Jetson. Never raises.

    Returns:
        What could be read of: "board", "l4t", "jetpack"; "power_mode" {"id", "name", "fastest":
        {"id", "name"}}; "clocks_mhz" {"cpu0" or "gpu": {"now", "min", "max"}}, where max is what
        the power mode allows; "clocks_held", as jetson_clocks does; "temperatures_c" by zone;
        "slowed_by" {cooling device: state, 0 is none}; "overcurrent" {"oc1": events since boot};
        "power_mw" by rail; "memory_mb" {"total", "available", "swap", "disk_swap"};
        "fan" {"pwm": 0 to 255, "rpm"}.
    """
    if not is_jetson(root):
        return None
    clocks, held = _clocks(root)
    said = {
        "board": _text(root / "proc/device-tree/model").rstrip("\0"),
        **_release(root),
        "power_mode": _power_mode(root),
        "clocks_mhz": clocks,
        "clocks_held": held,
        "temperatures_c": _temperatures(root),
        "slowed_by": _cooling(root),
        "overcurrent": _overcurrent(root),
        "power_mw": _power(root),
        "memory_mb": _memory(root),
        "fan": _fan(root),
    }
    return {key: value for key, value in said.items() if value not in (None, "", {})}


def is_jetson(root: Path = Path("/")) -> bool:
    """The release file may be missing in a container; the device tree is the board's own."""
    named = "nvidia,tegra" in _text(root / "proc/device-tree/compatible")
    return named or bool(_text(root / "etc/nv_tegra_release"))


def _release(root: Path) -> Json:
    """From "# R36 (release), REVISION: 4.3, GCID: …"; JetPack's number where it is known."""
    said = _text(root / "etc/nv_tegra_release")
    found = re.search(r"R(\d+) \(release\), REVISION: ([\d.]+)", said)
    if found is None:
        return {}
    l4t = f"{found[1]}.{found[2]}"
    major_minor = ".".join(l4t.split(".")[:2])
    jetpack = "6.1" if l4t in ("36.4.0", "36.4", "36.4.2") else JETPACK.get(major_minor, "")
    return {"l4t": l4t, "jetpack": jetpack}


def _power_mode(root: Path) -> Json | None:
    conf = _text(root / "etc/nvpmodel.conf")
    status = re.search(r"pmode:(\d+)", _text(root / "var/lib/nvpmodel/status"))
    chosen = status or DEFAULT_MODE.search(conf)  # nothing was chosen yet: the boot's default
    if chosen is None:
        return None
    modes = {int(mode): name for mode, name in POWER_MODEL.findall(conf)}
    now = int(chosen[1])
    mode: Json = {"id": now, "name": modes.get(now, f"mode {now}")}
    if now in modes:
        best = max(modes, key=lambda mode: (_rank(modes[mode]), mode == now))
        mode["fastest"] = {"id": best, "name": modes[best]}
    return mode


def _rank(mode: str) -> tuple[bool, bool, int]:
    """MAXN_SUPER before MAXN before the most watts; ids are in no order."""
    watts = re.search(r"(\d+)W", mode)
    return "MAXN" in mode, "SUPER" in mode, int(watts[1]) if watts else 0


def _clocks(root: Path) -> tuple[Json, bool | None]:
    """Clocks in MHz, and whether all are held at their maximum; None where there are none."""
    clocks: Json = {}
    held = []
    for folder in _paths(root, "sys/devices/system/cpu/cpufreq/policy*"):
        name = folder.name.replace("policy", "cpu")
        clocks[name] = _clock(folder, "scaling_{}_freq", per_mhz=1000)
        held.append(_is_held(clocks[name], _text(folder / "scaling_governor")))
    for folder in _paths(root, "sys/class/devfreq/*"):
        if GPU_NAME.search(folder.name):
            clocks["gpu"] = _clock(folder, "{}_freq", per_mhz=10**6)
            held.append(_is_held(clocks["gpu"], _text(folder / "governor")))
    return clocks, all(held) if held else None


def _clock(folder: Path, pattern: str, *, per_mhz: int) -> Json:
    values = {key: _number(folder / pattern.format(key)) for key in ("cur", "min", "max")}
    names = {"cur": "now", "min": "min", "max": "max"}
    return {names[key]: round(v / per_mhz) for key, v in values.items() if v is not None}


def _is_held(clock: Json, governor: str) -> bool:
    """jetson_clocks raises the minimum to the maximum, or takes the governor "performance"."""
    return governor == "performance" or clock.get("min", 0) == clock.get("max", 1)


def _temperatures(root: Path) -> Json:
    """Degrees C. A zone whose part is off gives an error, or 256 below zero."""
    zones = {}
    for folder in _paths(root, "sys/class/thermal/thermal_zone*"):
        name, milli = _text(folder / "type"), _number(folder / "temp")
        if name and milli is not None and milli > -100_000:
            zones[name.removesuffix("-thermal")] = round(milli / 1000, 1)
    return zones


def _cooling(root: Path) -> Json:
    found = {}
    for folder in _paths(root, "sys/class/thermal/cooling_device*"):
        name, state = _text(folder / "type"), _number(folder / "cur_state")
        if SLOWS.search(name) and state is not None:
            found[name] = state
    return found


def _overcurrent(root: Path) -> Json:
    events = {}
    for folder in _hwmon(root, "soctherm_oc"):
        for path in _paths(folder, "oc*_event_cnt"):
            count = _number(path)
            if count is not None:
                events[path.name.partition("_")[0]] = count
    return events


def _power(root: Path) -> Json:
    rails: Json = {}
    for folder in _hwmon(root, "ina3221"):
        for path in _paths(folder, "in[123]_label"):  # from 4 on: the shunts, counted already
            n = path.name[2]
            milli = _number(folder / f"in{n}_input"), _number(folder / f"curr{n}_input")
            if milli[0] is not None and milli[1] is not None and _text(path) != "NC":
                rails[_text(path)] = round(milli[0] * milli[1] / 1000)
    for folder in _hwmon(root, "ina238"):
        micro = _number(folder / "power1_input")
        if micro is not None:
            rails["ina238"] = round(micro / 1000)
    return rails


def _memory(root: Path) -> Json:
    """MB. A Jetson's own swap is memory, compressed (zram): what is on a disk is told apart."""
    said = dict(re.findall(r"^(\w+):\s+(\d+) kB", _text(root / "proc/meminfo"), re.MULTILINE))
    names = {"total": "MemTotal", "available": "MemAvailable", "swap": "SwapTotal"}
    found = {key: int(said[name]) // 1024 for key, name in names.items() if name in said}
    swaps = [line.split() for line in _text(root / "proc/swaps").splitlines()[1:]]
    if swaps or found:
        on_disk = [int(s[2]) for s in swaps if len(s) > 2 and "zram" not in s[0]]
        found["disk_swap"] = sum(on_disk) // 1024
    return found


def _fan(root: Path) -> Json:
    """An Orin's fan is two hwmon devices: one sets, the other counts."""
    found = {}
    for name, file, key in (("pwmfan", "pwm1", "pwm"), ("pwm_tach", "rpm", "rpm")):
        for folder in _hwmon(root, name):
            value = _number(folder / file)
            if value is not None:
                found[key] = value
    return found


def _hwmon(root: Path, name: str) -> Iterator[Path]:
    """Numbers change from boot to boot; the name does not."""
    for folder in _paths(root, "sys/class/hwmon/hwmon*"):
        if _text(folder / "name") == name:
            yield folder


def _paths(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # not there, not permitted, or a sensor that is off
        return ""


def _number(path: Path) -> int | None:
    try:
        return int(_text(path))
    except ValueError:
        return None
