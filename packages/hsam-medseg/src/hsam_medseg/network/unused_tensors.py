"""Published tensors without any effect on the masks, kept so that a checkpoint can be written back unchanged.

They are the branch behind the gate that is constant, the heads that should tell the quality of masks and were never
trained, norms that the masked attention owns but does not call, and the prompts that nobody gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from .config import HSAMConfig
from .gate import HIDDEN

Shape = Sequence[int]
PROMPT = "prompt_encoder"
MASK_HINT = (4, 16)
"""Channels of the two convolutions that would take in a mask prompt."""
POINTS = 11
"""Kinds of points that could be clicked on: nine classes, and the two corners of a box."""
NEVER_CALLED = {"norm1": 196, "norm2": 9, "norm3": 1024}
"""Widths of the norms of a masked attention, the same for all classes and image sizes."""


class UnusedTensors(nn.Module):
    """Buffers under dotted names.

    Args:
        shapes: name -> shape.
    """

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        super().__init__()
        for name, shape in shapes.items():
            *folders, last = name.split(".")
            place: nn.Module = self
            for folder in folders:
                if folder not in dict(place.named_children()):
                    place.add_module(folder, nn.Module())
                place = place.get_submodule(folder)
            place.register_buffer(last, torch.zeros(tuple(shape)))


def unused_shapes(config: HSAMConfig) -> dict[str, Shape]:
    """Return the shapes of the published tensors that a network does not use, by their published names."""
    width, channels, positions = config.decoder_width, config.channels, config.grid**2
    shapes: dict[str, Shape] = {
        **{f"{PROMPT}.point_embeddings.{index}.weight": (1, width) for index in range(POINTS)},
        f"{PROMPT}.not_a_point_embed.weight": (1, width),
        **_weighted(f"{PROMPT}.mask_downscaling.0", (MASK_HINT[0], 1, 2, 2)),
        **_weighted(f"{PROMPT}.mask_downscaling.1", (MASK_HINT[0],)),
        **_weighted(f"{PROMPT}.mask_downscaling.3", (MASK_HINT[1], MASK_HINT[0], 2, 2)),
        **_weighted(f"{PROMPT}.mask_downscaling.4", (MASK_HINT[1],)),
        **_weighted(f"{PROMPT}.mask_downscaling.6", (width, MASK_HINT[1], 1, 1)),
    }
    for decoder in ("mask_decoder", "mask_decoder2"):
        for layer, outputs in enumerate((width, width, channels)):
            shapes |= _weighted(f"{decoder}.iou_prediction_head.layers.{layer}", (outputs, width))
    for block in (0, 1):
        for direction in ("token_to_image", "image_to_token"):
            for norm, size in NEVER_CALLED.items():
                name = f"mask_decoder2.transformer2.layers.{block}.cross_attn_{direction}.{norm}"
                shapes |= _weighted(name, (size,))
    if config.gate == "released":
        for attention in ("self_attn", "self_attn2"):
            for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
                shapes |= _weighted(f"mask_decoder2.{attention}.{projection}", (positions, positions))
        shapes |= _weighted("mask_decoder2.mlp.lin1", (HIDDEN, positions))
        shapes |= _weighted("mask_decoder2.mlp.lin2", (positions, HIDDEN))
        shapes |= _weighted("mask_decoder2.norm1", (positions,)) | _weighted("mask_decoder2.norm2", (positions,))
        shapes |= _weighted("mask_decoder2.med_sel.0", (1, channels))
    return shapes


def _weighted(name: str, shape: Shape) -> dict[str, Shape]:
    """Return the shapes of a layer's weight and bias."""
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
