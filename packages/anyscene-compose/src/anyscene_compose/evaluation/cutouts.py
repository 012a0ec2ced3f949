"""Cut-outs to be measured: a folder of images with alpha, each with its name, and where on the canvas it stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from visioncore.errors import InputError
from visioncore.files import natural_key, read_text_lines, walk
from visioncore.images import IMAGE_SUFFIXES, eight_bit

from ..inference.canvas import Canvas
from ..inference.elements import Element
from ..inference.scenes import named_after
from .areas import Pixels

if TYPE_CHECKING:
    from ..inference.canvas import Box

SHARE = 0.5
"""Part of the canvas's sides that the box of a cut-out takes."""
LOW = 0.9
"""Part of the canvas's height at which the box ends, so that things stand rather than fly."""


@dataclass(frozen=True)
class Cutout:
    """A foreground of one element.

    Attributes:
        key: where it lies in the folder, without its suffix, such as ``kitchen/mug``.
        file: an image with alpha.
        name: what it shows, as prompts say it.
    """

    key: str
    file: Path
    name: str

    def canvas(self, width: int, height: int, share: float = SHARE) -> Canvas:
        """Return a canvas with the cut-out on it: in the middle, standing near the lower edge.

        Raises:
            InputError: if it cannot be read or has no alpha.
        """
        element = Element(self.file, name=self.name, words=[self.name])
        return Canvas(width, height).place(element.trimmed(), box=box_in(width, height, share))


def box_in(width: int, height: int, share: float) -> Box:
    """Return left, top, right and bottom of the box of a cut-out on a canvas."""
    across, down = width * share, height * share
    bottom = min(height, height * LOW if down <= height * LOW else height)
    return round((width - across) / 2), round(bottom - down), round((width + across) / 2), round(bottom)


def foreground_of(canvas: Canvas) -> Pixels:
    """Return the foreground on a canvas as (H, W, 4), straight alpha, 8 bits."""
    whole = canvas.composite()
    return np.dstack([eight_bit(whole.pixels), eight_bit(whole.alpha)])


def pasted(foreground: Pixels, scene: Pixels) -> Pixels:
    """Return a foreground (H, W, 4) laid over a scene (H, W, 3); where it is opaque its pixels stay bit by bit."""
    alpha = foreground[..., 3:].astype(np.float32) / 255
    mixed = foreground[..., :3] * alpha + scene * (1 - alpha)
    return np.asarray(mixed.round(), np.uint8)


def read_cutouts(folder: str | Path) -> tuple[Cutout, ...]:
    """Return the cut-outs of a folder and of the folders in it.

    A text file beside an image, of the same name, says what it shows; by default the file's name does, with spaces for
    hyphens and underscores.

    Raises:
        InputError: if there is no image, or two would be called the same.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of cut-outs")
    files = [file for _, names in walk(folder) for file in names if file.suffix.lower() in IMAGE_SUFFIXES]
    if not files:
        raise InputError(f"{folder}: no image in it; it should have cut-outs, images with alpha such as mug.png")
    found: dict[str, Cutout] = {}
    for file in sorted(files, key=natural_key):
        key = file.relative_to(folder).with_suffix("").as_posix()
        if key in found:
            raise InputError(f"{file}: {found[key].file.name} has the same name; rename one of them")
        found[key] = Cutout(key, file, _name_of(file))
    return tuple(found.values())


def _name_of(file: Path) -> str:
    path = file.with_suffix(".txt")
    told = " ".join(text for _, text in read_text_lines(path, "a name")) if path.is_file() else ""
    return told or named_after(file)
