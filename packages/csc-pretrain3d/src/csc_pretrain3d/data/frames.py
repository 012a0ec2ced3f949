"""A data set as training sees it: frames that are read when they are asked for, and the scene of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from visioncore.errors import InputError

from .frame import Frame


class Frames(Protocol):
    """Frames of a data set."""

    @property
    def scenes(self) -> Sequence[str]:
        """The scene of each frame, known without reading it; of what has no scenes, a name of its own for each."""
        ...

    def __len__(self) -> int:
        """Return the number of frames."""
        ...

    def __getitem__(self, index: int) -> Frame:
        """Return a frame."""
        ...


@dataclass(frozen=True)
class Chosen:
    """Some frames of a data set.

    Attributes:
        frames: all.
        indices: of those that are chosen.
    """

    frames: Frames
    indices: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Frame:
        return self.frames[self.indices[index]]

    @property
    def scenes(self) -> tuple[str, ...]:
        """The scene of each frame."""
        scenes = self.frames.scenes
        return tuple(scenes[index] for index in self.indices)


def chosen(frames: Frames, indices: Sequence[int]) -> Chosen:
    """Return the frames at some indices."""
    return Chosen(frames, tuple(indices))


def labelled_part(frames: Frames, every: int, unit: str = "scene") -> Chosen:
    """Return the frames of every n-th scene, the n-th, the 2n-th and so on, or every n-th frame, the first among them.

    So are counted the 7 of nuScenes' 700 scenes, and the 192 of SemanticKITTI's 19 130 scans, that make 1 %.

    Raises:
        InputError: if there are fewer than n.
    """
    units = frames.scenes if unit == "scene" else range(len(frames))
    different = list(dict.fromkeys(units))
    wanted = set(different[every - 1 if unit == "scene" else 0 :: every])
    if not wanted:
        raise InputError(f"label_every is {every} and there are {len(different)} {unit}s to train on; set it to fewer")
    return chosen(frames, [index for index, each in enumerate(units) if each in wanted])
