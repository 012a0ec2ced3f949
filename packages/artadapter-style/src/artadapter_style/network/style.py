"""Styles: the tokens of each level, mixed, blended, and kept in small files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from visioncore.errors import InputError, some
from visioncore.weights.state_dicts import read_metadata, read_state_dict, write_state_dict

from .config import LEVELS, Level

FORMAT = "1"
_KIND = "artadapter style"


@dataclass(frozen=True, eq=False)
class Style:
    """A style, as an adapter has read it from references.

    Attributes:
        levels: the tokens (n, width) of each level; one that is absent is off.
        base: fingerprint of the adapter that the tokens are for, see `ArtAdapter.fingerprint`; empty if any.
        name: for people.

    Raises:
        InputError: if tokens are of different shapes, or not numbers.
    """

    levels: Mapping[Level, Tensor]
    base: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", {level: self.levels[level] for level in _known(self.levels)})
        shapes = {tuple(tokens.shape) for tokens in self.levels.values()}
        if len(shapes) > 1 or any(len(shape) != 2 for shape in shapes):
            raise InputError(f"a style has (n, width) tokens in every level, not {', '.join(map(str, sorted(shapes)))}")
        for level, tokens in self.levels.items():
            if not tokens.isfinite().all():
                raise InputError(f"the {level} level of style {self.name!r} holds values that are not numbers")

    def tokens(self) -> Tensor:
        """Return the tokens (n, width) of all levels that are on, low first.

        Raises:
            InputError: if none is on.
        """
        if not self.levels:
            raise InputError("all levels of this style are off; a style needs low, mid or high")
        return torch.cat(tuple(self.levels.values()))

    def only(self, levels: Iterable[str]) -> Style:
        """Return the style with all other levels off.

        Raises:
            InputError: if a level is unknown or off.
        """
        wanted = _known(levels)
        for level in wanted:
            if level not in self.levels:
                raise InputError(f"the {level} level of style {self.name!r} is off")
        return replace(self, levels={level: self.levels[level] for level in wanted})

    def blend(self, other: Style, amount: float) -> Style:
        """Return a style between two: this one at amount 0, the other one at 1.

        Raises:
            InputError: as `mean`, or if the amount is not in [0, 1].
        """
        if not 0 <= amount <= 1:
            raise InputError(f"amount is {amount}; it must be from 0, this style, to 1, the other one")
        return Style.mean([self, other], [1 - amount, amount])

    @staticmethod
    def mean(styles: Sequence[Style], weights: Sequence[float] | None = None) -> Style:
        """Return the weighted mean of styles, level by level; their order does not matter.

        Args:
            styles: with the same levels on.
            weights: one for each, not negative; default: all the same.

        Raises:
            InputError: if there are none, or they do not fit each other, or the weights do not fit them.
        """
        if not styles:
            raise InputError("no style to take the mean of")
        shares = shares_of(weights, len(styles))
        if len({tuple(style.levels) for style in styles}) > 1:
            raise InputError("the styles have different levels on; take those that all have, by only()")
        levels = {level: _mean([style.levels[level] for style in styles], shares) for level in styles[0].levels}
        return Style(levels, _shared_base(styles), _joined(styles))

    @staticmethod
    def mix(low: Style | None = None, mid: Style | None = None, high: Style | None = None) -> Style:
        """Return a style that has each level from another one; a level that is not given is off.

        Raises:
            InputError: if a style has the level off that it gives, or styles are for different adapters.
        """
        given = {level: style for level, style in zip(LEVELS, (low, mid, high), strict=True) if style is not None}
        levels = {level: style.only([level]).levels[level] for level, style in given.items()}
        return Style(levels, _shared_base(list(given.values())), _joined(list(given.values())))

    def save(self, path: str | Path) -> None:
        """Write a style file of a few kilobytes, whole or not at all.

        Raises:
            InputError: if the system refuses the write, with its reason.
        """
        metadata = {"kind": _KIND, "format": FORMAT, "base": self.base, "name": self.name}
        write_state_dict(path, {level: tokens.float() for level, tokens in self.levels.items()}, metadata)

    @staticmethod
    def load(path: str | Path) -> Style:
        """Read a style file.

        Raises:
            InputError: if it cannot be read, or is none.
        """
        metadata = read_metadata(path)
        if metadata.get("kind") != _KIND:
            raise InputError(f"{path}: not a style file; `Style.save` and the command finetune write them")
        if metadata.get("format") != FORMAT:
            raise InputError(f"{path}: a style file of format {metadata.get('format')}; this version reads {FORMAT}")
        state = read_state_dict(path)
        try:
            levels = {level: state[level].float() for level in _known(state)}
            return Style(levels, metadata.get("base", ""), metadata.get("name", ""))
        except InputError as error:
            raise InputError(f"{path}: {error}") from error


def shares_of(weights: Sequence[float] | None, references: int) -> list[float]:
    """Return the weight of each of several references; by default all the same.

    Raises:
        InputError: if there is not one for each, one is below 0, or their sum is 0 or not finite.
    """
    if weights is None:
        return [1.0] * references
    shares = [float(weight) for weight in weights]
    if len(shares) != references:
        raise InputError(f"{len(shares)} weights for {references} references; there must be one for each")
    if not (0 < sum(shares) < float("inf") and min(shares) >= 0):
        raise InputError(f"weights are {', '.join(f'{w:g}' for w in shares)}; none may be below 0, nor all be 0")
    return shares


def _known(levels: Iterable[str]) -> list[Level]:
    """Return levels in their order, each once."""
    given = list(levels)
    for level in given:
        if level not in LEVELS:
            raise InputError(f"{some([str(level)])} is no level of style; those are {', '.join(LEVELS)}")
    return [level for level in LEVELS if level in given]


def _mean(tokens: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    # sums in float64, divided last, so that order and repetition of references leave no trace
    total = torch.stack([each.double() * share for each, share in zip(tokens, shares, strict=True)]).sum(dim=0)
    return (total / sum(shares)).to(tokens[0].dtype)


def _shared_base(styles: Sequence[Style]) -> str:
    bases = {style.base for style in styles} - {""}
    if len(bases) > 1:
        raise InputError(f"these styles are for different adapters ({', '.join(sorted(bases))}); make them with one")
    return next(iter(bases), "")


def _joined(styles: Sequence[Style]) -> str:
    return " + ".join(dict.fromkeys(style.name for style in styles if style.name))
