"""Running a large image in little memory: self-attention in slices, and the auto-encoder in tiles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def low_memory(unet: nn.Module, vae: Any) -> Iterator[None]:
    """Let self-attention go through its heads one by one, and the auto-encoder through images in tiles.

    It takes longer, and where tiles overlap the image differs a little. Cross-attention is small, and
    stays as it is. Afterwards everything is as it was.
    """
    from diffusers.models.attention_processor import Attention, SlicedAttnProcessor

    layers = [layer for path, layer in unet.named_modules() if path.endswith(".attn1") and isinstance(layer, Attention)]
    before = [layer.processor for layer in layers]
    tiled, sliced = vae.use_tiling, vae.use_slicing
    try:
        for layer in layers:
            sliced_attention: Any = SlicedAttnProcessor(slice_size=1)
            layer.set_processor(sliced_attention)
        vae.enable_tiling()
        vae.enable_slicing()
        yield
    finally:
        for layer, processor in zip(layers, before, strict=True):
            layer.set_processor(processor)
        vae.use_tiling, vae.use_slicing = tiled, sliced
