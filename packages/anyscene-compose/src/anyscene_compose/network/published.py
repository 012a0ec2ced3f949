"""Published files that an injector can be started from; of the method itself the authors have published none."""

from __future__ import annotations

from pathlib import Path

from visioncore.backbones.clip_files import read_clip
from visioncore.backbones.clip_transformer import CLIPViT


def read_clip_vit(path: str | Path) -> CLIPViT:
    """Return CLIP's image tower on patches in a file, to check that it is one.

    Raises:
        InputError: if the file cannot be read or holds something else.
    """
    return read_clip(path).vit()
