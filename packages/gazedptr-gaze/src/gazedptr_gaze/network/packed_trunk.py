"""A trunk on the CPU whose weights lie ready for oneDNN; sums and ReLU are done while a map is written.

Without it PyTorch lays the weights out anew at every call, a quarter of the time of a single face, and a few hundredths
of that of eight.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .trunk import BasicBlock, Trunk

OPERATIONS: Any = torch.ops.mkldnn


def can_pack(device: torch.device, dtype: torch.dtype) -> bool:
    """Return whether `PackedTrunk` runs on a device in a precision with this PyTorch."""
    # torch.compile writes calls of the same operations
    names = ("_reorder_convolution_weight", "_convolution_pointwise", "_convolution_pointwise_")
    here = torch.backends.mkldnn.is_available() and all(hasattr(OPERATIONS, name) for name in names)
    return here and device.type == "cpu" and dtype == torch.float32


class PackedConvolution:
    """A convolution with a bias."""

    def __init__(self, conv: nn.Conv2d, size: Sequence[int]) -> None:
        assert conv.bias is not None
        self.bias = conv.bias.detach()
        self.shape = list(conv.padding), list(conv.stride), [1, 1], 1
        weight = conv.weight.detach().contiguous(memory_format=torch.channels_last)
        self.weight = OPERATIONS._reorder_convolution_weight(weight, *self.shape, list(size))

    def __call__(self, x: Tensor, after: str = "none") -> Tensor:
        """Return a map (B, C', H', W') of one (B, C, H, W), ``after`` none or relu."""
        out: Tensor = OPERATIONS._convolution_pointwise(x, self.weight, self.bias, *self.shape, after, [], None)
        return out

    def onto(self, base: Tensor, x: Tensor) -> Tensor:
        """Return ``base``, a map that is written over, plus that of ``x``, and ReLU."""
        more: tuple[Any, ...] = ("add", 1.0, "relu", [], None)
        out: Tensor = OPERATIONS._convolution_pointwise_.binary(base, x, self.weight, self.bias, *self.shape, *more)
        return out


class PackedTrunk(nn.Module):
    """A trunk with its batch norms folded, in float32 and channels-last; packed for the batches that come."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk
        self.packed: dict[nn.Module, PackedConvolution] = {}
        self.packed_for: object = None

    def __getstate__(self) -> dict[str, Any]:
        # what is packed can neither be copied nor saved
        return self.__dict__ | {"packed": {}, "packed_for": None}

    def forward(self, face: Tensor) -> list[Tensor]:
        """Return the maps of the four stages, as the trunk does."""
        if torch.compiler.is_compiling():
            stages: list[Tensor] = self.trunk(face)
            return stages
        # oneDNN has another layout for each, and one that is meant for others is slower than none
        asked = face.shape, torch.get_num_threads()
        if self.packed_for != asked:
            self.packed, self.packed_for = {}, asked
        x = F.max_pool2d(self._convolution(self.trunk.conv1, face)(face, "relu"), 3, 2, 1)
        found = []
        for number in range(1, 5):
            for block in self.trunk.get_submodule(f"layer{number}").children():
                assert isinstance(block, BasicBlock)
                x = self._block(block, x)
            found.append(x)
        return found

    def _block(self, block: BasicBlock, x: Tensor) -> Tensor:
        inside = self._convolution(block.conv1, x)(x, "relu")
        # A block without a shortcut of its own is never the first of a later stage, so nobody else needs its input.
        shortcut = x if block.downsample is None else self._convolution(block.downsample[0], x)(x)
        return self._convolution(block.conv2, inside).onto(shortcut, inside)

    def _convolution(self, conv: nn.Module, x: Tensor) -> PackedConvolution:
        assert isinstance(conv, nn.Conv2d)
        if conv not in self.packed:
            self.packed[conv] = PackedConvolution(conv, x.shape)
        return self.packed[conv]
