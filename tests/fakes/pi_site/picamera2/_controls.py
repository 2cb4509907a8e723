"""Exposure, gain and white balance: automatics that wander until they are told to hold still."""

from __future__ import annotations

from typing import Any

import fake_pi

KNOWN = ("AeEnable", "ExposureTime", "AnalogueGain", "AwbEnable", "ColourGains")


class Sensor:
    """What each frame is taken with. Controls take effect some frames after they were set."""

    def __init__(self) -> None:
        self._set: dict[str, Any] = {}
        self._coming: list[tuple[int, dict[str, Any]]] = []
        self._frame = 0
        self._lost = int(fake_pi.setting("lost_sends"))

    def controls(self) -> dict[str, tuple[Any, Any, Any]]:
        """Smallest, largest and usual value of each control that this camera has."""
        frame_us = fake_pi.setting("shortest_frame_us")
        has = dict.fromkeys(KNOWN, (0, 1, 0))
        if fake_pi.setting("moves_lens"):
            has |= {"AfMode": (0, 2, 0), "LensPosition": (0.0, 15.0, 1.0)}
        has["FrameDurationLimits"] = (frame_us, 120000000, 33333)
        return {k: v for k, v in has.items() if k not in fake_pi.setting("no_controls")}

    def set(self, controls: dict[str, Any]) -> None:
        """Ask for controls.

        Raises:
            RuntimeError: the camera does not have one of them.
        """
        for name in controls:
            if name not in self.controls():
                raise RuntimeError(f"Control {name} is not advertised by libcamera")
        if self._lost > 0:
            self._lost -= 1
            return
        self._coming.append((self._frame + fake_pi.setting("control_delay"), dict(controls)))

    def next(self) -> dict[str, Any]:
        """The metadata of the next frame."""
        self._frame += 1
        for due, controls in self._coming:
            if due <= self._frame:
                self._set.update(controls)
        self._coming = [one for one in self._coming if one[0] > self._frame]
        wander = self._frame % 7
        metadata = {
            "ExposureTime": 10000 + 400 * wander,
            "AnalogueGain": 1.5 + 0.2 * wander,
            "ColourGains": (1.8 + 0.1 * wander, 1.6 - 0.1 * wander),
        }
        if fake_pi.setting("moves_lens"):  # it rests for objects a metre away
            lens = self._set.get("LensPosition", 1.0) if self._set.get("AfMode", 0) == 0 else 1.0
            metadata["LensPosition"] = lens
        fixed = {k: v for k, v in self._set.items() if k not in fake_pi.setting("stubborn")}
        self._fix(metadata, fixed)
        return {k: v for k, v in metadata.items() if k in self.controls()}

    def _fix(self, metadata: dict[str, Any], fixed: dict[str, Any]) -> None:
        if fixed.get("ExposureTime"):  # whole lines of 9.3 us
            us = min(fixed["ExposureTime"], fake_pi.setting("longest_exposure_us"))
            metadata["ExposureTime"] = round(us // 9.3 * 9.3)
        if fixed.get("AnalogueGain"):
            metadata["AnalogueGain"] = round(fixed["AnalogueGain"] * 16) / 16
        if fixed.get("ColourGains") and not fixed.get("AwbEnable", True):
            metadata["ColourGains"] = fixed["ColourGains"]
