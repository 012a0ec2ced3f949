"""The cross-attention layers of a U-Net of diffusers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from torch import nn

from ..errors import InputError

if TYPE_CHECKING:
    from diffusers.models.attention_processor import Attention

Group = Literal["down", "mid", "up"]
GROUPS: tuple[Group, ...] = ("down", "mid", "up")
"""Parts of a U-Net that a layer can be in."""


def cross_attention(unet: nn.Module) -> dict[str, Attention]:
    """Return the layers that attend to the prompt, sorted by their paths.

    Raises:
        InputError: if there are none.
    """
    from diffusers.models.attention_processor import Attention

    found = {
        path: layer
        for path, layer in sorted(unet.named_modules())
        if path.endswith(".attn2") and isinstance(layer, Attention)
    }
    if not found:
        raise InputError(f"{type(unet).__name__} has no cross-attention layers; a U-Net of Stable Diffusion has")
    return found


def attention_widths(unet: nn.Module) -> dict[str, int]:
    """Return the width of the queries of each cross-attention layer by its path."""
    return {path: layer.inner_dim for path, layer in cross_attention(unet).items()}


def group_of(path: str) -> Group:
    """Return which part of the U-Net a layer is in.

    Raises:
        InputError: if the path begins as that of no part.
    """
    for group in GROUPS:
        if path.startswith(f"{group}_block"):
            return group
    raise InputError(f"{path}: no layer of a U-Net; their paths begin with down_blocks, mid_block or up_blocks")
