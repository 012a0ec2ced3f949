"""Cut-outs from files: an image with alpha, a photo with its mask, or a photo that is cut out first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from visioncore.errors import InputError
from visioncore.images import IMAGE_SUFFIXES, read_image
from visioncore.inference.image_inputs import GivenImage

from .elements import Element, Word
from .matting import Matting
from .segmenting import load_sam, segment


@dataclass(frozen=True)
class Cutting:
    """How files become elements.

    Attributes:
        mask: a file, or a folder of masks that are named as their photos; None for the alpha of the files.
        premultiplied: as of `Element`.
        sam: of `load_sam`, which cuts out photos that have neither; None for none.
        points: columns and rows in them that belong to the foreground.
        around: left, top, right, bottom around it.
        matting: makes the edge of masks and of what is cut out soft; None for none.
    """

    mask: Path | None = None
    premultiplied: bool | None = None
    sam: Any = None
    points: tuple[tuple[float, float], ...] = ()
    around: Sequence[float] | None = None
    matting: Matting | None = None

    def read(self, path: Path, name: str = "", words: Sequence[Word] = ()) -> Element:
        """Return the element in a file.

        Raises:
            InputError: as `Element`; naming the mask that is missing; or if nothing is found to cut out.
        """
        given: GivenImage = path
        mask: Any = self.mask_of(path)
        if mask is None and self.mask is not None:
            raise InputError(f"{path}: no mask of that name in {self.mask}; name it {path.stem}.png")
        if mask is None and self.sam is not None:
            photo = read_image(path)
            if photo.alpha is None:
                try:
                    mask = segment(self.sam, photo, self.points, self.around)
                except InputError as error:
                    raise InputError(f"{path}: {error}") from error
        element = Element(given, mask=mask, premultiplied=self.premultiplied, name=name, words=words)
        if self.matting is not None and mask is not None:
            photo = replace(element.image, alpha=None)
            soft = Element(photo, mask=self.matting(photo, element.alpha), name=name, words=words)
            soft.source = path
            return soft
        return element

    def mask_of(self, path: Path) -> Path | None:
        """Return the file of a photo's mask, if there is one."""
        return self.mask if self.mask is None or not self.mask.is_dir() else named_as(path, self.mask)


def cutting_of(
    *,
    mask: str = "",
    sam: str = "",
    matting: str = "",
    points: Sequence[float] = (),
    around: Sequence[float] | None = None,
    alpha: str = "checked",
    device: str = "auto",
) -> tuple[Cutting, dict[str, Any]]:
    """Return how files become elements, by the options of a command, and its record: what results depend on.

    Args:
        mask: file or folder.
        sam: checkpoint of Segment Anything.
        matting: folder of a matting network.
        points: columns and rows, in turns.
        around: a box.
        alpha: checked, straight or premultiplied.
        device: of the networks.

    Raises:
        InputError: if a file is missing or cannot be read, or there is a column without a row.
    """
    if len(points) % 2:
        raise InputError(f"points has {len(points)} numbers; they are columns and rows, in turns")
    for name, path in (("mask", mask), ("sam", sam), ("matting", matting)):
        if path and not Path(path).exists():
            raise InputError(f"{path}: no such file or folder, which {name} names")
    if (points or around) and not sam:
        raise InputError("points and around are for Segment Anything; give its checkpoint by sam")
    pairs = tuple(zip(points[::2], points[1::2], strict=True))
    multiplied = {"checked": None, "straight": False, "premultiplied": True}[alpha]
    files = {name: stamp(Path(path)) for name, path in (("mask", mask), ("sam", sam), ("matting", matting)) if path}
    told = {"points": pairs, "around": around, "alpha": alpha if alpha != "checked" else None}
    cutting = Cutting(
        Path(mask) if mask else None,
        multiplied,
        load_sam(sam, device) if sam else None,
        pairs,
        around,
        Matting(matting, device) if matting else None,
    )
    return cutting, files | {name: value for name, value in told.items() if value}


def named_as(path: Path, folder: Path) -> Path | None:
    """Return the image in a folder that is named as a file, of its own suffix rather than of others; None for none."""
    for suffix in (path.suffix, *IMAGE_SUFFIXES):
        if (found := folder / f"{path.stem}{suffix}").is_file():
            return found
    return None


def stamp(path: Path) -> list[Any]:
    """Return where a file or folder is, how long its files are and how old, for the record of a batch."""
    files = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
    stats = [each.stat() for each in files]
    sizes, ages = [each.st_size for each in stats], [each.st_mtime_ns for each in stats]
    return [str(path.resolve()), sum(sizes), max(ages, default=0)]
