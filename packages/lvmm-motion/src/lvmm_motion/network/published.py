"""Published checkpoints <-> our networks: which network a file holds, its settings, and its tensors under our names.

The flow auto-encoder has the same names on both sides; of the denoisers `unet_names` knows both.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from visioncore.errors import InputError, some
from visioncore.weights.state_dicts import check_dense, read_content

from .config import Config, FlowAutoencoderConfig, FrameUNetConfig, MotionUNetConfig
from .unet_names import unet_from_published, unet_to_published

_PARTS = ("generator", "region_predictor", "bg_predictor")
"""Of the auto-encoder; LFDM and MRAA keep each in a mapping of its own."""
_SCALES = {5: 0.5, 13: 0.25, 29: 0.125}
"""Sides of blur kernels, and how much smaller what they blur becomes."""
_BACKGROUNDS = {2: "shift", 6: "affine", 8: "perspective"}
"""Numbers that describe a background's motion, and what it may be."""
_HEAD = 32


def read_published(path: str | Path) -> tuple[Config, dict[str, Tensor]]:
    """Return the settings and the tensors of a published checkpoint, on the CPU.

    Raises:
        InputError: if the file cannot be read, or holds none of the networks.
    """
    content = read_content(path)
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: no checkpoint of LVMM, LFDM or MRAA; it holds {type(content).__name__}")
    if isinstance(content.get("diffusion"), Mapping):
        raise InputError(
            f"{path}: this is LFDM's diffusion network, another one than LVMM's (it joins features and reads BERT's "
            "texts); of LFDM only the auto-encoder can be loaded"
        )
    parts = [part for part in _PARTS if isinstance(content.get(part), Mapping)]
    if parts:
        tensors = {f"{part}.{name}": value for part in parts for name, value in _bare(content[part]).items()}
    else:
        inner = content.get("state_dict")
        tensors = _bare(inner if isinstance(inner, Mapping) else content)
    check_dense(Path(path), tensors)
    if "region_predictor.regions.weight" in tensors:
        return _autoencoder(tensors, align_corners=not parts, where=str(path))
    if "time_mlp.1.weight" in tensors and "init_conv.weight" in tensors:
        return _unet(tensors, str(path))
    raise InputError(
        f"{path}: not a checkpoint of LVMM's networks, nor of LFDM's or MRAA's auto-encoder; it holds "
        f"{some(tensors) or 'no tensors'}"
    )


def to_published(config: Config, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a network under the names and in the shapes that the authors' files have."""
    return dict(state) if isinstance(config, FlowAutoencoderConfig) else unet_to_published(state)


def from_published_names(
    config: Config, state: Mapping[str, Tensor], ours: Mapping[str, Tensor], where: str
) -> dict[str, Tensor]:
    """Return the tensors of `read_published` under our names; ``ours`` are the network's own tensors.

    Raises:
        InputError: if constants are others than ours.
    """
    if not isinstance(config, FlowAutoencoderConfig):
        return unet_from_published(state, ours, where)
    counters = {name: torch.tensor(0) for name in ours if name.endswith("num_batches_tracked")}
    return counters | dict(state)


def _bare(state: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Return the tensors without the prefix that several GPUs leave."""
    return {
        name.removeprefix("module."): value.detach()
        for name, value in state.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }


def _autoencoder(
    tensors: dict[str, Tensor], align_corners: bool, where: str
) -> tuple[FlowAutoencoderConfig, dict[str, Tensor]]:
    try:
        config = _autoencoder_config(tensors, align_corners)
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(f"{where}: an auto-encoder that lacks {error}") from error
    return config, tensors


def _autoencoder_config(tensors: Mapping[str, Tensor], align_corners: bool) -> FlowAutoencoderConfig:
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    flow = "generator.pixelwise_flow_predictor"
    regions, region_channels = shapes["region_predictor.regions.weight"][:2]
    kernel = shapes.get("region_predictor.down.weight")
    background = "bg_predictor.fc.weight" in shapes
    regressed = "region_predictor.jacobian.weight" in shapes
    encoders = [f"region_predictor.predictor.encoder.{_DOWN}", f"{flow}.hourglass.encoder.{_DOWN}"]
    encoders += [f"bg_predictor.encoder.{_DOWN}"] if background else []
    widths = [_widths(shapes, encoder) for encoder in encoders]
    defaults = FlowAutoencoderConfig()
    return FlowAutoencoderConfig(
        regions=regions,
        scale=_SCALES[kernel[-1]] if kernel else 1.0,
        most_channels=max(max(each) for each in widths),
        region_width=region_channels - 3,
        region_blocks=len(widths[0]),
        affine="regressed" if regressed else "axes",
        background=_BACKGROUNDS[shapes["bg_predictor.fc.weight"][0]] if background else "zero",  # type: ignore[arg-type]
        background_width=widths[2][0] // 2 if background else defaults.background_width,
        background_blocks=len(widths[2]) if background else defaults.background_blocks,
        flow_width=shapes[f"{flow}.mask.weight"][1] - 4 * (regions + 1),
        flow_blocks=len(widths[1]),
        # where matrices are regressed no spreads are found that heat maps could have
        covariance_heat=not regressed,
        occlusion=f"{flow}.occlusion.weight" in shapes,
        width=shapes["generator.first.conv.weight"][0],
        levels=_count(shapes, f"generator.{_DOWN}"),
        bottleneck=_count(shapes, "generator.bottleneck.r{}.conv1.weight"),
        align_corners=align_corners,
    )


_DOWN = "down_blocks.{}.conv.weight"


def _count(shapes: Mapping[str, object], name: str) -> int:
    count = 0
    while name.format(count) in shapes:
        count += 1
    return count


def _widths(shapes: Mapping[str, tuple[int, ...]], name: str) -> list[int]:
    """Return the channels that numbered layers put out."""
    found = [shapes[name.format(i)][0] for i in range(_count(shapes, name))]
    if not found:
        raise KeyError(name.format(0))
    return found


def _unet(tensors: Mapping[str, Tensor], where: str) -> tuple[Config, dict[str, Tensor]]:
    try:
        config = _unet_config({name: tuple(tensor.shape) for name, tensor in tensors.items()})
    except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
        raise InputError(f"{where}: a denoiser that lacks {error}") from error
    return config, dict(tensors)


def _unet_config(shapes: Mapping[str, tuple[int, ...]]) -> MotionUNetConfig | FrameUNetConfig:
    width, channels = shapes["init_conv.weight"][:2]
    levels = _count(shapes, "downs.{}.0.block1.proj.weight")
    multiples = tuple(shapes[f"downs.{i}.0.block1.proj.weight"][0] // width for i in range(levels))
    outputs = shapes["final_conv.1.weight"][0]
    context = shapes["downs.0.3.fn.fn.fn.to_kv.weight"][1]
    heads = shapes["downs.0.3.fn.fn.fn.to_q.weight"][0] // _HEAD
    if "seq_mlp.1.weight" in shapes:
        return FrameUNetConfig(width, multiples, channels, outputs, context, heads)
    occlusion = shapes["occlusion_map.1.weight"][0]
    return MotionUNetConfig(width, multiples, channels, outputs + occlusion, context, heads)
