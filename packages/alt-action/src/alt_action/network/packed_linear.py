"""Linear layers of inference, with what follows them done while the output is written.

On a CPU in float32 the weights lie ready for oneDNN, whose products take about four fifths of the usual time.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

After = Literal["none", "silu", "gelu"]
"""Applied to the output; the exact GELU."""

OPERATIONS: Any = torch.ops.mkldnn
_NAMES = {"none": ("none", ""), "silu": ("swish", ""), "gelu": ("gelu", "none")}


def can_pack(device: torch.device, dtype: torch.dtype) -> bool:
    """Return whether oneDNN's products run on a device in a precision with this PyTorch."""
    # torch.compile writes calls of the same operations
    names = ("_reorder_linear_weight", "_linear_pointwise")
    here = torch.backends.mkldnn.is_available() and all(hasattr(OPERATIONS, name) for name in names)
    return here and device.type == "cpu" and dtype == torch.float32


class PackedLinear:
    """A linear layer on one device in one precision.

    Args:
        weight: (out, in).
        bias: (out), or None.
        device: where it runs.
        dtype: precision of its arithmetic.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, device: torch.device, dtype: torch.dtype) -> None:
        weight = weight.detach().to(device, dtype).contiguous()
        self.bias = None if bias is None else bias.detach().to(device, dtype).contiguous()
        self.packed = can_pack(device, dtype)
        self.weight = OPERATIONS._reorder_linear_weight(weight) if self.packed else weight

    def __call__(self, x: Tensor, after: After = "none") -> Tensor:
        """Return (..., out) of (..., in)."""
        if self.packed:
            name, algorithm = _NAMES[after]
            out: Tensor = OPERATIONS._linear_pointwise(x, self.weight, self.bias, name, [], algorithm)
            return out
        out = F.linear(x, self.weight, self.bias)
        if after == "silu":
            return F.silu(out, inplace=True)
        return F.gelu(out) if after == "gelu" else out

    def onto(self, base: Tensor, x: Tensor) -> Tensor:
        """Return ``base`` (..., out) plus what becomes of ``x``, (..., in)."""
        if self.packed:
            out: Tensor = OPERATIONS._linear_pointwise.binary(x, base, self.weight, self.bias, "add")
            return out
        return F.linear(x, self.weight, self.bias).add_(base)
