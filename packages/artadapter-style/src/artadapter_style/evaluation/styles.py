"""Style groups: references that share a style, in folders, with captions where the content leak is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from visioncore.errors import InputError, some
from visioncore.files import natural_key, read_text_lines, walk
from visioncore.images import IMAGE_SUFFIXES

PLAIN = "plain"
"""Folder of the images that were made without a style; no group is called so."""


@dataclass(frozen=True)
class StyleGroup:
    """References of one style.

    Attributes:
        name: of the group.
        images: their files.
        captions: what the images show, as far as it is known.
    """

    name: str
    images: tuple[Path, ...]
    captions: tuple[str, ...] = ()


def read_styles(folder: str | Path) -> tuple[StyleGroup, ...]:
    """Return the style groups of a folder: each of its folders, and each image that lies right in it.

    A text file beside an image, of the same name, is its caption.

    Raises:
        InputError: if there is no image, or the name of a group cannot be used.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of style references")
    found: dict[str, list[Path]] = {}
    for _, files in walk(folder):
        for file in sorted(files, key=natural_key):
            if file.suffix.lower() in IMAGE_SUFFIXES:
                first = file.relative_to(folder).parts[0]
                found.setdefault(Path(first).stem if file.parent == folder else first, []).append(file)
    if not found:
        raise InputError(f"{folder}: no image in it; it should have a folder of references for each style, or images")
    if PLAIN in found:
        raise InputError(f"{folder}: a style is called {PLAIN}, as images without a style are; rename it")
    groups = (
        StyleGroup(name, tuple(files), tuple(caption for file in files if (caption := caption_of(file))))
        for name, files in sorted(found.items(), key=lambda item: natural_key(item[0]))
    )
    return tuple(groups)


def caption_of(image: Path) -> str:
    """Return the caption beside an image, empty if there is none.

    Raises:
        InputError: if it cannot be read.
    """
    path = image.with_suffix(".txt")
    return " ".join(text for _, text in read_text_lines(path, "a caption")) if path.is_file() else ""


def check_captions(styles: Sequence[StyleGroup]) -> str:
    """Return a line on the styles whose content leak cannot be measured, empty if there are none."""
    without = [style.name for style in styles if not style.captions]
    if not without:
        return ""
    return f"content_leak: no caption beside a reference of {some(without)}, so it is of the other styles alone"
