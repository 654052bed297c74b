"""Drawn scenes with exact masks, and the figures in them."""

from pretrained.scenes.draw import CLASS_NAMES as CLASS_NAMES
from pretrained.scenes.draw import SIZE as SIZE
from pretrained.scenes.draw import Scene as Scene
from pretrained.scenes.draw import scene as scene
