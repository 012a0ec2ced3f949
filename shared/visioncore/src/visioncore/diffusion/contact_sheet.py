"""A contact sheet: a grid of images with a label above each column and beside each row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..extras import require
from ..images import Image, write_image
from ..report import label_font

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

SIDE = 256
"""Longer side of an image on the sheet, at most."""
_GAP, _TEXT, _LABEL = 8, 15, 200
_INK, _PAPER, _EMPTY = (20, 20, 20), (255, 255, 255), (228, 228, 228)


@dataclass(frozen=True)
class Column:
    """A column of a sheet.

    Attributes:
        label: above it.
        head: image (H, W, 3) uint8 below the label, such as the reference; None for none.
    """

    label: str
    head: NDArray[np.uint8] | None = None


def draw_sheet(
    path: Path, columns: Sequence[Column], rows: Sequence[str], cells: Sequence[Sequence[NDArray[np.uint8] | None]]
) -> None:
    """Write a contact sheet, whole or not at all.

    Args:
        path: the PNG file.
        columns: from left to right.
        rows: their labels from top to bottom.
        cells: images (H, W, 3) uint8 of each row, downsampled to fit; None leaves a place empty.

    Raises:
        InputError: if there is nothing to show, or the file cannot be written.
    """
    if not columns or not rows:
        raise InputError(f"{path}: no image to show on this sheet")
    pillow, drawing = require("PIL.Image", "images"), require("PIL.ImageDraw", "images")
    font = label_font(_TEXT)
    every = [image for row in cells for image in row if image is not None]
    width, height = _cell_size(every or [np.zeros((SIDE, SIDE, 3), np.uint8)])
    heads = any(column.head is not None for column in columns)
    above = [_wrapped(column.label, width, font) for column in columns]
    beside = [_wrapped(row, _LABEL, font) for row in rows]
    top = _GAP + max(map(len, above)) * _line(font) + _GAP + (height + _GAP if heads else 0)
    row_heights = [max(height, len(lines) * _line(font)) + _GAP for lines in beside]
    left = _GAP + _LABEL + _GAP
    sheet = pillow.new("RGB", (left + len(columns) * (width + _GAP), top + sum(row_heights)), _PAPER)
    draw = drawing.Draw(sheet)
    for number, (column, lines) in enumerate(zip(columns, above, strict=True)):
        x = left + number * (width + _GAP)
        draw.text((x, _GAP), "\n".join(lines), _INK, font)
        if column.head is not None:
            _put(sheet, _fitted(column.head, width, height), (x, top - height - _GAP, width, height))
    y = top
    for lines, images, row_height in zip(beside, cells, row_heights, strict=True):
        draw.text((_GAP, y), "\n".join(lines), _INK, font)
        for number, image in enumerate(images):
            place = (left + number * (width + _GAP), y, width, height)
            if image is None:
                draw.rectangle((place[0], y, place[0] + width - 1, y + height - 1), fill=_EMPTY)
            else:
                _put(sheet, _fitted(image, width, height), place)
        y += row_height
    write_image(path, Image(np.asarray(sheet)))


def _cell_size(images: Sequence[NDArray[np.uint8]]) -> tuple[int, int]:
    """Return the width and height that hold all images, none of them upsampled."""
    sizes = []
    for image in images:
        scale = min(1.0, SIDE / max(image.shape[:2]))
        sizes.append((round(image.shape[1] * scale), round(image.shape[0] * scale)))
    # labels need some room also where images are tiny
    return max(64, *(width for width, _ in sizes)), max(16, *(height for _, height in sizes))


def _fitted(image: NDArray[np.uint8], width: int, height: int) -> PillowImage:
    pillow = require("PIL.Image", "images")
    scale = min(1.0, width / image.shape[1], height / image.shape[0])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    whole: PillowImage = pillow.fromarray(image)
    return whole if size == whole.size else whole.resize(size, pillow.Resampling.LANCZOS)


def _put(sheet: PillowImage, image: PillowImage, place: tuple[int, int, int, int]) -> None:
    x, y, width, height = place
    sheet.paste(image, (x + (width - image.width) // 2, y + (height - image.height) // 2))


def _line(font: Any) -> int:
    return math.ceil(sum(font.getmetrics()) * 1.3)


def _wrapped(text: str, width: int, font: Any) -> list[str]:
    """Return text as lines that fit a width; words that are longer are cut up."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if font.getlength(joined) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if lines[-1] and font.getlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines
