"""Whether the noise in photos is as strong as what the weights were trained against."""

from __future__ import annotations

from collections.abc import Sequence

WEAKER, STRONGER = 0.4, 2.2
"""Shares of the known level beyond which estimates are told: by measurement, see docs/prediction.md."""


def is_far(sigma: float, known: float) -> bool:
    """Return whether an estimated standard deviation of noise is far from the known one, both in one unit.

    Args:
        sigma: what was estimated.
        known: what the weights were trained against; 0 for no one level, from which nothing is far.
    """
    return known > 0 and not WEAKER * known <= sigma <= STRONGER * known


def warning(sigmas: Sequence[float], known: float, images: int = 1) -> str:
    """Return one line about photos whose noise is far from what the weights know.

    Args:
        sigmas: the estimates that are far, of values in [0, 1]; at least one.
        known: what the weights were trained against.
        images: how many there were in all.
    """
    low, high = min(sigmas), max(sigmas)
    levels = _steps(low) if _steps(low) == _steps(high) else f"{_steps(low)} to {_steps(high)}"
    of = "the noise" if images == 1 else f"{len(sigmas)} of {images} photos: the noise"
    advice = []
    if low < known:
        advice.append("where it is weaker, detail may go with it: try a lower strength (correlated noise is not seen)")
    if high > known:
        advice.append("where it is stronger, much may stay: compare with --baseline nlm")
    return f"{of} is estimated as sigma {levels} of 255, the weights know {_steps(known)}; {'; '.join(advice)}"


def _steps(sigma: float) -> str:
    return f"{255 * sigma:.0f}"
