"""spconv's own kernels on our kernel maps.

``pip install "csc-pretrain3d[spconv]"`` brings those for the CPU; NVIDIA cards need ``spconv-cu126`` or its like.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from visioncore.errors import InputError

from .engine import Engine
from .kernel_maps import KernelMap


class SpconvEngine(Engine):
    """Computes convolutions of either dialect with spconv 2; the numbers are those of plain PyTorch to rounding.

    Its forward pass runs on CPU and CUDA, its backward pass on CUDA alone. On the CPU it is given one thread: with more
    spconv's sums disturb each other, and some come out wrong.

    Raises:
        InputError: if spconv is not installed; the message says how to.
    """

    def __init__(self) -> None:
        try:
            algorithms, functional = import_module("spconv.core"), import_module("spconv.pytorch.functional")
        except ImportError as error:
            raise InputError('spconv is not installed; run: pip install "csc-pretrain3d[spconv]"') from error
        self._convolve, self._native = functional.indice_conv, algorithms.ConvAlgo.Native

    def convolve(self, features: Tensor, weight: Tensor, pairs: KernelMap) -> Tensor:
        """Return the convolution (M, out channels)."""
        if torch.is_autocast_enabled(features.device.type):
            dtype = torch.get_autocast_dtype(features.device.type)
            features, weight = features.to(dtype), weight.to(dtype)
        table, counts = _table(pairs)
        filters = weight.permute(2, 0, 1)[:, :, None, None].contiguous()
        with _one_thread(features.device):
            found: Any = self._convolve(features.contiguous(), filters, table, counts, len(pairs.target), self._native)
        result: Tensor = found
        return result


@contextmanager
def _one_thread(device: torch.device) -> Iterator[None]:
    """Let loops on the CPU run on one thread."""
    threads = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _table(pairs: KernelMap) -> tuple[Tensor, Tensor]:
    """Return a map's rows as (2, K, most pairs of an offset), -1 where there are fewer, and how many each has (K,)."""
    most = max(max(pairs.counts), 1)
    table = pairs.inputs.new_full((2, len(pairs.counts), most), -1, dtype=torch.int32)
    each = zip(pairs.inputs.split(pairs.counts), pairs.outputs.split(pairs.counts), pairs.counts, strict=True)
    for offset, (inputs, outputs, count) in enumerate(each):
        table[0, offset, :count] = inputs
        table[1, offset, :count] = outputs
    return table, torch.tensor(pairs.counts, dtype=torch.int32, device=table.device)
