"""How learning rates rise and fall in a short training."""

from __future__ import annotations

import math

_RISE = 0.2
"""Share of the steps in which the rate rises."""


def rate_at(step: int, steps: int) -> float:
    """Factor of the rate at a step: up a straight line, then down half a cosine to nearly 0."""
    done = (step + 1) / (steps + 1)
    return done / _RISE if done < _RISE else 0.5 * (1 + math.cos(math.pi * (done - _RISE) / (1 - _RISE)))
