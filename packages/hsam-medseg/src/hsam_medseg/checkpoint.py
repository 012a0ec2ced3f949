"""The authors' checkpoints <-> this model: every published tensor has its place, and none is lost on the way back.

A published file is an adapter: low-rank additions, prompt encoder and both decoders. The image encoder is SAM's own file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from visioncore.backbones.sam import SAM_ENCODERS, SAM_FILES, SOURCE
from visioncore.checkpoint import compare, read_state_dict, strip_prefix
from visioncore.errors import InputError

from .config import PATCH, SYNAPSE_CLASSES, HSAMConfig, Preprocessing

PUBLISHED_SIZES = (224, 512)
"""Image sizes that the authors' code can load."""

_ENCODER = "encoder."
_UNUSED = "unused."
_SECOND_PROMPT = "prompt_encoder2."
_PROMPT = "prompt_encoder."
_GATE = "fine_decoder.gate."
_RENAMED = (
    ("prompt.frequencies", "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"),
    ("prompt.no_mask_embed", "prompt_encoder.no_mask_embed.weight"),
    (_GATE, "mask_decoder2."),
    ("coarse_decoder.", "mask_decoder."),
    ("fine_decoder.transformer.", "mask_decoder2.transformer2."),
    ("fine_decoder.", "mask_decoder2."),
    (_UNUSED, ""),
)
"""How our names begin, and the published ones."""


def published_names(name: str, depth: int) -> list[str]:
    """Return the published names that a tensor of this model is spread over; stacked ones have one for each class.

    The names of stacked tensors end in ``{}`` where the number of the class goes; tensors of SAM's file have none.

    Args:
        name: as in the model's state dict.
        depth: blocks of the image encoder.
    """
    if match := re.fullmatch(r"encoder\.blocks\.(\d+)\.attn\.qkv\.(down|up)\.([01])", name):
        block, kind, which = match.groups()
        return [f"w_{'a' if kind == 'down' else 'b'}_{2 * int(block) + int(which):03d}"]
    if name.startswith(_ENCODER):
        return []
    for ours, published in _RENAMED:
        if name.startswith(ours):
            name = published + name.removeprefix(ours)
            break
    if name.endswith(("iou_token", "mask_tokens")):
        name += ".weight"
    if match := re.fullmatch(r"(mask_decoder2?)\.hypernetworks\.(weights|biases)\.(\d)", name):
        decoder, kind, layer = match.groups()
        networks = "output_hypernetworks_mlps2" if decoder == "mask_decoder2" else "output_hypernetworks_mlps"
        return [f"{decoder}.{networks}.{{}}.layers.{layer}.{'weight' if kind == 'weights' else 'bias'}"]
    if name.startswith(_PROMPT):
        return [name, _SECOND_PROMPT + name.removeprefix(_PROMPT)]
    return [name]


def to_published(model: nn.Module) -> dict[str, Tensor]:
    """Return the adapter's tensors under the authors' names, for use with their scripts and SAM's own file.

    Save it with ``torch.save(to_published(model), "adapter.pth")``. What the authors' code holds without using it is
    written as it was read, or as zeros if the model does not keep it (``keep_unused``).

    Raises:
        InputError: if the authors' code has no place for such a network.
    """
    from .unused import unused_shapes

    config: HSAMConfig = model.config  # type: ignore[assignment]
    if config.decoder != "hierarchical" or config.backbone not in SAM_ENCODERS or not config.lora_rank:
        raise InputError(
            f"a network with the backbone {config.backbone}, rank {config.lora_rank} and the decoder {config.decoder} "
            "has no published form; that needs SAM's vit_b, vit_l or vit_h, low-rank additions and both decoders"
        )
    if config.image_size not in PUBLISHED_SIZES:
        raise InputError(
            f"image_size is {config.image_size}; the authors' code loads {' and '.join(map(str, PUBLISHED_SIZES))} only"
        )
    state = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    if not config.keep_unused:
        state |= {f"{_UNUSED}{name}": torch.zeros(tuple(shape)) for name, shape in unused_shapes(config).items()}
    depth = SAM_ENCODERS[config.backbone].depth
    published: dict[str, Tensor] = {}
    for name, tensor in state.items():
        for target in published_names(name, depth):
            if "{}" in target:
                published |= {target.format(index): part.clone() for index, part in enumerate(tensor)}
            else:
                published[target] = tensor[None] if target.endswith("no_mask_embed.weight") else tensor
    return published


