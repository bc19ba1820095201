"""SyntheticCT: CT scans of bodies that do not exist."""

__version__ = "0.1.0"
