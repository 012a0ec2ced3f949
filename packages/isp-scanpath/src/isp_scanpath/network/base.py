"""The base of both networks, which stands for either where weights decide which one it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from visioncore.configs import published_variant
from visioncore.errors import InputError
from visioncore.weights.pretrained import Pretrained
from visioncore.weights.state_dicts import load_into

from .config import VARIANTS, Config
from .observers import ObserverEncoder
from .published import from_published_names, read_published


class ISP(Pretrained):
    """Individualised scanpath prediction: `ChenLSTMISP` or `GazeformerISP`.

    Called itself, it makes the network that a configuration or weights are for.

    Args:
        config: the settings, or the name of a published variant, see `VARIANTS`.
    """

    config: Config
    observers: ObserverEncoder
    families: ClassVar[dict[type[Any], type[ISP]]] = {}
    """The networks by their configuration."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        ISP.families.setdefault(cls.config_class, cls)

    def __new__(cls, config: Config | str | None = None) -> ISP:
        settings = _config(config)
        return super().__new__(cls if settings is None or cls is not ISP else cls.families[type(settings)])

    def __init__(self, config: Config | str | None = None) -> None:
        super().__init__()
        settings = _config(config)
        self.config = self.config_class() if settings is None else settings
        if not isinstance(self.config, self.config_class):
            raise InputError(f"the configuration is of another network: {self.config}; load it with ISP")

    @classmethod
    def from_published(cls, path: str | Path) -> Self:
        """Return the network of an authors' checkpoint with its weights, in evaluation mode, on the CPU.

        Family and settings are read from its tensors; the length of scanpaths, which ChenLSTM's do not show, is that of
        the data set with as many observers. The unused table of 400 MB in Gazeformer's is left out.

        Raises:
            InputError: if the file cannot be read, holds something else or the other network, or does not fit.
        """
        config, state = read_published(path)
        family = cls.families[type(config)]
        if not issubclass(family, cls):
            raise InputError(f"{path}: this is a checkpoint of {family.__name__}, not of {cls.__name__}")
        model = family(config)
        model.fill_from_published(state, str(path))
        assert isinstance(model, cls)
        return model.eval()

    def fill_from_published(self, state: Mapping[str, Tensor], where: str) -> None:
        """Fill the network from tensors under the authors' names, all or none.

        Args:
            state: the tensors.
            where: the file that they came from, as the error should name it.

        Raises:
            InputError: if tensors are missing, unexpected or of another shape; the text names them.
        """
        ours = from_published_names(self.config, state, self.state_dict(), where)
        self.check_published(state, where)
        load_into(self, ours, where=where)

    def check_published(self, state: Mapping[str, Tensor], where: str) -> None:
        """Validate constants of an authors' checkpoint, which the network computes itself; none in general.

        Raises:
            InputError: naming one that is another.
        """

    @classmethod
    def _load(cls, text: str, where: str, weights: Path, device: str | torch.device, **companions: Any) -> Self:
        if cls is not ISP:
            return super()._load(text, where, weights, device, **companions)
        try:
            name = json.loads(text)["model"]
        except (ValueError, TypeError, KeyError, RecursionError):
            name = None
        families = {family.__name__: family for family in cls.families.values()}
        if name not in families:
            raise InputError(f"{where}: not a configuration of {' or '.join(families)}")
        model = families[name]._load(text, where, weights, device, **companions)
        assert isinstance(model, cls)
        return model


def _config(config: Config | str | None) -> Config | None:
    return published_variant(VARIANTS, config) if isinstance(config, str) else config
