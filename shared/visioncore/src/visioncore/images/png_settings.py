"""PNG files that know how they were made: the settings as JSON in a text chunk."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, damage
from ..files import atomic_path, writable_folder
from .opening import recognise
from .png import PACKING, chunk
from .sixteen_bit import Pixels, encode_png


def write_png(path: Path, pixels: Pixels, settings: Mapping[str, Any], name: str) -> None:
    """Write an image with its settings, whole or not at all; folders are made as needed.

    Args:
        path: the file.
        pixels: (H, W, 3) uint8 or uint16.
        settings: what JSON can hold; anything else as text.
        name: of the method, under which they lie in the file.

    Raises:
        InputError: if the system refuses the write.
    """
    text = json.dumps(dict(settings), ensure_ascii=False, default=str)
    # bytes of the command line that are no UTF-8
    text = re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)
    if pixels.dtype == np.uint16:
        # no compression, no language, no translated name
        content = encode_png(pixels.astype(np.uint16), chunk(b"iTXt", f"{name}\0\0\0\0\0{text}".encode()))
    else:
        content = _eight_bit_png(pixels, name, text)
    writable_folder(path.parent)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _eight_bit_png(pixels: Pixels, name: str, text: str) -> bytes:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_itxt(name, text)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", pnginfo=texts, **PACKING["fast"])
    return content.getvalue()


def read_settings(path: str | Path, name: str) -> dict[str, Any]:
    """Return the settings with which an image was made by a method of that name.

    Raises:
        InputError: if it is no PNG file, or holds none.
    """
    from PIL.PngImagePlugin import PngImageFile

    path = Path(path)
    if recognise(path) != "Png":
        raise InputError(f"{path}: no PNG file, so it holds no settings")
    with damage(path, "the PNG file is truncated or damaged"):
        file = PngImageFile(path)
        with file:
            text = file.text.get(name)
    if text is None:
        raise InputError(f"{path}: holds no settings; it was not made by {name}, or was saved anew")
    with damage(path, "the settings in this file are damaged"):
        settings: dict[str, Any] = json.loads(text)
    return settings
