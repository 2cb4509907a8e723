"""What a device is, by what its browser says of itself: a hint for the operator, and no proof."""

from __future__ import annotations

# What a browser's User-Agent holds, the first that fits. An iPad calls itself a Macintosh, and an
# Android device a Linux too.
_NAMES = (
    (("iPhone",), "iPhone"),
    (("iPad",), "iPad"),
    (("Android", "Mobile"), "Android phone"),
    (("Android",), "Android tablet"),
    (("CrOS",), "Chromebook"),
    (("Windows",), "Windows PC"),
    (("Macintosh",), "Mac or iPad"),
    (("Linux",), "Linux PC"),
)


def device_name(user_agent: str) -> str:
    """A name for a list, from a User-Agent."""
    return next(
        (name for words, name in _NAMES if all(word in user_agent for word in words)), "Device"
    )
