"""Torso CTs of people who never lived: `make_phantom(seed)` gives an image, its label layers and a record."""

from .phantom import Phantom, make_phantom

__all__ = ["Phantom", "make_phantom"]
