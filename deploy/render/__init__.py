"""Drawn stones: pictures with a known label, so that a demo and the tests need no photograph."""

from deploy.render.folder import render_folder
from deploy.render.looks import LOOKS, Look, look_of
from deploy.render.stone import render_stone, stone_sprite

__all__ = ["LOOKS", "Look", "look_of", "render_folder", "render_stone", "stone_sprite"]
