"""The base of the networks, which stands for any of them where weights decide which one it is."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from visioncore.errors import InputError
from visioncore.weights.family import Family
from visioncore.weights.state_dicts import load_into

from .config import VARIANTS, Config
from .published import read_published


class CSC(Family):
    """A LiDAR network of the method: `MinkUNet`, `VoxelNet`, `Cylinder3D`, or `PanopticNet`, which stands on the last.

    Called itself, it makes the network that a configuration or weights are for.

    Args:
        config: the settings, or the name of a published variant, see `VARIANTS`.
    """

    config: Config
    variants = VARIANTS

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
        family = cls.members[type(config)]
        if not issubclass(family, cls):
            raise InputError(f"{path}: this is a checkpoint of {family.__name__}, not of {cls.__name__}")
        model = family(config)
        load_into(model, state, where=str(path))
        assert isinstance(model, cls)
        return model.eval()
