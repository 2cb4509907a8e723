"""Where drawn frames go: a window, a video file."""
