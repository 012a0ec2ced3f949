"""The base of the networks, which stands for any of them where weights decide which one it is."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from visioncore.errors import InputError
from visioncore.weights.family import Family
from visioncore.weights.state_dicts import load_into

from .config import VARIANTS
from .published import from_published_names, read_published


class LVMM(Family):
    """A network of the method: `FlowAutoencoder`, `MotionUNet`, `FrameUNet`, or `AnimationPipeline` of all three.

    Called itself, it makes the network that a configuration or weights are for.

    Args:
        config: the settings, or the name of a published variant, see `VARIANTS`.
    """

    variants = VARIANTS

    @classmethod
    def from_published(cls, path: str | Path) -> Self:
        """Return the network of a published checkpoint with its weights, in evaluation mode, on the CPU.

        It may be an auto-encoder or a denoiser of LVMM, or an auto-encoder of LFDM or MRAA; which of them, and its
        widths, show in its tensors.

        Raises:
            InputError: if the file cannot be read, holds something else or another network, or does not fit.
        """
        config, state = read_published(path)
        found = cls.members[type(config)]
        if not issubclass(found, cls):
            raise InputError(f"{path}: this is a checkpoint of {found.__name__}, not of {cls.__name__}")
        model = found(config)
        load_into(model, from_published_names(config, state, model.state_dict(), str(path)), where=str(path))
        assert isinstance(model, cls)
        return model.eval()
