"""Kinds of density that may be asked for; imports nothing heavy, as the command line lists them."""

from __future__ import annotations

from math import inf

from ..errors import InputError

ANY, FORETOLD = "any", "foretold"

KINDS = {"solid": (-300.0, inf), "part-solid": (-450.0, -300.0), "ground-glass": (-inf, -450.0)}
"""Mean HU of a lesion of each kind, from and to, its blurred rim included."""

DENSITIES = (ANY, *KINDS, FORETOLD)
"""What may be asked for: one as real lesions have, only one of a kind, or what the surroundings tell."""


def check_density(kind: str) -> None:
    """Raises InputError if there is no such density."""
    if kind not in DENSITIES:
        raise InputError(f"The density is {kind!r}; expected is one of {', '.join(DENSITIES)}.")
