"""Products with a matrix that stays the same, put in order beforehand, which saves a tenth of the time or more.

oneDNN does so for linear layers in PyTorch's own compiler. There is no public name for it; where the operator is
missing or has changed, and in other types than float32, the product is an ordinary one.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

ROWS = 256
"""For how many rows the matrix is put in order; it serves any number."""


class Product(nn.Module):
    """Multiplies by a matrix; without gradients.

    Args:
        matrix: (C, O).
        bias: (O,) to be added; None for none.
    """

    matrix: Tensor | None
    bias: Tensor | None

    def __init__(self, matrix: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        ordered = matrix.device.type == "cpu" and matrix.dtype == torch.float32 and ordering_works()
        self.ordered = _ordered(matrix) if ordered else None
        self.register_buffer("matrix", None if ordered else matrix.clone())
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """(n, C) -> (n, O)."""
        if self.ordered is not None:
            return _multiplied(x, self.ordered, self.bias)
        assert self.matrix is not None
        return x @ self.matrix if self.bias is None else torch.addmm(self.bias, x, self.matrix)


@cache
def ordering_works() -> bool:
    """Return whether oneDNN's operators are there and give the right result."""
    x, matrix, bias = torch.full((2, 16), 1 / 8), torch.full((16, 16), 3.0), torch.full((16,), -8.0)
    try:
        with torch.no_grad():
            ordered = _ordered(matrix)
            found = _multiplied(x, ordered, bias), _multiplied(x, ordered, None)
    # What is missing, or takes other arguments, may say so in any way.
    except Exception:
        return False
    return all(bool((value == right).all()) for value, right in zip(found, (-2, 6), strict=True))


def _ordered(matrix: Tensor) -> Tensor:
    ordered: Tensor = torch.ops.mkldnn._reorder_linear_weight(matrix.detach().T.contiguous(), ROWS)
    return ordered


def _multiplied(x: Tensor, ordered: Tensor, bias: Tensor | None) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, ordered, bias, "none", [], "")
    return product
