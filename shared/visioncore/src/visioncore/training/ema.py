"""The exponential moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import InputError


class MovingAverage:
    """After every step: average = decay * average + (1 - decay) * weight, starting at the first weights.

    Buffers, such as the statistics of batch normalisation, are not averaged.

    Args:
        parameters: the trained parameters, on their device. Of a sharded parameter the local shard is averaged.
        decay: in (0, 1).
    """

    def __init__(self, parameters: Iterable[nn.Parameter], decay: float) -> None:
        self._weights = [local_part(parameter) for parameter in parameters]
        self._averages = [weight.clone() for weight in self._weights]
        self._decay = decay

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights of one more step into the average."""
        torch._foreach_lerp_(self._averages, self._weights, 1 - self._decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within the block the model has the averaged weights, after it its own again."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        for weight, average in zip(self._weights, self._averages, strict=True):
            kept = weight.clone()
            weight.copy_(average)
            average.copy_(kept)

    def save(self, path: Path) -> None:
        """Write the averages to a safetensors file, in the order of the parameters."""
        from safetensors.torch import save_file

        save_file({str(index): average.contiguous() for index, average in enumerate(self._averages)}, path)

    @torch.no_grad()
    def load(self, path: Path) -> None:
        """Read what :meth:`save` wrote.

        Raises:
            InputError: if the file is of other parameters.
        """
        from safetensors.torch import load_file

        saved = load_file(path)
        if [tuple(saved[str(index)].shape) if str(index) in saved else None for index in range(len(saved))] != [
            tuple(average.shape) for average in self._averages
        ]:
            raise InputError(f"{path}: averaged weights of another model or another set of trained parameters")
        for index, average in enumerate(self._averages):
            average.copy_(saved[str(index)])


def local_part(parameter: nn.Parameter) -> Tensor:
    """Return the values of a parameter that lie in this process, sharing memory with it."""
    tensor = parameter.detach()
    to_local = getattr(tensor, "to_local", None)
    return tensor if to_local is None else to_local()
