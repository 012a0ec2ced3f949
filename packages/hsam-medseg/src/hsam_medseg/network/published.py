"""The authors' checkpoints <-> this model: names of all published tensors, none lost in either direction.

A published file is an adapter: low-rank additions, prompt encoder and both decoders. The image encoder is in SAM's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from visioncore.backbones.sam import SAM_ENCODERS, SAM_FILES, SOURCE, read_image_encoder
from visioncore.errors import InputError, one_line
from visioncore.weights.fetched import backbone_file
from visioncore.weights.pretrained import Pretrained
from visioncore.weights.state_dicts import compare, read_state_dict, strip_prefix

from ..method import METHOD
from .config import PATCH, SYNAPSE_CLASSES, HSAMConfig, Preprocessing
from .unused_tensors import unused_shapes

PUBLISHED_SIZES = (224, 512)
"""Image sizes that the authors' code can load."""

_ENCODER = "encoder."
_ADDITION = re.compile(r"encoder\.blocks\.(\d+)\.attn\.qkv\.(down|up)\.([01])")
_UNUSED = "unused."
_RENAMED = (
    ("prompt.frequencies", "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"),
    ("prompt.no_mask_embed", "prompt_encoder.no_mask_embed.weight"),
    ("coarse_decoder.iou_token", "mask_decoder.iou_token.weight"),
    ("coarse_decoder.mask_tokens", "mask_decoder.mask_tokens.weight"),
    ("coarse_decoder.hypernetworks.", "mask_decoder.output_hypernetworks_mlps."),
    ("coarse_decoder.decoder.", "mask_decoder."),  # SAM's own, in the place of the first decoder
    ("coarse_decoder.", "mask_decoder."),
    ("fine_decoder.transformer.", "mask_decoder2.transformer2."),
    ("fine_decoder.mask_tokens", "mask_decoder2.mask_tokens.weight"),
    ("fine_decoder.hypernetworks.", "mask_decoder2.output_hypernetworks_mlps2."),
    ("fine_decoder.gate.", "mask_decoder2."),
    ("fine_decoder.", "mask_decoder2."),
    (_UNUSED, ""),
)
"""How our names begin, and the published ones; the first that fits counts."""

_STACKED = re.compile(r"(.+\.output_hypernetworks_mlps2?)\.(weight|bias)e?s\.(\d)")
_PROMPT, _SECOND_PROMPT = "prompt_encoder.", "prompt_encoder2."
_FRESH = ("mask_tokens", "output_hypernetworks_mlps", "iou_prediction_head")
"""Tensors that the authors do not take from SAM's checkpoint."""


