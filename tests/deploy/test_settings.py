"""Dataclasses from JSON: nothing missing, nothing unknown, nothing guessed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from deploy.errors import BundleError, SettingsError
from deploy.settings import from_mapping


@dataclass(frozen=True)
class Lens:
    focal_mm: float


@dataclass(frozen=True)
class Camera:
    name: str
    lens: Lens
    sizes: tuple[int, ...]
    gain: float | None = None
    fps: int = 30

    def __post_init__(self) -> None:
        if self.fps < 1:
            raise ValueError(f"fps must be at least 1, not {self.fps}")


GOOD = {
    "name": "tray",
    "lens": {"focal_mm": 4},
    "sizes": [640, 480],
    "gain": None,
    "fps": 30,
}


def test_nested_values_come_back_with_their_types():
    camera = from_mapping(Camera, GOOD | {"gain": 2}, where="camera.json")

    assert camera == Camera("tray", Lens(4.0), (640, 480), 2.0, 30)
    assert isinstance(camera.lens.focal_mm, float)


def test_none_is_taken_where_it_is_allowed_and_only_there():
    assert from_mapping(Camera, GOOD | {"gain": None}, where="c").gain is None
    with pytest.raises(SettingsError, match="c: name must be str, not None"):
        from_mapping(Camera, GOOD | {"name": None}, where="c")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([], "must be an object"),
        ({"name": "x"}, "lacks “fps”, “gain”, “lens”, “sizes”"),
        (GOOD | {"zoom": 1}, "“zoom”, which is not known here"),
        (GOOD | {"lens": {}}, "c: lens lacks “focal_mm”"),
        (GOOD | {"sizes": ["big"]}, "sizes must be int, not 'big'"),
        (GOOD | {"gain": "high"}, "gain must be float, not 'high'"),
        (GOOD | {"fps": True}, "fps must be int, not True"),
        (GOOD | {"fps": 0}, "fps must be at least 1"),
    ],
)
def test_what_does_not_fit_is_named(values, said):
    with pytest.raises(BundleError, match=said):
        from_mapping(Camera, values, where="c", error=BundleError)


def test_a_default_never_stands_in_for_a_field_that_the_file_lacks():
    """Else a file would mean another thing as soon as the default is changed."""
    said = {name: value for name, value in GOOD.items() if name != "fps"}

    with pytest.raises(SettingsError, match="c lacks “fps”"):
        from_mapping(Camera, said, where="c")
