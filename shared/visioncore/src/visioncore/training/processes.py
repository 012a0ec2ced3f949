"""A batch that several processes share: losses and batch norms see all of it, so that two processes equal one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.autograd import Function
from torch.nn import functional as F


def several() -> bool:
    """Return whether this process is one of several that train together."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def rank_and_count() -> tuple[int, int]:
    """Return the number of this process, from 0, and how many train together."""
    return (distributed.get_rank(), distributed.get_world_size()) if several() else (0, 1)


def is_lost_process(error: BaseException) -> bool:
    """Return whether an error means that another of the processes that train together is gone or out of reach."""
    if not several():
        return False
    # Where tensors are exchanged on the host, the errors have no type of their own.
    return isinstance(error, distributed.DistError) or (isinstance(error, RuntimeError) and "gloo/" in str(error))


def summed(values: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes, without gradient; the tensor itself where there is but one."""
    if not several():
        return values
    total = values.detach().clone()
    distributed.all_reduce(total)
    return total


def gathered(rows: Tensor) -> Tensor:
    """Return the rows (N, ...) of all processes, one process after the other; N may differ between them.

    Every process is meant to compute the same loss of them. The gradient is scaled so that its mean over the processes,
    which is what data-parallel training takes, is that of one process with the whole batch.
    """
    if not several():
        return rows
    found: Tensor = _Gathered.apply(rows)
    return found


class _Gathered(Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        rank, count = rank_and_count()
        sizes = [rows.new_zeros(1, dtype=torch.int64) for _ in range(count)]
        distributed.all_gather(sizes, torch.tensor([len(rows)], device=rows.device))
        lengths = [int(size) for size in sizes]
        padded = F.pad(rows, [0, 0] * (rows.ndim - 1) + [0, max(lengths) - len(rows)])
        parts = [torch.empty_like(padded) for _ in range(count)]
        distributed.all_gather(parts, padded.contiguous())
        ctx.first, ctx.length, ctx.count = sum(lengths[:rank]), len(rows), count
        return torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return ctx.count * gradient[ctx.first : ctx.first + ctx.length]


class _Summed(Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return summed(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return summed(gradient.contiguous())


class _SharedNorm(nn.modules.batchnorm._BatchNorm):
    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and several()):
            normalised: Tensor = super().forward(x)
            return normalised
        others = (0, *range(2, x.ndim))
        of_channels = (-1, *(1,) * (x.ndim - 2))
        count = summed(torch.tensor([x.numel() / x.shape[1]], dtype=x.dtype, device=x.device))
        mean = _Summed.apply(x.sum(dim=others)) / count
        centred = x - mean.view(of_channels)
        variance = _Summed.apply(centred.square().sum(dim=others)) / count
        if self.track_running_stats and self.momentum is not None:
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)  # type: ignore[union-attr]
                self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)  # type: ignore[union-attr]
                self.num_batches_tracked.add_(1)  # type: ignore[union-attr]
        normalised = centred * (variance + self.eps).rsqrt().view(of_channels)
        if not self.affine:
            return normalised
        return normalised * self.weight.view(of_channels) + self.bias.view(of_channels)


class SharedBatchNorm1d(_SharedNorm, nn.BatchNorm1d):
    """Batch norm (N, C) whose statistics are those of the rows of all processes, on any device."""


class SharedBatchNorm2d(_SharedNorm, nn.BatchNorm2d):
    """Batch norm (B, C, H, W) whose statistics are those of the images of all processes, on any device."""


SHARED: dict[type, type] = {nn.BatchNorm1d: SharedBatchNorm1d, nn.BatchNorm2d: SharedBatchNorm2d}


def share_norms(model: nn.Module) -> None:
    """Let the batch norms of a network see what all processes have; names of tensors stay as they are."""
    for module in model.modules():
        module.__class__ = SHARED.get(type(module), type(module))
