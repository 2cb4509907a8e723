"""`demo://`: a drawn counter-top, so that the whole way can be seen without a camera."""

from __future__ import annotations

import time
from collections.abc import Sequence

from deploy.errors import CameraError, SettingsError
from deploy.render.scene import REST_S, TrayScene
from edge_app.sources.base import Frame, Source
from edge_app.sources.demo_camera import OPTIONS, DemoCamera
from edge_app.sources.options import rate, whole
from edge_app.sources.uri import Uri

_SCENE_FPS = 30.0


def from_uri(uri: Uri) -> Source:
    """The demo that `demo://?fps=30&seed=1&stones=5` means.

    `rest` says for how many seconds a stone lies still; `kinds=Ruby,Opal` which are laid, in place
    of those that the bundle knows; `tray=empty` that none is. `cast` (the light in kelvin), `stops`
    (of exposure) and `vignette` (what is missing in the corners, 0 to 0.95) put a camera before the
    scene that has to be calibrated.

    Raises:
        SettingsError: an option is not known, or there is a path.
    """
    if uri.path:
        problem = "the demo has no path; write demo:// or demo://?fps=30"
        raise SettingsError(f"{uri.text}: {problem}")
    known = {
        **{"fps": rate, "seed": whole(0), "stones": whole(1), "rest": _rest, "kinds": _kinds},
        **{"tray": _tray, **OPTIONS},
    }
    options = uri.options(known)
    seen_by = {name: options.pop(name) for name in OPTIONS if name in options}
    labels, empty = options.pop("kinds", uri.labels), options.pop("tray", False)
    demo = DemoSource(labels, empty=empty, **options)
    return DemoCamera(demo, **seen_by) if seen_by else demo


def _tray(text: str) -> bool:
    if text not in ("empty", "stones"):
        raise ValueError("empty or stones")
    return text == "empty"


def _rest(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.5 <= value <= 3600:
        raise ValueError("seconds from 0.5 to 3600")
    return value


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(kind.strip() for kind in text.split(",") if kind.strip())
    if not kinds:
        raise ValueError("names with commas between them")
    return kinds


class DemoSource:
    """Stones of known labels, laid on a tray one after another; the first is there at once.

    Args:
        labels: what to draw, in this order, again and again.
        fps: frames come at this rate and are lost when not taken, as a camera's are; 0: every
            frame is delivered as fast as it is read, and shows 1/30 s later than the one before.
        seed: the same seed gives the same frames.
        size: width and height in pixels.
        stones: ends after so many; None goes on for ever.
        empty: shows the tray alone, for ever.
        rest: for how many seconds a stone lies still.

    Raises:
        CameraError: no labels, or a rate or seed below 0.
    """

    name = "demo"

    def __init__(
        self,
        labels: Sequence[str],
        *,
        fps: float = _SCENE_FPS,
        seed: int = 0,
        size: tuple[int, int] = (1280, 720),
        stones: int | None = None,
        empty: bool = False,
        rest: float = REST_S,
    ) -> None:
        if not labels:
            raise CameraError("demo:// has no stones to show. Give it at least one label.")
        if fps < 0 or seed < 0:
            raise CameraError(f"demo:// takes fps and seed from 0 up, not {fps} and {seed}.")
        self._labels, self.seed, self._size, self._stones = tuple(labels), seed, size, stones
        self._pace = fps
        self._empty, self._rest_s = empty, rest
        self._scene: TrayScene | None = None
        self._index = -1
        self._opened_at = 0.0
        self._truth: str | None = None

    @property
    def live(self) -> bool:
        """Frames come at their own pace, unless `fps` is 0."""
        return self._pace > 0

    @property
    def fps(self) -> float | None:
        """The rate at which the scene looks natural."""
        return self._pace or _SCENE_FPS

    @property
    def truth(self) -> str | None:
        """The label of the stone in the last frame that was read; None while one moves."""
        return self._truth

    def read(self) -> Frame | None:
        """The next frame, or None after the last stone.

        Raises:
            CameraError: the source is not open.
        """
        if self._scene is None:
            raise CameraError("demo:// was read before it was opened. Open it with `with`.")
        self._index = self._next_index()
        time_s = self._index / (self._pace or _SCENE_FPS)
        if self._empty:
            image = self._scene.draw_empty(self._index)
            return Frame(image, captured_at=time.monotonic(), index=self._index)
        number, self._truth = self._scene.at(time_s)
        if self._stones is not None and number >= self._stones:
            self._truth = None
            return None
        image = self._scene.draw(time_s, self._index)
        return Frame(image, captured_at=time.monotonic(), index=self._index)

    def _next_index(self) -> int:
        """The frame after the last; with a pace, wait for it, or skip those that were missed."""
        following = self._index + 1
        if not self.live:
            return following
        if following == 0:
            self._opened_at = time.monotonic()  # drawing the first stone costs no frame
        due = max(following, int((time.monotonic() - self._opened_at) * self._pace))
        time.sleep(max(0.0, self._opened_at + due / self._pace - time.monotonic()))
        return due

    def __enter__(self) -> DemoSource:
        self._scene = TrayScene(self._labels, seed=self.seed, size=self._size, rest_s=self._rest_s)
        self._index = -1
        return self

    def __exit__(self, *_: object) -> None:
        self._scene = None
