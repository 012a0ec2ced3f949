"""Motion of clips as the auto-encoder sees it, kept on disk: it is the same in every epoch, and costs far more than a
step of the motion denoiser.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError, damage, some
from visioncore.files import atomic_path, read_json, writable_folder
from visioncore.report import write_json

ABOUT = "motion.json"
"""File in the folder that tells what all of its motion was made with."""


@dataclass(frozen=True)
class MotionSettings:
    """All that motion depends on beside the frames of the clip.

    Attributes:
        autoencoder: fingerprint of the network that saw it.
        image_size: side of the frames that it saw, in pixels.
        frames: of a clip.
        stride: from one to the next.
        fps: frames per second that were taken; None for those of each clip.
        keep: Fourier coefficients.
        size: sides of their maps.
        embedder: what tokens were made by; empty where there are none.
    """

    autoencoder: str
    image_size: int
    frames: int
    stride: int = 1
    fps: float | None = None
    keep: int = 16
    size: int = 32
    embedder: str = ""


class MotionCache:
    """A folder with one ``.npz`` of half floats for each clip, and what all were made with in `ABOUT`.

    A file is there whole or not at all, so that making them can be broken off and go on.

    Args:
        folder: made if it is not there.
        settings: of the motion.

    Raises:
        InputError: if what is there was made with others, or the folder cannot be written in.
    """

    def __init__(self, folder: str | Path, settings: MotionSettings) -> None:
        self.folder, self.settings = Path(folder), settings
        about = self.folder / ABOUT
        if about.exists():
            self._check(about)
        else:
            if any(self.folder.glob("*.npz")):
                raise InputError(f"{self.folder}: has .npz files, but no {ABOUT} that tells what they are")
            writable_folder(self.folder)
            write_json(about, dataclasses.asdict(settings))

    def _check(self, about: Path) -> None:
        before, wanted = read_json(about, "the settings of kept motion"), dataclasses.asdict(self.settings)
        if not isinstance(before, dict):
            raise InputError(f"{about}: not the settings of kept motion; name another folder")
        if before.get("autoencoder") != wanted["autoencoder"]:
            raise InputError(
                f"{self.folder}: its motion was seen by the auto-encoder {before.get('autoencoder')}, not by "
                f"{wanted['autoencoder']}; name another folder, or remove this one"
            )
        if changed := [key for key in wanted if before.get(key) != wanted[key]]:
            told = some(f"{key} {before.get(key)}, not {wanted[key]}" for key in changed)
            raise InputError(f"{self.folder}: its motion was made with {told}; name another folder, or remove this one")

    def path(self, name: str, start: int = 0) -> Path:
        """Return the file for the frames of a clip from ``start`` on."""
        key = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        readable = re.sub(r"[^A-Za-z0-9]+", "-", name)[-60:].strip("-")
        return self.folder / f"{readable}-{key}-{start}.npz"

    def has(self, name: str, start: int = 0) -> bool:
        """Return whether the motion of a clip is there."""
        return self.path(name, start).exists()

    def save(
        self,
        name: str,
        coefficients: NDArray[np.floating],
        start: int = 0,
        tokens: NDArray[np.floating] | None = None,
    ) -> None:
        """Keep the motion of a clip, whole or not at all.

        Args:
            name: of the clip.
            coefficients: (6, keep, size, size), Fourier means of offsets and occlusion, unscaled: half floats are
                exact to one in 2000 there, and would not be for sums of positions.
            start: number of the first frame.
            tokens: (n, context) of the condition.

        Raises:
            InputError: if the shape is another, a value is not finite as half a float, or it cannot be written.
        """
        path, shape = self.path(name, start), (6, self.settings.keep, self.settings.size, self.settings.size)
        arrays = {"coefficients": coefficients} | ({} if tokens is None else {"tokens": tokens})
        if coefficients.shape != shape:
            raise InputError(f"{name}: motion is {coefficients.shape}; it should be {shape}")
        with np.errstate(over="ignore"):
            half = {key: np.asarray(value).astype(np.float16) for key, value in arrays.items()}
        if bad := [key for key, value in half.items() if not np.isfinite(value).all()]:
            raise InputError(f"{name}: {some(bad)} of its motion are not finite; does the auto-encoder diverge?")
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **half)

    def load(self, name: str, start: int = 0) -> dict[str, NDArray[np.float16]]:
        """Return ``coefficients``, and ``tokens`` where there are some, as `save` took them.

        Raises:
            InputError: if it is not there, or damaged.
        """
        path = self.path(name, start)
        if not path.exists():
            raise InputError(f"{self.folder}: no motion of {name} from frame {start} on; make it first")
        with damage(path, "the file is damaged", "; remove it and make it anew"), np.load(path) as file:
            return {key: file[key] for key in file.files}
