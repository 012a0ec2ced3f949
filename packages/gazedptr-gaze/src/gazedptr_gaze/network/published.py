"""The authors' checkpoints <-> these networks: which of their tensors is which of ours, none lost either way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from visioncore.errors import InputError
from visioncore.weights.state_dicts import read_state_dict, strip_prefix

from .config import VARIANTS, GazeConfig

STREAMS = {"normalised.": "bnorm.", "original.": "borigin."}
INSIDE_STREAMS = {"trunk.": "base_model.", "pyramid.levels.": "mle.layerList."}
OTHERS = {
    "pose.": "ptrans.",
    "zones.planes.0.": "MLP_Pos_x.0.",
    "zones.planes.1.": "MLP_Pos_y.0.",
    "zones.planes.2.": "MLP_Pos_z.0.",
    "zones.points_transformer.": "tripleTrans.",
    "zones.joint_transformer.": "zoneTrans.",
    "zones.heads.0.": "MLP_o_zone.",
    "zones.heads.1.": "MLP_o_zone2.",
    "zones.heads.2.": "MLP_o_zone3.",
    "original_heads.stream.": "MLP_o_dir.",
    "normalised_heads.stream.": "MLP_n_dir.",
    "original_heads.levels.": "MLPList_o.",
    "normalised_heads.levels.": "MLPList_n.",
    "unused_head.": "MLP_o_dir2.",
}
"""{how our names begin: how the authors' begin}."""
DUAL_GAZE, SINGLE_GAZE = {"gaze_head.": "MLP_n_dir2."}, {"gaze_head.": "MLP_n_dir."}
"""The head of the gaze, in networks of two streams and of one."""


def _prefixes(*, dual: bool) -> dict[str, str]:
    inside = {
        stream + part: published + name
        for stream, published in STREAMS.items()
        for part, name in INSIDE_STREAMS.items()
    }
    # With one stream the head of the gaze has the name that a helping head has with two; the later entry counts.
    return inside | STREAMS | OTHERS | (DUAL_GAZE if dual else SINGLE_GAZE)


def _renamed(name: str, prefixes: Mapping[str, str]) -> str:
    for prefix, other in prefixes.items():
        if name.startswith(prefix):
            return other + name.removeprefix(prefix)
    return name


def read_published(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of an authors' checkpoint under our names; those of no name of ours keep theirs.

    Raises:
        InputError: if the file cannot be read or holds something else.
    """
    state = strip_prefix(read_state_dict(path), "module.")
    if not any(name.startswith("bnorm.base_model.") for name in state):
        raise InputError(f"{path}: not an IVGaze checkpoint; one has tensors such as bnorm.base_model.conv1.weight")
    theirs = _prefixes(dual=any(name.startswith("ptrans.") for name in state))
    ours = {published: name for name, published in theirs.items()}
    return {_renamed(name, ours): tensor for name, tensor in state.items()}


def to_published(model: nn.Module) -> dict[str, Tensor]:
    """Return copies of a network's tensors under the authors' names, for use with their scripts."""
    state = model.state_dict()
    theirs = _prefixes(dual=any(name.startswith("pose.") for name in state))
    return {_renamed(name, theirs): tensor.detach().to("cpu", copy=True) for name, tensor in state.items()}


def detect_config(state: Mapping[str, Tensor], where: str) -> GazeConfig:
    """Return the settings of the published network that tensors under our names are of, with as many zones as theirs.

    Args:
        state: the tensors.
        where: the file that they came from, as the error should name it.

    Raises:
        InputError: if there is no such network: one stream is missing.
    """
    dual, zones = (any(name.startswith(part) for name in state) for part in ("pose.", "zones.points_transformer."))
    if zones and not dual:
        raise InputError(f"{where}: has the zone branch of GazeDPTR-V2 but no pose transformer (ptrans)")
    config = VARIANTS["gazedptr_v2" if zones else "gazedptr" if dual else "gazeptr"]
    head = state.get("zones.heads.0.bias")
    return config if head is None else replace(config, zones=len(head))
