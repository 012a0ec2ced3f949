"""Published checkpoints <-> our networks: which tensors of a file are the network, which network, and in which layout.

The names of tensors are the published ones throughout; what has to be found is under which prefix they stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from visioncore.errors import InputError, one_line, some
from visioncore.weights.pretrained import Pretrained
from visioncore.weights.state_dicts import check_dense, read_content

from .config import VARIANTS, Config, Cylinder3DConfig, MinkUNetConfig, VoxelNetConfig
from .engines import ENGINES, Engine, convert, detect_engine
from .panoptic_config import PanopticConfig

_LAYOUTS: dict[type[Any], tuple[Engine, ...]] = {
    MinkUNetConfig: ("minkowski", "spconv1", "spconv2", "torchsparse"),
    VoxelNetConfig: ("spconv2", "spconv1"),
    Cylinder3DConfig: ("spconv2", "spconv1"),
    PanopticConfig: ("spconv2", "spconv1"),
}
"""The layouts that a network's weights come in, its own first."""

_SIGNS: dict[type[Any], tuple[str, ...]] = {
    PanopticConfig: (
        r"voxel_sem_head\.weight",
        r"backbone_2d\.inc\.conv\.1\.conv\.0\.bias",
        r"backbone_3d\.PPmodel\.1\.weight",
    ),
    MinkUNetConfig: (r"conv0p1s1\.(kernel|weight)",),
    VoxelNetConfig: (r"conv_input\.0\.(kernel|weight)",),
    Cylinder3DConfig: (r"PPmodel\.1\.weight", r"downCntx\.conv1\.(kernel|weight)"),
}
"""Names that only one network has; several where its parts may lie under different prefixes, or one holds another."""

_MOVING = re.compile(r"(_k|momentum|ema)\.")
"""Part of the prefix of a copy that follows the trained network, as MoCo's trainers keep one beside it."""

_DEPTH = 6
"""Mappings in mappings of a checkpoint, at most."""


def read_published(path: str | Path) -> tuple[Config | PanopticConfig, dict[str, Tensor]]:
    """Return the settings and the tensors of a published checkpoint, on the CPU, in the network's own layout.

    Raises:
        InputError: if the file cannot be read, or holds none of the networks, or one in a layout that it has not.
    """
    content = read_content(path)
    tensors = dict(_flat(content))
    if not tensors:
        raise InputError(f"{path}: no tensors by name in this checkpoint; a state dict of a network is expected")
    family, state = _network(tensors, str(path))
    check_dense(Path(path), state)
    state = _own_layout(family, state, str(path))
    return detect_config(family, state, _settings(content), str(path)), state


