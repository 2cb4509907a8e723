"""Passwords stay out of names, logs and errors."""

from __future__ import annotations

import re

IN_ADDRESS = re.compile(r"(?<=://)[^\s\"']*@")  # to the last @: a password may hold a slash
IN_PROPERTY = re.compile(
    r"\b([\w-]*(?:user|passw|pwd|secret|token|key)[\w-]*=)(\"[^\"]*\"|[^\s&#!\"']+)", re.IGNORECASE
)
USER_PW = re.compile(r"\b(user-pw=)(\"[^\"]*\"|\S+)")


def masked(text: str) -> str:
    """The text with what stands for a user or a password in an address or property left out."""
    text = IN_ADDRESS.sub("…@", text)
    return IN_PROPERTY.sub(r"\1…", USER_PW.sub(r"\1…", text))
