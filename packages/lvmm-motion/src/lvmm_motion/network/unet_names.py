"""Names of a denoiser's tensors, ours and the published ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from visioncore.errors import InputError

from .attention import frequencies

_EMBEDDINGS = {"time": "time_mlp", "sequence": "seq_mlp"}
_UNET: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"position_bias\.", "time_rel_pos_bias."),
    (r"init_attention\.", "init_temporal_attn."),
    (r"(time|sequence)\.expand\.", lambda m: f"{_EMBEDDINGS[m[1]]}.1."),
    (r"(time|sequence)\.mix\.", lambda m: f"{_EMBEDDINGS[m[1]]}.3."),
    (r"(downs|ups)\.(\d+)\.resnet1\.", r"\1.\2.0."),
    (r"(downs|ups)\.(\d+)\.resnet2\.", r"\1.\2.1."),
    (r"(downs|ups)\.(\d+)\.linear_attention\.", r"\1.\2.2."),
    (r"(downs|ups)\.(\d+)\.cross_attention\.", r"\1.\2.3."),
    (r"(downs|ups)\.(\d+)\.attention\.", r"\1.\2.4."),
    (r"downsamples\.(\d+)\.", r"downs.\1.5."),
    (r"upsamples\.(\d+)\.", r"ups.\1.5."),
    (r"middle\.block", "mid_block"),
    (r"middle\.spatial_attention\.", "mid_spatial_attn."),
    (r"middle\.cross_attention\.", "mid_cross_attn."),
    (r"middle\.attention\.", "mid_temporal_attn."),
    (r"(final_conv|occlusion_map)\.block\.", r"\1.0."),
    (r"(final_conv|occlusion_map)\.out\.", r"\1.1."),
)
"""How our names of a denoiser begin, and the published ones."""


def unet_name(name: str) -> str:
    """Return the published name of a denoiser's tensor."""
    for ours, theirs in _UNET:
        name, found = re.subn(rf"^{ours}", theirs, name)
        if found:
            break
    name = re.sub(r"\.mlp\.(weight|bias)$", r".mlp.1.\1", name)
    name = re.sub(r"\.norm\.gamma$", ".fn.norm.gamma", name)
    name = re.sub(r"\.(to_qkv\.weight)$", r".fn.fn.\1", name)
    name = re.sub(r"(attn|\.3|\.4)\.(to_(?:q|kv|out)\.weight)$", r"\1.fn.fn.fn.\2", name)
    return re.sub(r"\.2\.(to_out\.(?:weight|bias))$", r".2.fn.fn.\1", name)


def unet_to_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a denoiser's tensors as the authors have them."""
    theirs = {}
    for name, tensor in state.items():
        if name in _OURS:
            continue
        published = unet_name(name)
        theirs[published] = tensor.view(_published_shape(published, tensor))
        if name.endswith("attention.to_q.weight") and _is_frequency_attention(name, state):
            theirs[published.replace("to_q.weight", "rotary_emb.freqs")] = frequencies().to(tensor.dtype)
    return theirs


def unet_from_published(state: Mapping[str, Tensor], ours: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Return a denoiser's tensors under our names, and those that have no place under theirs.

    Args:
        state: all that the authors have.
        ours: the denoiser's own tensors, for their names and shapes.
        where: the file, as the error should name it.

    Raises:
        InputError: if the angles of positions are others than ours.
    """
    names = {unet_name(name): name for name in ours if name not in _OURS}
    kept = {name: ours[name] for name in _OURS if name in ours}
    for name, tensor in state.items():
        if name.endswith(".rotary_emb.freqs"):
            if tensor.shape != (16,) or not torch.allclose(tensor.float(), frequencies()):
                raise InputError(f"{where}: {name} holds other angles than the published networks")
        elif name in names and tensor.shape == _published_shape(name, ours[names[name]]):
            kept[names[name]] = tensor.view(ours[names[name]].shape)
        else:
            kept[names.get(name, name)] = tensor
    return kept


_OURS = ("scales",)
"""Tensors of ours that are in no file of the authors."""


def _published_shape(name: str, tensor: Tensor) -> tuple[int, ...]:
    shape = tuple(tensor.shape)
    if name.endswith("gamma"):
        return (1, *shape, 1, 1, 1)
    # Convolutions of images are convolutions of volumes one frame deep, all but those of linear attention.
    return (*shape[:2], 1, *shape[2:]) if len(shape) == 4 and ".2.fn." not in name else shape


def _is_frequency_attention(name: str, state: Mapping[str, Tensor]) -> bool:
    if name.startswith("init_attention."):
        return True
    return "sequence.mix.weight" not in state and not re.search(r"(cross|spatial)_attention\.", name)
