"""Where weights come from: what is bundled, what was saved, the Hub, and the authors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

import torch

from visioncore.weights import loading
from visioncore.weights.state_dicts import load_into

from ..method import METHOD
from .config import GazeConfig
from .model import NETWORKS, GazeNetwork
from .published import detect_config, read_published


class AnyGaze(GazeNetwork):
    """Whichever of the three networks settings or weights are of: none is ever an instance of this class itself."""

    def __new__(cls, config: GazeConfig) -> Self:
        """Return a network of the variant that the settings name, with random weights."""
        return NETWORKS[config.variant](config)  # type: ignore[return-value]

    @classmethod
    def from_published(cls, path: str | Path) -> Any:
        """Return the network of an authors' checkpoint: see `load_published`."""
        return load_published(path)

    @classmethod
    def _load(cls, text: str, where: str, weights: Path, device: str | torch.device, **companions: Any) -> Any:
        try:
            name = json.loads(text)["model"]
        except (ValueError, TypeError, KeyError):
            name = ""  # the reader of a network has the words for what is wrong
        by_name = {network.__name__: network for network in NETWORKS.values()}
        return by_name.get(name, NETWORKS["gazedptr"])._load(text, where, weights, device, **companions)


def load_published(path: str | Path) -> GazeNetwork:
    """Return the network of an authors' checkpoint, of whichever variant, in evaluation mode.

    Raises:
        InputError: if the file cannot be read or fits none.
    """
    state = read_published(path)
    config = detect_config(state, str(path))
    model = NETWORKS[config.variant](config)
    load_into(model, state, where=str(path))
    return model.eval()


def load_model(weights: str | Path) -> GazeNetwork:
    """Return a model in evaluation mode, on the CPU, from any source of weights.

    Args:
        weights: ``demo`` for the bundled GazeDPTR-V2, ``demo-gazedptr`` or ``demo-gazeptr`` for the other two, a
            checkpoint of the authors, or a folder, file or hub id that `GazeDPTR.from_pretrained` and its like take.

    Raises:
        InputError: if it cannot be read or does not fit.
    """
    return loading.load_model(METHOD, weights)
