"""Photos in, the same bright out: one, or files by the folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from visioncore.devices import resolve_device
from visioncore.files import writable_folder
from visioncore.images import IMAGE_SUFFIXES, Image, Pixels, from_tensor, read_image, to_tensor, write_image
from visioncore.inference.batch import Summary, plan_jobs, process_files

from ..network.fast import FastBrighter
from ..network.model import Brighter
from .result import Result


class Predictor:
    """Makes photos bright.

    Args:
        model: the network; the predictor keeps its weights as they are now.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        InputError: if there is no such device.
    """

    def __init__(self, model: Brighter, device: str | torch.device = "auto") -> None:
        self.device = resolve_device(device)
        self._network = FastBrighter(model).to(self.device).eval()

    def __call__(self, photo: str | Path | Image | Pixels) -> Result:
        """Make a photo bright.

        Args:
            photo: a file, an `Image`, or an array (H, W, 3) of RGB, 8 or 16 bit.

        Raises:
            InputError: if it cannot be read or is no image.
        """
        if isinstance(photo, str | Path):
            photo = read_image(photo)
        dim = photo if isinstance(photo, Image) else Image(photo)
        return Result(dim, from_tensor(self.restore(to_tensor(dim)), like=dim))

    def restore(self, images: Tensor) -> Tensor:
        """Return bright images (B, 3, H, W), not clamped, of images with values in [0, 1]."""
        bright: Tensor = self._network(images.to(self.device))
        return bright.to(images.device)


def predict_files(
    inputs: Sequence[str | Path], predictor: Predictor, out: str | Path, *, say: Callable[[str], None] = print
) -> Summary:
    """Make many photos bright; what is done is skipped, and one that is broken does not stop the others.

    Args:
        inputs: files, folders, glob patterns.
        predictor: does the work.
        out: folder for the results.
        say: told a line for each file that failed.

    Raises:
        InputError: if an input is missing, a result would be written over an input, or ``out`` cannot be written.
    """
    return process_files(
        plan_jobs(inputs, IMAGE_SUFFIXES, writable_folder(out), lambda source: ".png"),
        read_image,
        lambda image: predictor(image).bright,
        lambda image, path: write_image(path, image),
        say=say,
    )