def detect_config(state: Mapping[str, Tensor], where: str) -> HSAMConfig:
    """Return the settings of the network that an adapter under published names belongs to.

    Backbone, rank, classes and image size are read from its tensors. What is done to volumes before is not in the file:
    it is set as the authors do it for Synapse.

    Raises:
        InputError: if it is no adapter of H-SAM; the text says what was looked at.
    """
    pairs = sum(re.fullmatch(r"w_a_\d{3}", name) is not None for name in state)
    tokens, norm, down = (
        state.get(name) for name in ("mask_decoder.mask_tokens.weight", "mask_decoder2.norm1.weight", "w_a_000")
    )
    if tokens is None or norm is None or down is None:
        raise InputError(
            f"{where}: not an H-SAM checkpoint: it has no mask_decoder.mask_tokens.weight, mask_decoder2.norm1.weight or "
            f"w_a_000 (it has {len(state)} tensors, the first is {next(iter(state), 'none')})"
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
        decoder_width=tokens.shape[1],
        keep_unused=True,
        preprocessing=Preprocessing(window="abdomen", orientation="stored", input_size=224),
    )


def fill_adapter(model: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Fill all of ``model`` but its image encoder from tensors under published names.

    Raises:
        InputError: if tensors are missing, unexpected or of another shape, or the two copies of the prompt encoder
            differ; the text names them.
    """
    config: HSAMConfig = model.config  # type: ignore[assignment]
    depth = SAM_ENCODERS[config.backbone].depth
    filled: dict[str, Tensor] = {}
    expected: dict[str, torch.Size] = {}
    targets: dict[str, list[str]] = {}
    for name, tensor in model.state_dict().items():
        for published in published_names(name, depth):
            if "{}" in published:
                targets[name] = [published.format(index) for index in range(tensor.shape[0])]
                expected |= dict.fromkeys(targets[name], tensor.shape[1:])
            else:
                single = published.endswith("no_mask_embed.weight")
                expected[published] = torch.Size((1, *tensor.shape)) if single else tensor.shape
                targets.setdefault(name, [published])
    fit = compare(state, expected)
    if not fit.ok:
        raise InputError(f"{where}: these tensors do not fit: {fit.describe()}")
    for name in state:
        first = _PROMPT + name.removeprefix(_SECOND_PROMPT)
        if name.startswith(_SECOND_PROMPT) and not torch.equal(state[name], state[first]):
            raise InputError(f"{where}: {name} and {first} differ; the network has one tensor for both")
    for name, sources in targets.items():
        if len(sources) == 1 and sources[0] in state and "hypernetworks" not in name:
            filled[name] = state[sources[0]].reshape(model.state_dict()[name].shape)
        else:
            filled[name] = torch.stack([state[source] for source in sources])
    model.load_state_dict(filled, strict=False)


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


def read_sam(path: str | Path | None, backbone: str) -> dict[str, Tensor]:
    """Read SAM's own checkpoint of a backbone.

    Raises:
        InputError: if there is none; the text says which file it should be and where its authors publish it.
    """
    if path is None or not Path(path).exists():
        missing = "no SAM checkpoint was given" if path is None else f"{path}: no such file"
        raise InputError(f"{missing}; {backbone} needs {SAM_FILES[backbone]}, which {SOURCE} links to")
    return read_state_dict(path)


def fill_from_sam(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Fill what the authors take from SAM's checkpoint beside the image encoder, before training.

    That is the first decoder's transformer, IoU token and upscaling, and the prompt encoder. Mask tokens and
    hypernetworks stay random, and so does the second decoder; decoders of another width take nothing.
    """
    config: HSAMConfig = model.config  # type: ignore[assignment]
    filled = {}
    for name, tensor in model.state_dict().items():
        for published in published_names(name, SAM_ENCODERS[config.backbone].depth):
            source = state.get(published)
            fresh = any(part in published for part in ("mask_tokens", "hypernetworks", "iou_prediction_head"))
            if source is not None and not fresh and source.numel() == tensor.numel():
                filled[name] = source.reshape(tensor.shape)
    model.load_state_dict(filled, strict=False)
