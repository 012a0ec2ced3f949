"""Configuration of the adapter, and that of the paper's base model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from visioncore.backbones.vgg import channels_of, check_layers
from visioncore.configs import check_choices, check_most
from visioncore.diffusion.layers import group_of
from visioncore.errors import InputError

Level = Literal["low", "mid", "high"]
LEVELS: tuple[Level, ...] = ("low", "mid", "high")
"""Levels of style, from brushwork and colour to composition."""
Form = Literal["explicit", "decoupled"]

CONTENT_WIDTHS = (320, 640, 1280, 1280)
"""Widths of the content adapter for Stable Diffusion 1.x: those of its U-Net's blocks."""


def _stable_diffusion_1() -> tuple[tuple[str, int], ...]:
    """Return the cross-attention layers of Stable Diffusion 1.x, sorted, each with the width of its queries."""
    down = [(f"down_blocks.{block}.attentions.{i}", 320 * 2**block) for block in range(3) for i in range(2)]
    up = [(f"up_blocks.{block}.attentions.{i}", 1280 // 2 ** (block - 1)) for block in range(1, 4) for i in range(3)]
    layers = [*down, ("mid_block.attentions.0", 1280), *up]
    return tuple((f"{path}.transformer_blocks.0.attn2", width) for path, width in layers)


@dataclass(frozen=True)
class ArtAdapterConfig:
    """Settings of an adapter; the defaults are for Stable Diffusion 1.x.

    Attributes:
        layers: of VGG-19 whose statistics make the low, the mid and the high level.
        tokens: style tokens of each level.
        width: of the text encoder's tokens, and so of the tokens that cross-attention reads.
        hidden: width inside the style encoder.
        attention: paths of the base's cross-attention layers, sorted, each with the width of its queries.
        vgg_width: channels of VGG-19's first block, 64 as published.
        vgg_seed: draws VGG-19's weights in place of the published ones, for tests and the demo; they are not stored
            then.
        gain: how large style tokens are at first; the root mean square of the text encoder's token embeddings.
        form: one softmax over style and text, as published, or two whose results are added, for comparison.
        content: widths of the content adapter, one for each block of the U-Net; none in files for inference.

    Raises:
        InputError: if a value is out of its range.
    """

    layers: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]] = (("relu2_1",), ("relu3_1",), ("relu4_1",))
    tokens: int = 3
    width: int = 768
    hidden: int = 768
    attention: tuple[tuple[str, int], ...] = _stable_diffusion_1()
    vgg_width: int = 64
    vgg_seed: int | None = None
    gain: float = 0.014
    form: Form = "explicit"
    content: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_choices(self)
        for name in ("tokens", "width", "hidden", "vgg_width"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least 1")
        check_most(self, tokens=16, width=8192, hidden=65536, vgg_width=512, content=8192)
        if self.vgg_seed is not None and not 0 <= self.vgg_seed < 2**63:
            raise InputError(f"vgg_seed is {self.vgg_seed}; it must be null or at least 0")
        if not 0 < self.gain <= 100:
            raise InputError(f"gain is {self.gain}; it must be above 0 and at most 100")
        if len(self.layers) != len(LEVELS) or not all(self.layers):
            raise InputError(f"layers are {self.layers}; there must be some of VGG-19 for each of {', '.join(LEVELS)}")
        for layers in self.layers:
            check_layers(layers)
        if any(width < 1 for width in self.content):
            raise InputError(f"content is {self.content}; widths must be at least 1")
        self._check_attention()

    def _check_attention(self) -> None:
        paths = [path for path, _ in self.attention]
        if not paths or paths != sorted(set(paths)):
            raise InputError("attention must name the base's cross-attention layers, each once, sorted by their paths")
        for path, width in self.attention:
            group_of(path)
            if not re.fullmatch(r"\w+(\.\w+)*", path) or not 1 <= width <= 65536:
                raise InputError(f"attention names {path[:100]!r} of width {width}; no layer of a U-Net is such")

    @property
    def by_level(self) -> dict[Level, tuple[str, ...]]:
        """The layers of VGG-19 that make each level."""
        return dict(zip(LEVELS, self.layers, strict=True))

    @property
    def deepest(self) -> str:
        """The last layer of VGG-19 that is needed."""
        return max(name for layers in self.layers for name in layers)

    @property
    def style_tokens(self) -> int:
        """Tokens of a whole style."""
        return self.tokens * len(LEVELS)

    def statistics(self, level: Level) -> int:
        """Return how many statistics make a level: mean and standard deviation of each channel."""
        return 2 * sum(channels_of(name, self.vgg_width) for name in self.by_level[level])


VARIANTS: dict[str, ArtAdapterConfig] = {
    "sd15": ArtAdapterConfig(),
    "sd15-decoupled": ArtAdapterConfig(form="decoupled"),
}
"""The paper's setup by name, and the one with two softmaxes that it is compared with."""