def published_views(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a model's state under the authors' names, without those that are in SAM's own file.

    Stacked tensors come apart, one for each class, and the prompt encoder's have two names. All share memory with
    ``state``: what is written into them is in it.
    """
    views: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if addition := _ADDITION.fullmatch(name):
            block, kind, which = addition.groups()
            views[f"w_{'a' if kind == 'down' else 'b'}_{2 * int(block) + int(which):03d}"] = tensor
        elif not name.startswith(_ENCODER):
            views |= _decoder_views(name, tensor)
    return views


def _decoder_views(name: str, tensor: Tensor) -> dict[str, Tensor]:
    ours, published = next(pair for pair in _RENAMED if name.startswith(pair[0]))
    name = published + name.removeprefix(ours)
    if stacked := _STACKED.fullmatch(name):
        networks, kind, layer = stacked.groups()
        return {f"{networks}.{index}.layers.{layer}.{kind}": part for index, part in enumerate(tensor)}
    if name.startswith(_PROMPT):
        view = tensor[None] if tensor.ndim == 1 and name.endswith("no_mask_embed.weight") else tensor
        return {name: view, _SECOND_PROMPT + name.removeprefix(_PROMPT): view}
    return {name: tensor}


def to_published(model: Pretrained) -> dict[str, Tensor]:
    """Return copies of the adapter's tensors under the authors' names, for use with their scripts and SAM's own file.

    Save it with ``torch.save(to_published(model), "adapter.pth")``. What the authors' code holds without using it is
    written as it was read, or as zeros if the model does not keep it (``keep_unused``).

    Args:
        model: an `HSAM`, on any device, folded or not.

    Raises:
        InputError: if the authors' code has no place for such a network.
    """
    config: HSAMConfig = model.config
    if config.decoder != "hierarchical" or config.backbone not in SAM_ENCODERS or not config.lora_rank:
        raise InputError(
            f"a network with the backbone {config.backbone}, rank {config.lora_rank} and the decoder {config.decoder} "
            "has no published form; that needs SAM's vit_b, vit_l or vit_h, low-rank additions and both decoders"
        )
    if config.gate != "released":
        raise InputError(f"gate is {config.gate}; the authors' code would compute other masks with these weights")
    if config.image_size not in PUBLISHED_SIZES:
        raise InputError(
            f"image_size is {config.image_size}; the authors' code loads {' and '.join(map(str, PUBLISHED_SIZES))} only"
        )
    state: dict[str, Tensor] = model.state_dict()
    if not config.keep_unused:
        state |= {f"{_UNUSED}{name}": torch.zeros(tuple(shape)) for name, shape in unused_shapes(config).items()}
    return {name: view.to("cpu", copy=True) for name, view in published_views(state).items()}


def detect_config(state: Mapping[str, Tensor], where: str) -> HSAMConfig:
    """Return the settings of the network that an adapter under published names belongs to.

    Backbone, rank, classes and image size are read from its tensors. What is done to volumes before is not in the file:
    it is set as the authors do it for Synapse.

    Args:
        state: the adapter's tensors.
        where: the file that they came from, as the error should name it.

    Raises:
        InputError: if it is no adapter of H-SAM; the text says what was looked at.
    """
    pairs = sum(re.fullmatch(r"w_a_\d{3}", name) is not None for name in state)
    tokens, norm, down = (
        state.get(name) for name in ("mask_decoder.mask_tokens.weight", "mask_decoder2.norm1.weight", "w_a_000")
    )
    if tokens is None or norm is None or down is None:
        raise InputError(
            f"{where}: not an H-SAM checkpoint: it has no mask_decoder.mask_tokens.weight, mask_decoder2.norm1.weight "
            f"or w_a_000 (it has {len(state)} tensors, the first is {one_line(next(iter(state), 'none'))})"
        )
    depths = {config.depth: name for name, config in SAM_ENCODERS.items()}
    if pairs % 2 or pairs // 2 not in depths:
        raise InputError(
            f"{where}: has {pairs} additions w_a_*; known are "
            + ", ".join(f"{2 * depth} ({name})" for depth, name in depths.items())
        )
    count = tokens.shape[0] - 1
    return HSAMConfig(
        backbone=depths[pairs // 2],  # type: ignore[arg-type]
        image_size=round(norm.shape[0] ** 0.5) * PATCH,
        classes=SYNAPSE_CLASSES if count == len(SYNAPSE_CLASSES) else tuple(f"class {n + 1}" for n in range(count)),
        lora_rank=down.shape[0],
        keep_unused=True,
        preprocessing=Preprocessing(window="abdomen", orientation="stored", input_size=224),
    )


def fill_adapter(model: Pretrained, state: Mapping[str, Tensor], where: str) -> None:
    """Fill all of an `HSAM` but its image encoder from tensors under published names, all or none.

    Args:
        model: of the configuration that `detect_config` returns.
        state: the tensors.
        where: the file that they came from, as the error should name it.

    Raises:
        InputError: if tensors are missing, unexpected or of another shape, or the two copies of the prompt encoder
            differ; the text names them.
    """
    own = _adapter_state(model)
    views = published_views(own)
    fit = compare(state, {name: view.shape for name, view in views.items()})
    if not fit.ok:
        raise InputError(f"{where}: these tensors do not fit: {fit.describe()}")
    for name in state:
        first = _PROMPT + name.removeprefix(_SECOND_PROMPT)
        if name.startswith(_SECOND_PROMPT) and not torch.equal(state[name], state[first]):
            raise InputError(f"{where}: {name} and {first} differ; the network has one tensor for both")
    for name, view in views.items():
        view.copy_(state[name])
    model.load_state_dict(own, strict=False)


def fill_from_sam(model: Pretrained, state: Mapping[str, Tensor]) -> None:
    """Fill the tensors that the authors take from SAM's checkpoint beside the image encoder, before training.

    That is the first decoder's transformer, IoU token and upscaling, and the prompt encoder. Mask tokens and
    hypernetworks stay random, and so does the second decoder; decoders of another width take nothing.

    Args:
        model: just made.
        state: SAM's own checkpoint.
    """
    own = _adapter_state(model)
    for name, view in published_views(own).items():
        source = state.get(name)
        if source is not None and source.shape == view.shape and not any(part in name for part in _FRESH):
            view.copy_(source)
    model.load_state_dict(own, strict=False)


def _adapter_state(model: Pretrained) -> dict[str, Tensor]:
    """Return copies of the tensors that have a published name, by ours."""
    state = model.state_dict()
    return {name: state[name].clone() for name in state if _ADDITION.fullmatch(name) or not name.startswith(_ENCODER)}


@dataclass(frozen=True)
class Published:
    """A published adapter that was read.

    Attributes:
        config: the network's settings, read from the tensors.
        state: its tensors under their published names.
        where: the file.
    """

    config: HSAMConfig
    state: dict[str, Tensor]
    where: str


def read_published(path: str | Path) -> Published:
    """Read an adapter of the authors; the tensors stay on the CPU.

    Raises:
        InputError: if the file cannot be read or holds something else, such as SAM's own checkpoint.
    """
    state = strip_prefix(read_state_dict(path), "module.")
    if any(name.startswith("image_encoder.") for name in state) and "w_a_000" not in state:
        raise InputError(f"{path}: this is SAM's own checkpoint; give the adapter here and this file as sam")
    return Published(detect_config(state, str(path)), state, str(path))


def read_config(path: str | Path) -> HSAMConfig:
    """Return the settings of the network that an adapter of the authors is for, as `read_published`."""
    return read_published(path).config


def read_sam(path: str | Path | None, backbone: str) -> dict[str, Tensor]:
    """Return the tensors of SAM's own checkpoint of a backbone.

    Args:
        path: the file, or the name of one that the command ``weights`` has fetched.
        backbone: such as ``vit_b``.

    Raises:
        InputError: if there is none; the text says which file it should be and where its authors publish it.
    """
    if backbone not in SAM_FILES:
        raise InputError(
            f"{backbone} is no backbone of SAM's, so there is no checkpoint to start from; set train_encoder to true "
            "and lora_rank to 0, and give none"
        )
    path = None if path is None else backbone_file(METHOD, path)
    if path is None or not path.exists():
        missing = "no SAM checkpoint was given" if path is None else f"{path}: no such file"
        name = f"sam-{backbone.replace('_', '-')}"
        raise InputError(
            f"{missing}; {backbone} needs {SAM_FILES[backbone]}, which {SOURCE} links to and "
            f"{METHOD.name} weights get {name} fetches, for --sam {name}"
        )
    return read_state_dict(path)


def read_encoder(path: str | Path | None, backbone: str) -> dict[str, Tensor]:
    """Return the tensors of SAM's image encoder, with arguments and errors as `read_sam`.

    Raises:
        InputError: if it is the checkpoint of another backbone or of something else.
    """
    return read_image_encoder(read_sam(path, backbone), backbone, str(path))
