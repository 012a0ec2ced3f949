"""Configuration of the network, and the published variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from visioncore.configs import check_choices, check_most
from visioncore.errors import InputError


@dataclass(frozen=True)
class NeRDRainConfig:
    """The network's settings; the defaults are the paper's NeRD-Rain.

    Attributes:
        dim: channels C at the first level; levels two and three have 2C and 4C.
        num_blocks: blocks at the three levels (a ``cab`` block is two of its kind in a row, as published).
        heads: attention heads at the three levels, each a divisor of its level's channels.
        ffn_expansion: hidden width of the feed-forward networks over their channels.
        norm: ``bias``, or the ``bias_free`` form that no published weights use.
        block: ``transformer``, or ``cab``, the CNN block of the paper's Table 6.
        inr: first estimates handed to the half and the full scale (``both``), the half only (``quarter``), or ``none``.
        inr_hidden: hidden width of the pixel decoders.
        fusion: how deep features are fed back to the coarser scale: ``gated``, their plain ``sum``, or ``none``.
    """

    dim: int = 48
    num_blocks: tuple[int, int, int] = (2, 3, 3)
    heads: tuple[int, int, int] = (1, 2, 4)
    ffn_expansion: float = 2.66
    norm: Literal["bias", "bias_free"] = "bias"
    block: Literal["transformer", "cab"] = "transformer"
    inr: Literal["both", "quarter", "none"] = "both"
    inr_hidden: int = 256
    fusion: Literal["gated", "sum", "none"] = "gated"

    def __post_init__(self) -> None:
        for name in ("num_blocks", "heads"):
            values = tuple(getattr(self, name))
            if len(values) != 3:
                raise InputError(f"{name} is {values}; it must be three numbers, one a level")
            object.__setattr__(self, name, values)
        check_choices(self)
        if self.dim < 4 or self.dim % 4:
            raise InputError(f"dim is {self.dim}; it must be a positive multiple of 4")
        for level, heads in enumerate(self.heads):
            channels = self.dim * 2**level
            if heads < 1 or channels % heads:
                raise InputError(f"heads[{level}] is {heads}; it must divide the level's {channels} channels")
        if min(self.num_blocks) < 1:
            raise InputError(f"num_blocks is {self.num_blocks}; each level needs at least one block")
        if self.inr_hidden < 1 or self.ffn_expansion * self.dim < 1:
            raise InputError(
                f"inr_hidden is {self.inr_hidden} and ffn_expansion {self.ffn_expansion}; hidden layers need a width"
            )
        check_most(self, dim=4096, num_blocks=1000, ffn_expansion=64, inr_hidden=65536)


VARIANTS: dict[str, NeRDRainConfig] = {
    "nerd-rain": NeRDRainConfig(),
    "nerd-rain-s": NeRDRainConfig(dim=32),
    "nerd-rain-mprnet": NeRDRainConfig(num_blocks=(1, 1, 1), block="cab"),
}
"""The published variants by name."""
