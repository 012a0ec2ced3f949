"""The authors' checkpoints <-> this model: names of all published tensors, none lost in either direction."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from visioncore.errors import InputError, one_line
from visioncore.weights.state_dicts import compare, read_state_dict, strip_prefix

from .config import VARIANTS

_ENCODER = {
    "level1": "encoder_level1_{stage}",
    "down1": "down1_2_{shared}.body",
    "level2": "encoder_level2_{stage}",
    "down2": "down2_3_{shared}.body",
    "latent": "latent_{stage}",
}
_DECODER = {
    "up2": "up3_2_{shared}.body",
    "reduce2": "reduce_chan_level2_{stage}",
    "level2": "decoder_level2_{stage}",
    "up1": "up2_1_{shared}.body",
    "reduce1": "reduce_chan_level1_{stage}",
    "level1": "decoder_level1_{stage}",
}
# our module: its parts, and the published suffixes of its levels and of its resizing layers
_STAGES = {
    "quarter_scale.encoder": (_ENCODER, "small", "small"),
    "quarter_scale.decoder": (_DECODER, "small", "small"),
    "half_scale.encoder1": (_ENCODER, "mid1", "mid"),
    "half_scale.decoder1": (_DECODER, "mid1", "mid"),
    "half_scale.encoder2": (_ENCODER, "mid2", "mid2"),
    "half_scale.decoder2": (_DECODER, "mid2", "mid2"),
    "full_scale.unet1.encoder": (_ENCODER, "max1", "max"),
    "full_scale.unet1.decoder": (_DECODER, "max1", "max"),
    "full_scale.unet2.encoder": (_ENCODER, "max2", "max2"),
    "full_scale.unet2.decoder": (_DECODER, "max2", "max2"),
    "full_scale.encoder3": (_ENCODER, "max3", "max3"),
    "full_scale.decoder3": (_DECODER, "max3", "max3"),
}
MODULES = {
    **{
        f"{ours}.{part}": published.format(stage=stage, shared=shared)
        for ours, (parts, stage, shared) in _STAGES.items()
        for part, published in parts.items()
    },
    "quarter_scale.embed": "patch_embed_small.proj",
    "half_scale.embed": "patch_embed_mid.proj",
    "full_scale.embed": "patch_embed_max.proj",
    "quarter_scale.output": "output_small",
    "half_scale.output": "output_mid",
    "full_scale.output": "output_max",
    "half_scale.context": "output_mid_context",
    "full_scale.unet1.context": "output_max_context1",
    "full_scale.unet2.context": "output_max_context2",
    "inr_quarter.up2": "upsmall2mid1.body",
    "inr_quarter.up1": "upsmall2mid2.body",
    "inr_quarter.decode": "INR.imnet",
    "inr_half.up2": "upmid2max1.body",
    "inr_half.up1": "upmid2max2.body",
    "inr_half.decode": "INR2.imnet",
    "fuse_full1": "BF1",
    "fuse_full2": "BF2",
    "fuse_half": "BF3",
}
_INSIDE: list[
    tuple[str, str | Callable[[re.Match[str]], str]]
] = [  # what a name looks like behind its module, ours and published, in the order they are tried
    (r"attention\.qkv_local", "attn.qkv_dwconv.main.0"),
    (r"attention\.qkv", "attn.qkv"),
    (r"attention\.project", "attn.project_out"),
    (r"attention\.temperature", "attn.temperature"),
    (r"feed_forward\.expand", "ffn.project_in"),
    (r"feed_forward\.local", "ffn.dwconv.main.0"),
    (r"feed_forward\.project", "ffn.project_out"),
    (r"(norm[12])", r"\1.body"),
    (r"squeeze\.1", "CA.conv_du.0"),
    (r"squeeze\.3", "CA.conv_du.2"),
    (r"query", "query_conv"),
    (r"key", "key_conv"),
    (r"gate_earlier", "gamma1"),
    (r"gate_later", "gamma2"),
    # the pixel decoder's layers stand between ReLUs
    (r"layers\.(\d)", lambda match: f"layers.{2 * int(match[1])}"),
]
_CNN_BLOCK = re.compile(r"\.(\d+)\.(body|squeeze)\.")


def published_name(name: str) -> str:
    """Return the name that a tensor of this model has in the authors' checkpoints."""
    module = max((m for m in MODULES if name.startswith(m + ".")), key=len)
    rest = name.removeprefix(module)
    if match := _CNN_BLOCK.search(rest):  # their CNN block is two of ours
        first, second = divmod(int(match[1]), 2)
        rest = rest.replace(match[0], f".{first}.decoder_level1.{second}.{match[2]}.", 1)
    for ours, published in _INSIDE:
        rest, found = re.subn(rf"(?<=\.){ours}(?=\.|$)", published, rest, count=1)
        if found:
            break
    return MODULES[module] + rest


