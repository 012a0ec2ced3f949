"""Styles in any form -> the tokens of an adapter: references, style files, and mixes of them by level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.images import from_tensor
from visioncore.weights.digests import digest_of

from ..data.reading import GivenReference, read_reference
from ..method import STYLE_SUFFIX
from ..network.config import LEVELS
from ..network.model import ArtAdapter
from ..network.style import Style, shares_of

OneStyle: TypeAlias = "GivenReference | Style | ReadStyle"
"""A reference image, a `Style`, the path of either, or what was read of it before."""
GivenStyle: TypeAlias = "OneStyle | Sequence[OneStyle]"
"""One, or several whose mean is taken."""


@dataclass(frozen=True, eq=False)
class ReadStyle:
    """A style, and what it was made of.

    Attributes:
        style: its tokens.
        told: what it was made of, as plain values: name and hash of each part, with their weights or levels.
        references: label and pixels (H, W, 3) of the images among the parts.
        source: the file, if it was made of one alone.
    """

    style: Style
    told: Any
    references: tuple[tuple[str, NDArray[np.uint8]], ...] = ()
    source: Path | None = None


def read_style(adapter: ArtAdapter, given: GivenStyle, weights: Sequence[float] | None = None) -> ReadStyle:
    """Return a style.

    Args:
        adapter: reads it.
        given: reference images, styles or style files; of several the mean is taken.
        weights: one for each; default: all the same.

    Raises:
        InputError: if one cannot be read or was made by another adapter, or the weights do not fit.
    """
    parts: list[Any] = list(given) if isinstance(given, list | tuple) else [given]
    if not parts:
        raise InputError("a style of no references; give at least one")
    read = [_read_one(adapter, part) for part in parts]
    if len(read) == 1 and weights is None:
        return read[0]
    style = Style.mean([each.style for each in read], weights)
    shares = shares_of(weights, len(read))
    told = [each.told | {"weight": share} for each, share in zip(read, shares, strict=True)]
    references = tuple(reference for each in read for reference in each.references)
    return ReadStyle(style, told, references, read[0].source if len(read) == 1 else None)


def mix_styles(adapter: ArtAdapter, rest: ReadStyle | None, mix: Mapping[str, GivenStyle]) -> ReadStyle:
    """Return a style that has some levels from other ones.

    Args:
        adapter: reads them.
        rest: where the levels come from that are not in ``mix``; None leaves them off.
        mix: {level: style}.

    Raises:
        InputError: if a level has another name, a style lacks the level that it is given for, or as `read_style`.
    """
    if unknown := sorted(set(mix) - set(LEVELS)):
        raise InputError(f"no level is called {unknown[0]!r}; they are {', '.join(LEVELS)}")
    read: dict[str, ReadStyle] = {level: read_style(adapter, given) for level, given in mix.items()}
    for level, found in read.items():
        if level not in found.style.levels:
            where = found.source or f"style {found.style.name!r}"
            raise InputError(f"{where}: has no {level} level, which it is given for; give another one")
    if rest is not None:
        read = dict.fromkeys(rest.style.levels, rest) | read
    by_level = {level: read[level] for level in LEVELS if level in read}
    style = Style.mix(**{level: found.style for level, found in by_level.items()})
    references = {name: pixels for found in by_level.values() for name, pixels in found.references}
    source = None if rest is None else rest.source
    return ReadStyle(style, {level: each.told for level, each in by_level.items()}, tuple(references.items()), source)


def _read_one(adapter: ArtAdapter, given: OneStyle) -> ReadStyle:
    path = Path(given) if isinstance(given, str | Path) else None
    if isinstance(given, ReadStyle):
        adapter.check_style(given.style, f"style {given.style.name!r}")
        return given
    if isinstance(given, Style):
        adapter.check_style(given, f"style {given.name!r}")
        return ReadStyle(given, {"style": given.name, "hash": digest_of(*given.levels.values())})
    if path is not None and path.suffix.lower() == STYLE_SUFFIX:
        style = adapter.check_style(Style.load(path), str(path))
        return ReadStyle(style, {"style": path.name, "hash": digest_of(*style.levels.values())}, source=path)
    pixels = read_reference(given)
    name = "reference" if path is None else path.name
    return ReadStyle(
        adapter.style(pixels, name=name),
        {"reference": name, "hash": digest_of(pixels)},
        ((name, np.asarray(from_tensor(pixels[None]).pixels, np.uint8)),),
        path,
    )
