"""Motions of a whole animation, handed out some frames at a time, kept in files and read again."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visioncore.errors import InputError, damage
from visioncore.files import atomic_path, writable_folder

from ..network.config import MOST_FRAMES
from ..network.flow import Motion
from ..network.fourier import at_times
from ..network.representation import unpacked

Size = tuple[int, int]
"""Height and width."""
_NUMBERS = (torch.float16, torch.float32, torch.float64, torch.int32, torch.int64)
"""Types of the arrays of a motion that is kept."""


@dataclass(frozen=True, eq=False)
class PeriodicMotion:
    """A motion as a few Fourier coefficients; it repeats for ever.

    Attributes:
        sums: (6, k, h, w) Fourier sums of positions and occlusion, real parts first, see `network.fourier`.
        period: frames after which it repeats.
        times: (m,) in frames, of each frame that is shown, float64.
    """

    sums: Tensor
    period: int
    times: Tensor

    def __len__(self) -> int:
        return len(self.times)

    def chunks(self, count: int, size: Size, device: torch.device) -> Iterator[Motion]:
        """Yield the motions of ``count`` frames after the other, as maps of a size."""
        sums = self.sums.to(device)
        for times in self.times.remainder(self.period).split(count):
            yield unpacked(at_times(sums, self.period, times), size)

    def first(self) -> PeriodicMotion:
        """Return the motion of the frame at time 0."""
        return PeriodicMotion(self.sums, self.period, self.times.new_zeros(1))

    def only(self, numbers: Sequence[int]) -> PeriodicMotion:
        """Return the motion of some of the frames."""
        return PeriodicMotion(self.sums, self.period, self.times[list(numbers)])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that are kept in a file."""
        return {
            "sums": self.sums.cpu().numpy(),
            "period": np.array(self.period),
            "times": self.times.numpy(),
        }


@dataclass(frozen=True, eq=False)
class ClipMotion:
    """A motion taken from a clip, frame by frame; it is found anew each time that it is asked for.

    Attributes:
        find: yields it, any number of frames at a time, as maps (n, h, w, 2) and (n, 1, h, w).
        length: frames.
        size: of the photo that it was found for, with its padding; its maps are where things are in that.
        numbers: of the frames that are shown; default: all.
    """

    find: Callable[[], Iterator[Motion]]
    length: int
    size: Size
    numbers: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return self.length if self.numbers is None else len(self.numbers)

    def chunks(self, count: int, size: Size, device: torch.device) -> Iterator[Motion]:
        """Yield the motions of at most ``count`` frames after the other; the maps have the size they were found in."""
        begin = 0
        for found in self.find():
            n = len(found.flow)
            here = range(n) if self.numbers is None else [i - begin for i in self.numbers if begin <= i < begin + n]
            begin += n
            for part in torch.tensor(list(here), dtype=torch.long).split(count):
                if len(part):
                    occlusion = None if found.occlusion is None else found.occlusion[part].to(device)
                    yield Motion(found.flow[part].to(device), occlusion)
            if self.numbers is not None and begin > max(self.numbers):
                return

    def only(self, numbers: Sequence[int]) -> ClipMotion:
        """Return the motion of some of the frames, in their order."""
        return replace(self, numbers=tuple(sorted(numbers)))

    def maps(self) -> Iterator[NDArray[np.float32]]:
        """Yield flow and, where there is one, occlusion of some frames after the other, (n, h, w, 2 or 3)."""
        for found in self.find():
            occlusion = [] if found.occlusion is None else [found.occlusion.permute(0, 2, 3, 1)]
            yield torch.cat([found.flow, *occlusion], dim=3).float().cpu().numpy()


Motions = PeriodicMotion | ClipMotion


def frame_times(period: int, frames: int | None, speed: float, loop: bool) -> Tensor:
    """Return the times (m,), in frames of the motion, at which the frames of an animation are.

    Args:
        period: frames after which the motion repeats.
        frames: m; default: those of one period.
        speed: frames of the motion for each one of the animation.
        loop: let a whole number of periods fit, so that frame m would be frame 0 again; the speed is then only near
            to what is asked for.

    Raises:
        InputError: if a number is out of its range.
    """
    if not 0 < speed <= period / 2:
        raise InputError(f"speed is {speed}; it must be above 0 and at most {period / 2:g}")
    count = max(2, math.ceil(period / speed - 1e-9)) if frames is None else frames
    if not 1 <= count <= MOST_FRAMES:
        raise InputError(f"frames is {count}; it must be from 1 to {MOST_FRAMES}")
    if loop:
        speed = max(1, round(count * speed / period)) * period / count
    return torch.arange(count, dtype=torch.float64) * speed


def save_motion(path: str | Path, motion: Motions) -> Path:
    """Keep a motion as an ``.npz`` file, whole or not at all, and return where.

    Raises:
        InputError: if the suffix is another, or it cannot be written.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise InputError(f"{path}: motions are kept as .npz")
    writable_folder(path.parent)
    with atomic_path(path) as temporary:
        write_motion(temporary, motion)
    return path


def write_motion(path: Path, motion: Motions) -> None:
    """Write a motion as an ``.npz`` file; that of a clip some frames at a time."""
    with path.open("wb") as file:
        if isinstance(motion, PeriodicMotion):
            arrays: dict[str, Any] = motion.arrays()
            np.savez_compressed(file, **arrays)
            return
        with ZipFile(file, "w", ZIP_DEFLATED) as kept:
            with kept.open("size.npy", "w") as array:
                np.lib.format.write_array(array, np.array(motion.size))
            with kept.open("maps.npy", "w", force_zip64=True) as array:
                maps = motion.maps()
                first = next(maps)
                about = {"descr": "<f4", "fortran_order": False, "shape": (motion.length, *first.shape[1:])}
                np.lib.format.write_array_header_2_0(array, about)
                for some in itertools.chain([first], maps):
                    array.write(some.astype("<f4").tobytes())


def read_motion(path: str | Path) -> Motions:
    """Return the motion that `save_motion` kept.

    Raises:
        InputError: if it cannot be read, or holds something else.
    """
    with damage(Path(path), "cannot be read as a motion"), np.load(path) as arrays:
        kept = {name: torch.from_numpy(np.array(arrays[name])) for name in arrays.files}
    shapes = {name: tuple(value.shape) for name, value in kept.items()}
    if not all(value.isfinite().all() for value in kept.values() if value.is_floating_point()):
        raise InputError(f"{path}: the motion holds values that are not finite")
    sums = shapes.get("sums", ())
    timed = shapes.get("period") == () and len(shapes.get("times", ())) == 1 and 0 not in shapes["times"]
    numbers = all(value.dtype in _NUMBERS for value in kept.values())
    if numbers and timed and len(sums) == 4 and sums[0] == 6 and 0 not in sums:
        period = int(kept["period"])
        if period == kept["period"] and 2 * sums[1] <= period <= MOST_FRAMES:
            return PeriodicMotion(kept["sums"].float(), period, kept["times"].double())
    maps = shapes.get("maps", ())
    sized = shapes.get("size") == (2,) and bool((kept["size"] > 1).all())
    if numbers and sized and len(maps) == 4 and maps[3] in (2, 3) and 0 not in maps:
        flow, occlusion = kept["maps"][..., :2].float(), kept["maps"][..., 2:].float().permute(0, 3, 1, 2)
        whole = Motion(flow, occlusion if maps[3] == 3 else None)
        height, width = (int(side) for side in kept["size"])
        return ClipMotion(lambda: iter([whole]), maps[0], (height, width))
    raise InputError(f"{path}: no motion that was kept by this program; it holds {shapes}")