def to_published(model: nn.Module) -> dict[str, Tensor]:
    """Return the model's tensors under the authors' names, for use with their scripts.

    Save it as ``torch.save({"state_dict": to_published(model)}, "model.pth")``.
    """
    return {published_name(name): tensor.detach().cpu() for name, tensor in model.state_dict().items()}


def detect_variant(state: Mapping[str, Tensor], where: str) -> str:
    """Return the name of the published variant that a state dict under published names belongs to.

    Raises:
        InputError: if it belongs to none; the text says what was looked at and what it should be.
    """
    embed = state.get("patch_embed_max.proj.weight")
    if embed is None or embed.ndim != 4:
        raise InputError(
            f"{where}: not a NeRD-Rain checkpoint: it has no convolution patch_embed_max.proj.weight "
            f"(it has {len(state)} tensors, the first is {one_line(next(iter(state), 'none'))})"
        )
    cab = any(".CA.conv_du." in name for name in state)
    for variant, config in VARIANTS.items():
        if config.dim == embed.shape[0] and (config.block == "cab") == cab:
            return variant
    raise InputError(
        f"{where}: no published variant has {embed.shape[0]} channels with "
        f"{'CNN' if cab else 'transformer'} blocks; known are "
        + ", ".join(f"{name} ({config.dim}, {config.block})" for name, config in VARIANTS.items())
    )


def fill_from_published(model: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Fill ``model`` from tensors under published names.

    Raises:
        InputError: if tensors are missing, unexpected or of another shape, or differ where the network has one for
            several names (the slope of the CNN variant); the text names them.
    """
    ours = model.state_dict()
    names = {name: published_name(name) for name in ours}
    fit = compare(state, {published: ours[name].shape for name, published in names.items()})
    if not fit.ok:
        raise InputError(f"{where}: these tensors do not fit: {fit.describe()}")
    first_names: dict[int, str] = {}
    for name, tensor in ours.items():
        first = first_names.setdefault(tensor.data_ptr(), names[name])
        if not torch.equal(state[names[name]], state[first]):
            raise InputError(f"{where}: {names[name]} and {first} differ; the network has one tensor for both")
    model.load_state_dict({name: state[published] for name, published in names.items()})


def read_published(path: str | Path, variant: str | None = None) -> tuple[str, dict[str, Tensor]]:
    """Read a checkpoint of the authors: which variant it is of, and its tensors under their names.

    The tensors stay on the CPU; the optimizer's part of the file is left out.

    Args:
        path: the ``.pth`` file, from a single GPU or from several (names with ``module.``).
        variant: insist on this variant.

    Raises:
        InputError: if the file cannot be read, holds something else, or is of another variant.
    """
    state = strip_prefix(read_state_dict(path), "module.")
    found = detect_variant(state, str(path))
    if variant is not None and variant != found:
        raise InputError(f"{path}: this is a checkpoint of {found}, not of {variant}")
    return found, state
