"""The image encoder of Segment Anything (Kirillov et al. 2023) at any image size, from the package segment-anything.

Layers and names of tensors are that package's; what is computed is the same to rounding, with less work
(`window_attention`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError
from ..extras import require, require_part
from ..weights.state_dicts import compare, load_into, read_state_dict
from .window_attention import run_blocks

PATCH = 16
"""Side of a patch in pixels; the embedding has one position for each."""

SOURCE = "github.com/facebookresearch/segment-anything"
"""Where SAM's authors publish their checkpoints."""

_PREFIX = "image_encoder."


@dataclass(frozen=True)
class SAMEncoderConfig:
    """Configuration of an image encoder.

    Attributes:
        width: channels of the transformer.
        depth: number of blocks.
        heads: attention heads, a divisor of the width.
        global_blocks: blocks whose attention sees the whole image; that of the others sees windows.
        window: side of the windows in patches.
        out_channels: channels of the image embedding.
    """

    width: int
    depth: int
    heads: int
    global_blocks: tuple[int, ...]
    window: int = 14
    out_channels: int = 256


SAM_ENCODERS: Mapping[str, SAMEncoderConfig] = {
    "vit_b": SAMEncoderConfig(768, 12, 12, (2, 5, 8, 11)),
    "vit_l": SAMEncoderConfig(1024, 24, 16, (5, 11, 17, 23)),
    "vit_h": SAMEncoderConfig(1280, 32, 16, (7, 15, 23, 31)),
}
"""The published encoders by the names of their authors."""

SAM_FILES: Mapping[str, str] = {
    "vit_b": "sam_vit_b_01ec64.pth",
    "vit_l": "sam_vit_l_0b3195.pth",
    "vit_h": "sam_vit_h_4b8939.pth",
}
"""The checkpoints that hold them."""


def sam_layers() -> Any:
    """Return the module with the layers of the package segment-anything.

    The package itself imports torchvision, which takes longer than all else that a prediction needs.

    Raises:
        InputError: if the package is missing.
    """
    return require_part("segment_anything", "modeling", "sam")


class SAMImageEncoder(nn.Module):
    """SAM's image encoder.

    Args:
        config: its shape.
        image_size: side of the square images in pixels, a multiple of 16; SAM itself was trained at 1024.

    Raises:
        InputError: if the size is no positive multiple of 16, or the package segment-anything is missing.
    """

    def __init__(self, config: SAMEncoderConfig, image_size: int = 1024) -> None:
        super().__init__()
        if image_size < PATCH or image_size % PATCH:
            raise InputError(f"image_size is {image_size}; it must be a positive multiple of {PATCH}")
        published = sam_layers().ImageEncoderViT(
            img_size=image_size,
            patch_size=PATCH,
            embed_dim=config.width,
            depth=config.depth,
            num_heads=config.heads,
            out_chans=config.out_channels,
            norm_layer=_layer_norm,
            use_rel_pos=True,
            window_size=config.window,
            global_attn_indexes=config.global_blocks,
        )
        self.config, self.image_size = config, image_size
        self.patch_embed, self.blocks, self.neck = published.patch_embed, published.blocks, published.neck
        self.pos_embed: nn.Parameter = published.pos_embed
        self.recompute = False

    def forward(self, images: Tensor) -> Tensor:
        """Return the image embedding.

        Args:
            images: (B, 3, S, S) for the image size S, normalised as the weights expect it.

        Returns:
            (B, out_channels, S / 16, S / 16).

        Raises:
            InputError: if the images are of another shape.
        """
        side = self.image_size
        if images.ndim != 4 or images.shape[1:] != (3, side, side):
            raise InputError(f"images are {tuple(images.shape)}; they must be (B, 3, {side}, {side})")
        x = self.patch_embed(images) + self.pos_embed
        x = run_blocks(self.blocks, x, recompute=self.recompute and self.training and torch.is_grad_enabled())
        embedding: Tensor = self.neck(x.permute(0, 3, 1, 2))
        return embedding


