"""How many channels the U-Net of a base model takes: of latents alone, and for inpainting of what stays as well."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ..errors import InputError

CHANNELS, INPAINTING_CHANNELS = 4, 9
"""That the U-Net of a text-to-image model takes, and that of one for inpainting."""


def check_channels(path: Path, found: int, wanted: Collection[int]) -> None:
    """Validate that a U-Net takes as many channels as are wanted.

    Raises:
        InputError: naming both.
    """
    if found not in wanted:
        told = f"its U-Net takes {found} channels{', as for inpainting' if found == INPAINTING_CHANNELS else ''}"
        right = "one for inpainting takes 9" if CHANNELS not in wanted else "a base takes 4"
        raise InputError(f"{path}: {told}; {right}")
