"""The base of both networks, which stands for either where weights decide which one it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from torch import Tensor

from visioncore.errors import InputError
from visioncore.weights.family import Family
from visioncore.weights.state_dicts import load_into

from .config import VARIANTS, Config
from .observers import ObserverEncoder
from .published import from_published_names, read_published


class ISP(Family):
    """Individualised scanpath prediction: `ChenLSTMISP` or `GazeformerISP`.

    Called itself, it makes the network that a configuration or weights are for.

    Args:
        config: the settings, or the name of a published variant, see `VARIANTS`.
    """

    config: Config
    observers: ObserverEncoder
    variants = VARIANTS

    @classmethod
    def from_published(cls, path: str | Path) -> Self:
        """Return the network of an authors' checkpoint with its weights, in evaluation mode, on the CPU.

        Family and settings are read from its tensors; the length of scanpaths, which ChenLSTM's do not show, is that of
        the data set with as many observers. The unused table of 400 MB in Gazeformer's is left out.

        Raises:
            InputError: if the file cannot be read, holds something else or the other network, or does not fit.
        """
        config, state = read_published(path)
        family = cls.members[type(config)]
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
