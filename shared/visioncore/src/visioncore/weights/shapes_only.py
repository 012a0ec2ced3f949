"""Building networks for their shapes alone: what only changes values is left out.

On the device "meta" torch itself computes shapes of such operations by Python code that first loads its compiler, which
takes longer than loading most networks (torch 2.15.0: 2 to 3 seconds).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_IN_PLACE = frozenset(
    ("normal_", "uniform_", "zero_", "fill_", "add_", "sub_", "mul_", "div_", "clamp_", "erfinv_", "copy_")
)
"""Methods that change the values of the tensor that they return."""
_OF_EACH_VALUE = frozenset(
    ("add", "sub", "rsub", "mul", "div", "pow", "neg", "exp", "log", "sqrt", "sin", "cos", "__add__", "__radd__")
) | frozenset(("__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__pow__", "__neg__"))
"""Functions of each value, or of pairs of them, that return floating-point numbers for such."""
_DRAWN = (torch.rand, torch.randn)
_SAME_SHAPE = (torch.nn.functional.normalize, Tensor.clone)


class _ShapesOnly(TorchFunctionMode):
    """Answers for torch where tensors have no values anyway."""

    def __torch_function__(
        self, func: Callable[..., Any], _: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if getattr(func, "__module__", "") == "torch.nn.init" and kwargs and "tensor" in kwargs:
            return kwargs["tensor"]
        if func in _DRAWN:
            return torch.empty(*args, **{**(kwargs or {}), "device": "meta"})
        if args and isinstance(args[0], Tensor) and args[0].is_meta:
            if name in _IN_PLACE:
                return args[0]
            if func in _SAME_SHAPE:
                return torch.empty(args[0].shape, dtype=args[0].dtype, device="meta")
            if name in _OF_EACH_VALUE and not kwargs and all(_fits(each, args[0].dtype) for each in args):
                tensors = [each for each in args if isinstance(each, Tensor)]
                # that of torch loads sympy
                shape = np.broadcast_shapes(*(each.shape for each in tensors))
                return torch.empty(shape, dtype=args[0].dtype, device="meta")
        return func(*args, **(kwargs or {}))


def _fits(value: Any, dtype: torch.dtype) -> bool:
    """Return whether it is a tensor of this floating-point type without values, or a number, which changes no type."""
    if isinstance(value, Tensor):
        return value.is_meta and value.dtype == dtype and dtype.is_floating_point
    return isinstance(value, int | float)


@contextmanager
def shapes_only() -> Iterator[None]:
    """Make tensors without values inside this context."""
    with torch.device("meta"), _ShapesOnly():
        yield