def _flat(content: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors in nested mappings, their names joined by dots."""
    if isinstance(content, Mapping) and depth < _DEPTH:
        for name, value in content.items():
            if isinstance(value, Tensor):
                yield f"{prefix}{name}", value.detach()
            elif isinstance(value, Mapping):
                yield from _flat(value, f"{prefix}{name}.", depth + 1)


def _network(tensors: Mapping[str, Tensor], where: str) -> tuple[type[Any], dict[str, Tensor]]:
    """Return which network a file holds, and its tensors without their prefixes."""
    for family, signs in _SIGNS.items():
        prefixes = [prefix for sign in signs if (prefix := _prefix(tensors, sign, where)) is not None]
        if len(prefixes) == len(signs):
            found: dict[str, Tensor] = {}
            for prefix in prefixes:
                found |= {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
            return family, found
    engine = detect_engine(tensors)
    said = f"its convolutions are in the layout of {ENGINES[engine]}" if engine else "it has no sparse convolutions"
    raise InputError(
        f"{where}: not a checkpoint of MinkUNet (with conv0p1s1), VoxelNet (conv_input), Cylinder3D (PPmodel and "
        f"downCntx) or PanopticNet (voxel_sem_head): {said}, and its {len(tensors)} tensors begin with "
        f"{some(tensors, 3)}"
    )


def _prefix(tensors: Mapping[str, Tensor], sign: str, where: str) -> str | None:
    """Return the prefix under which a network's sign stands; None if it does not."""
    matches = (re.fullmatch(rf"(|.+\.){sign}", name) for name in tensors)
    prefixes = sorted({match[1] for match in matches if match is not None})
    trained = [prefix for prefix in prefixes if not _MOVING.search(prefix)] or prefixes
    if len(trained) > 1:
        raise InputError(
            f"{where}: holds several such networks, under {some(trained)}; save the one that is meant alone"
        )
    return trained[0] if trained else None


def _own_layout(family: type[Any], state: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    layouts, engine = _LAYOUTS[family], detect_engine(state)
    if engine not in layouts:
        name = family.__name__.removesuffix("Config")
        known = " or ".join(ENGINES[each] for each in layouts)
        said = f"in the layout of {ENGINES[engine]}" if engine else "in no known layout"
        raise InputError(f"{where}: the convolutions of this {name} are {said}; they should be in that of {known}")
    return convert(state, engine, layouts[0])


def to_published(model: Pretrained, engine: Engine | None = None) -> dict[str, Tensor]:
    """Return copies of a network's tensors under the published names, on the CPU, in an engine's layout.

    Save them with ``torch.save({"model_points": to_published(model)}, path)`` for the authors' scripts.

    Args:
        model: the network.
        engine: ``minkowski``, ``spconv1``, ``spconv2`` or ``torchsparse``; default: what the authors' code has.
            VoxelNet and Cylinder3D are spconv's alone: MinkowskiEngine's and torchsparse's strided convolutions reach
            fewer voxels.

    Raises:
        InputError: if the network is not to be had in that layout.
    """
    layouts = _LAYOUTS[type(model.config)]
    engine = layouts[0] if engine is None else engine
    if engine not in layouts:
        raise InputError(f"engine is {engine!r}; {type(model).__name__} is to be had as {', '.join(layouts)}")
    state = {name: tensor.detach().to("cpu", copy=True) for name, tensor in model.state_dict().items()}
    return convert(state, layouts[0], engine)


def _settings(content: Any) -> Mapping[str, Any]:
    """Return the trainer's own configuration, empty if the file has none."""
    found = content if isinstance(content, Mapping) else {}
    for name in ("config", "hyper_parameters"):
        if isinstance(found.get(name), Mapping):
            inner = found[name]
            return inner["config"] if isinstance(inner.get("config"), Mapping) else inner
    return {}


def detect_config(
    family: type[Any], state: Mapping[str, Tensor], said: Mapping[str, Any], where: str
) -> Config | PanopticConfig:
    """Return the settings of the network that a state is of.

    What shapes do not show is taken from the trainer's configuration, or else from the published variant with as many
    outputs.

    Args:
        family: the class of the settings.
        state: the tensors, in the network's own layout.
        said: the trainer's configuration, or nothing.
        where: the file that they came from, as the error should name it.

    Raises:
        InputError: if a tensor that shows the network's size is missing or of another rank.
    """
    try:
        return _DETECT[family](state, said)
    except (KeyError, IndexError, ValueError) as error:
        if isinstance(error, InputError):
            raise InputError(f"{where}: {error}") from error
        name = family.__name__.removesuffix("Config")
        raise InputError(f"{where}: this {name} lacks tensors that show its size ({one_line(error)})") from error


def _detect_minkunet(state: Mapping[str, Tensor], said: Mapping[str, Any]) -> MinkUNetConfig:
    stem, final = state["conv0p1s1.kernel"], state["final.kernel"]
    outputs = final.shape[1]
    alike = [each for each in VARIANTS.values() if isinstance(each, MinkUNetConfig) and each.out_channels == outputs]
    stages = range(1, 9)
    blocks = [sum(f"block{stage}.{block}.conv1.kernel" in state for block in range(64)) for stage in stages]
    return replace(
        alike[0] if alike else replace(MinkUNetConfig(), normalised=False, norm_momentum=0.02),
        in_channels=stem.shape[1],
        out_channels=outputs,
        stem=stem.shape[2],
        widths=tuple(state[f"block{stage}.0.conv1.kernel"].shape[2] for stage in stages),
        blocks=tuple(blocks),
        kernel_size=round(len(stem) ** (1 / 3)),
        **_known(said, normalize_features="normalised", bn_momentum="norm_momentum", voxel_size="voxel_size",
                 cylindrical_coordinates="cylindrical"),
    )  # fmt: skip


def _detect_voxelnet(state: Mapping[str, Tensor], said: Mapping[str, Any]) -> VoxelNetConfig:
    layers = sum(f"decoder.{3 * layer}.weight" in state for layer in range(4))
    return VoxelNetConfig(
        in_channels=state["conv_input.0.weight"].shape[4],
        out_channels=state["final.weight"].shape[0],
        upsample=2**layers,
        compressed=layers < 4,
    )


def _detect_cylinder3d(state: Mapping[str, Tensor], said: Mapping[str, Any]) -> Cylinder3DConfig:
    return Cylinder3DConfig(
        in_channels=state["PPmodel.1.weight"].shape[1],
        out_channels=state["logits.weight"].shape[0],
        point_widths=tuple(len(state[f"PPmodel.{layer}.weight"]) for layer in (1, 4, 7)),
        point_channels=len(state["PPmodel.10.weight"]),
        compressed_channels=len(state["fea_compression.0.weight"]),
        width=len(state["downCntx.conv1.weight"]),
    )


def _detect_panoptic(state: Mapping[str, Tensor], said: Mapping[str, Any]) -> PanopticConfig:
    prefix = "backbone_3d."
    backbone = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
    classes, width = len(state["voxel_sem_head.weight"]), len(state["backbone_2d.inc.conv.1.conv.0.bias"])
    things = min(PanopticConfig.things, classes - 1)
    return PanopticConfig(_detect_cylinder3d(backbone, said), classes, things=things, width=width)


def _known(said: Mapping[str, Any], **names: str) -> dict[str, Any]:
    """Return the settings that a trainer's configuration names, under our names."""
    return {ours: said[theirs] for theirs, ours in names.items() if isinstance(said.get(theirs), bool | int | float)}


_DETECT: dict[type[Any], Callable[[Mapping[str, Tensor], Mapping[str, Any]], Config | PanopticConfig]] = {
    MinkUNetConfig: _detect_minkunet,
    VoxelNetConfig: _detect_voxelnet,
    Cylinder3DConfig: _detect_cylinder3d,
    PanopticConfig: _detect_panoptic,
}
