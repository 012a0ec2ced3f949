"""The base of the networks, which stands for any of them where weights decide which one it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Self

import torch

from visioncore.configs import published_variant
from visioncore.errors import InputError
from visioncore.weights.pretrained import Pretrained
from visioncore.weights.state_dicts import load_into

from .config import VARIANTS, Config
from .published import read_published


class CSC(Pretrained):
    """A LiDAR network of the method: `MinkUNet`, `VoxelNet`, `Cylinder3D`, or `PanopticNet`, which stands on the last.

    Called itself, it makes the network that a configuration or weights are for.

    Args:
        config: the settings, or the name of a published variant, see `VARIANTS`.
    """

    config: Config
    families: ClassVar[dict[type[Any], type[CSC]]] = {}
    """The networks by their configuration."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        CSC.families.setdefault(cls.config_class, cls)

    def __new__(cls, config: Config | str | None = None) -> CSC:
        settings = _config(config)
        return super().__new__(cls if settings is None or cls is not CSC else cls.families[type(settings)])

    def __init__(self, config: Config | str | None = None) -> None:
        super().__init__()
        settings = _config(config)
        self.config = self.config_class() if settings is None else settings
        if not isinstance(self.config, self.config_class):
            raise InputError(f"the configuration is of another network: {self.config}; load it with CSC")

    @classmethod
    def from_published(cls, path: str | Path) -> Self:
        """Return the network of a published checkpoint with its weights, in evaluation mode, on the CPU.

        It may be a file of CSC, SLidR, a MoCo or Lightning trainer or DepthContrast, in the layout of MinkowskiEngine,
        spconv 1 or 2, or torchsparse. Network and settings are read from its tensors, and from the trainer's own
        configuration where that lies beside them.

        Raises:
            InputError: if the file cannot be read, holds something else or another network, or does not fit.
        """
        config, state = read_published(path)
        family = cls.families[type(config)]
        if not issubclass(family, cls):
            raise InputError(f"{path}: this is a checkpoint of {family.__name__}, not of {cls.__name__}")
        model = family(config)  # type: ignore[arg-type]
        load_into(model, state, where=str(path))
        assert isinstance(model, cls)
        return model.eval()

    @classmethod
    def _load(cls, text: str, where: str, weights: Path, device: str | torch.device, **companions: Any) -> Self:
        if cls is not CSC:
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
