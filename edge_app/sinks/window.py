"""A window on this machine's screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2

from deploy.arrays import ByteArray
from edge_app.display import display_problem
from edge_app.sinks.base import DisplayError

LOOK = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL  # no tool bar
ESCAPE = 27
STOP_KEYS = frozenset({ord("q"), ord("Q"), ESCAPE})
FULLSCREEN_KEYS = frozenset({ord("f"), ord("F")})


class WindowSink:
    """Shows frames in a window; q, Esc or closing it stops the run.

    F fills the screen with it, or not; Esc leaves a full screen first.
    """

    name = "window"

    def __init__(self, title: str, *, fullscreen: bool = False) -> None:
        self._title = title
        self._fullscreen = fullscreen
        self._sized = False
        self._was_visible = False

    def show(self, image_bgr: ByteArray) -> bool:
        """Show one frame. False: the user pressed q or Esc, or closed the window.

        Raises:
            DisplayError: the window cannot be drawn any more.
        """
        with _window_errors():
            if not (self._sized or self._fullscreen):
                height, width = image_bgr.shape[:2]
                cv2.resizeWindow(self._title, width, height)
                self._sized = True
            cv2.imshow(self._title, image_bgr)
        return self.poll()

    def poll(self) -> bool:
        """Draw and handle keys. False: the user pressed q or Esc, or closed the window.

        Raises:
            DisplayError: the window cannot be drawn any more.
        """
        with _window_errors():
            key = cv2.waitKey(1) & 0xFF
            if key in FULLSCREEN_KEYS or (key == ESCAPE and self._fullscreen):
                self._fill_screen(not self._fullscreen)
                return True
        return key not in STOP_KEYS and self._is_open()

    def _fill_screen(self, fullscreen: bool) -> None:
        self._fullscreen = fullscreen
        mode = cv2.WINDOW_FULLSCREEN if fullscreen else cv2.WINDOW_NORMAL
        cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, mode)

    def _is_open(self) -> bool:
        """Not every window system of OpenCV tells whether a window is visible; GTK's says never."""
        try:
            if cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1:
                self._was_visible = True
                return True
            known = cv2.getWindowProperty(self._title, cv2.WND_PROP_AUTOSIZE) >= 0
        except cv2.error:  # some raise for a window that was closed
            return False
        return known and not self._was_visible

    def __enter__(self) -> WindowSink:
        if problem := display_problem():
            raise DisplayError(_message(problem))
        with _window_errors():
            cv2.namedWindow(self._title, LOOK)
            if self._fullscreen:
                self._fill_screen(True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_open():
            cv2.destroyWindow(self._title)


@contextmanager
def _window_errors() -> Iterator[None]:
    try:
        yield
    except cv2.error as exc:
        raise DisplayError(_message(str(exc))) from exc


def _message(why: str) -> str:
    return (
        f"no window can be shown: {why.strip()}. "
        "Run with --display none, and --record FILE to see the frames later."
    )