def read_sam(path: str | Path) -> Any:
    """Return a whole ``Sam`` of the package segment-anything, on the CPU in evaluation mode.

    Args:
        path: a checkpoint of its authors.

    Raises:
        InputError: if the package is not installed, or the checkpoint cannot be read or is none.
    """
    registry = require("segment_anything", "sam").sam_model_registry
    state = read_state_dict(path)
    positions = state.get(f"{_PREFIX}pos_embed")
    width = positions.shape[-1] if positions is not None and positions.ndim else 0
    name = next((known for known, config in SAM_ENCODERS.items() if config.width == width), None)
    if name is None:
        raise InputError(
            f"{path}: no checkpoint of SAM, which holds {_PREFIX}pos_embed of ViT-B, L or H: "
            f"{', '.join(SAM_FILES.values())} ({SOURCE})"
        )
    model = registry[name]()
    load_into(model, state, where=str(path))
    return model.eval()


def resize_tables(state: Mapping[str, Tensor], config: SAMEncoderConfig, image_size: int) -> dict[str, Tensor]:
    """Return an encoder's tensors with position tables for another image size.

    Position embeddings, (1, g, g, width) for g x g patches, are resized bilinearly; the relative positions of the
    global blocks, (2 g - 1, width of a head), linearly along their rows. Windows keep their size and so their tables.

    Args:
        state: tensors under the names of `SAMImageEncoder`.
        config: the encoder's shape.
        image_size: the new side in pixels.
    """
    grid = image_size // PATCH
    resized = dict(state)
    positions = state["pos_embed"]
    if positions.shape[1] == grid:
        return resized
    resized["pos_embed"] = _resized(positions.permute(0, 3, 1, 2), grid, grid).permute(0, 2, 3, 1)
    for block in config.global_blocks:
        for axis in ("h", "w"):
            name = f"blocks.{block}.attn.rel_pos_{axis}"
            table = state[name]
            resized[name] = _resized(table[None, None], 2 * grid - 1, table.shape[1])[0, 0]
    return resized


def _resized(maps: Tensor, height: int, width: int) -> Tensor:
    """Return maps (B, C, H, W) at another size, (B, C, height, width)."""
    return F.interpolate(maps, size=(height, width), mode="bilinear", align_corners=False)


def read_image_encoder(state: Mapping[str, Tensor], name: str, where: str) -> dict[str, Tensor]:
    """Return the tensors of a published image encoder under the names of `SAMImageEncoder`.

    Args:
        state: a whole SAM checkpoint; only ``image_encoder.*`` of it is used.
        name: which encoder it should be, one of `SAM_ENCODERS`.
        where: the file, as the error should name it.

    Raises:
        InputError: if it is the checkpoint of another encoder or of something else; the line says of which, and which
            file is needed.
    """
    encoder = {key.removeprefix(_PREFIX): value for key, value in state.items() if key.startswith(_PREFIX)}
    wanted = f"{name} needs {SAM_FILES[name]} ({SOURCE})"
    positions = encoder.get("pos_embed")
    if positions is None or positions.ndim != 4:
        raise InputError(f"{where}: no SAM checkpoint (it has no {_PREFIX}pos_embed); {wanted}")
    found = next((known for known, config in SAM_ENCODERS.items() if config.width == positions.shape[-1]), None)
    if found != name:
        raise InputError(f"{where}: holds SAM's {found or f'encoder of width {positions.shape[-1]}'}; {wanted}")
    size = positions.shape[1] * PATCH
    with torch.device("meta"):
        expected = {key: value.shape for key, value in SAMImageEncoder(SAM_ENCODERS[name], size).state_dict().items()}
    fit = compare(encoder, expected)
    if not fit.ok:
        raise InputError(f"{where}: these tensors do not fit SAM's {name}: {fit.describe()}")
    return encoder


def _layer_norm(width: int) -> nn.LayerNorm:
    return nn.LayerNorm(width, eps=1e-6)
