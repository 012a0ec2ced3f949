"""Upsampling of the decoders' maps by transposed convolutions with 2x2 patches that do not overlap.

Such a convolution is a matrix product for each position, and all that stands between two of them treats positions one
by one. So positions stay in one axis, those that come from one position next to each other (*nested*), and only the
finished logits are put in rows and columns.
"""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn


class Doubling(nn.ConvTranspose2d):
    """A transposed convolution of size and stride 2 on nested positions.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, kernel_size=2, stride=2)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Return (B, 4 N, outputs) for (B, N, inputs)."""
        assert self.bias is not None
        weight = rearrange(self.weight, "i o dy dx -> i (dy dx o)")
        return rearrange(x @ weight, "b n (d o) -> b (n d) o", d=4) + self.bias


class ChannelNorm(nn.LayerNorm):
    """Normalisation over the channels of each position, SAM's LayerNorm2d."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)


def output_upscaling(width: int) -> nn.Sequential:
    """Return the layers that take an image embedding to four times its side: (B, N, width) -> (B, 16 N, width / 8)."""
    return nn.Sequential(
        Doubling(width, width // 4),
        ChannelNorm(width // 4),
        nn.GELU(),
        Doubling(width // 4, width // 8),
        nn.GELU(),
    )


def skip_connection(width: int) -> nn.Sequential:
    """Return the layers that take both decoders' maps to full size: (B, N, width / 4) -> (B, 16 N, width / 16)."""
    return nn.Sequential(
        Doubling(width // 4, width // 8),
        ChannelNorm(width // 8),
        nn.GELU(),
        Doubling(width // 8, width // 16),
        ChannelNorm(width // 16),
        nn.GELU(),
    )


def unnest(x: Tensor, grid: tuple[int, int], doublings: int) -> Tensor:
    """Return nested positions as maps: (B, h w 4 ** d, C) -> (B, C, h 2 ** d, w 2 ** d) for the grid (h, w)."""
    steps = range(doublings)
    nested = " ".join(f"y{step} x{step}" for step in steps)
    rows, columns = (" ".join(f"{axis}{step}" for step in steps) for axis in "yx")
    sizes = {f"{axis}{step}": 2 for step in steps for axis in "yx"}
    return rearrange(x, f"b (h w {nested}) c -> b c (h {rows}) (w {columns})", h=grid[0], w=grid[1], **sizes)
