"""The authors' checkpoints <-> our networks, in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from visioncore.errors import InputError
from visioncore.weights.pretrained import Pretrained
from visioncore.weights.state_dicts import compare, read_state_dict, strip_prefix

from .config import Config
from .positions import sine_table
from .published_layout import UNREAD, places, published_shapes
from .published_settings import detect_config


def read_published(path: str | Path) -> tuple[Config, dict[str, Tensor]]:
    """Return the settings and the tensors of an authors' checkpoint, on the CPU, under their names.

    Raises:
        InputError: if the file cannot be read or holds something else.
    """
    state = strip_prefix(read_state_dict(path), "module.")
    return detect_config(state, str(path)), state


def from_published_names(
    config: Config, state: Mapping[str, Tensor], own: Mapping[str, Tensor], where: str
) -> dict[str, Tensor]:
    """Return the tensors of an authors' checkpoint under our names.

    Args:
        config: the network's settings, see `detect_config`.
        state: the checkpoint's tensors.
        own: the network's tensors, for their names and shapes.
        where: the file that they came from, as the error should name it.

    Raises:
        InputError: naming tensors that are missing, unexpected or misshapen.
    """
    found = {name: tensor for name, tensor in state.items() if not UNREAD.fullmatch(name)}
    shapes = published_shapes(config, own)
    fit = compare(found, {name: shape for name, shape in shapes.items() if not UNREAD.fullmatch(name)})
    if not fit.ok:
        raise InputError(f"{where}: these tensors do not fit: {fit.describe()}")
    parts: dict[str, list[Tensor]] = {}
    for ours, published, _, (index, count) in places(config, own):
        parts.setdefault(ours, []).append(_part(found[published], index, count))
    return {name: pieces[0] if len(pieces) == 1 else torch.cat(pieces) for name, pieces in parts.items()}


def to_published(model: Pretrained) -> dict[str, Tensor]:
    """Return copies of a network's tensors under the authors' names, on the CPU, for use with their scripts.

    Save them with ``torch.save({"model": to_published(model)}, path)``. Tensors that their code holds without reading
    them are zeros; the largest of these is a single number that is expanded, also in the file.
    """
    config: Config = model.config
    state = model.state_dict()
    parts: dict[str, dict[int, Tensor]] = {}
    for ours, published, (index, count), (place, _) in places(config, state):
        parts.setdefault(published, {})[place] = _part(state[ours], index, count).to("cpu", copy=True)
    out = {}
    for name, shape in published_shapes(config, state).items():
        pieces = parts.get(name, {})
        if name == "patchpos_embed.pos":
            out[name] = sine_table(config.grid, config.channels).unsqueeze(1)
        elif not pieces:
            out[name] = torch.zeros(1).expand(shape)
        elif name.endswith(("in_proj_weight", "in_proj_bias")) and len(pieces) > 1:
            # the action maps have no values
            out[name] = torch.cat([pieces.get(place, torch.zeros_like(pieces[0])) for place in range(3)])
        else:
            out[name] = pieces[0]
    return out


def _part(tensor: Tensor, index: int, count: int) -> Tensor:
    return tensor if count == 1 else tensor.chunk(count)[index]
