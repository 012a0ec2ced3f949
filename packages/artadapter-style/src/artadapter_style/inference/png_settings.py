"""PNG files that know how they were made: the settings as JSON in a text chunk."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError, damage
from visioncore.files import atomic_path, writable_folder
from visioncore.images.opening import recognise

from ..method import METHOD


def write_png(path: Path, pixels: NDArray[np.uint8], settings: Mapping[str, Any]) -> None:
    """Write an image (H, W, 3) with its settings, whole or not at all; folders are made as needed.

    Raises:
        InputError: if the system refuses the write.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    text = json.dumps(dict(settings), ensure_ascii=False, default=str)
    # bytes of the command line that are no UTF-8
    texts.add_itxt(METHOD.name, re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text))
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", pnginfo=texts)
    writable_folder(path.parent)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getvalue())


def read_settings(path: str | Path) -> dict[str, Any]:
    """Return the settings with which an image was made.

    Raises:
        InputError: if it is no PNG file, or holds none.
    """
    from PIL.PngImagePlugin import PngImageFile

    path = Path(path)
    if recognise(path) != "Png":
        raise InputError(f"{path}: no PNG file, so it holds no settings")
    with damage(path, "the PNG file is truncated or damaged"), PngImageFile(path) as file:
        text = file.text.get(METHOD.name)
    if text is None:
        raise InputError(f"{path}: holds no settings; it was not made by {METHOD.name}, or was saved anew")
    with damage(path, "the settings in this file are damaged"):
        settings: dict[str, Any] = json.loads(text)
    return settings
