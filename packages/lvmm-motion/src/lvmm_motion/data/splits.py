"""Training and validation: which clips are on which side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from visioncore.errors import InputError, some
from visioncore.training.held_out import hold_out

from .clips import Clip

SplitBy = Literal["name", "group", "label"]
"""How clips are parted: one by one, groups such as persons, or classes."""


def split_clips(
    clips: Sequence[Clip], by: SplitBy = "name", held_out: float | Sequence[str] = 0.1, seed: int = 0
) -> tuple[list[Clip], list[Clip]]:
    """Return the clips to train on and those that are held out, each in order.

    Args:
        clips: of a data set.
        by: clips with one ``name``, ``group`` or ``label`` stay together; those without one are trained on.
        held_out: share of the different ones that is held out, or which ones.
        seed: decides which ones a share takes.

    Raises:
        InputError: if a side would be empty, or one that is held out is not there.
    """
    keys = [getattr(clip, by) for clip in clips]
    known = list(dict.fromkeys(key for key in keys if key is not None))
    if isinstance(held_out, int | float):
        if not 0 < held_out < 1:
            raise InputError(f"held_out is {held_out}; it must be between 0 and 1, or name each {by} that is")
        if len(known) < 2:
            raise InputError(f"clips have {len(known)} different {by}s; at least 2 are needed to hold one out")
        chosen = {known[i] for i in hold_out(known, held_out, most=len(known), seed=seed, where=f"{by}s of clips")[1]}
    else:
        chosen = set(held_out)
        if unknown := sorted(chosen - set(known)):
            raise InputError(f"no clip has the {by} {some(unknown)}; there are {some(known)}")
    training = [clip for clip, key in zip(clips, keys, strict=True) if key not in chosen]
    validation = [clip for clip, key in zip(clips, keys, strict=True) if key in chosen]
    if not training or not validation:
        raise InputError(f"{len(training)} clips to train on and {len(validation)} held out; each must be at least 1")
    return training, validation
