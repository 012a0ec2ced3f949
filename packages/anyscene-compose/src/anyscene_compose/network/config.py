"""Configuration of an injector, and those for the base models that are in use."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from visioncore.configs import check_choices, check_most
from visioncore.diffusion.layers import attention_widths, group_of
from visioncore.errors import InputError

Encoder = Literal["clip", "patches"]
Form = Literal["anyscene", "canny"]

CHANNELS: dict[Form, int] = {"anyscene": 5, "canny": 1}
"""Of the condition: colours, alpha and edges; or edges alone."""
LADDER = (16, 32, 96, 256)
"""Channels of the condition on its way from the image's size to that of the latents, as published ControlNets have."""


@dataclass(frozen=True)
class ControlConfig:
    """Shape of the spatial route: that of the base's way down; the defaults are for Stable Diffusion 1.x.

    Attributes:
        blocks: channels of the blocks.
        attends: whether a block has cross-attention.
        layers: of each block.
        heads: of attention in each block.
        transformers: layers of the transformers in each block.
        groups: of the norms.
        linear: whether transformers begin and end with linear layers, as in 2.x and XL.
        upcast: whether attention is computed in float32.
        pooled: width of the pooled text of XL, which is nothing here; 0 for others.
        sizes: width of each embedded size of XL; 0 for others.
        ladder: channels of the condition on its way down, from the image's size to that of the latents.

    Raises:
        InputError: if a value is out of its range.
    """

    blocks: tuple[int, ...] = (320, 640, 1280, 1280)
    attends: tuple[bool, ...] = (True, True, True, False)
    layers: int = 2
    heads: tuple[int, ...] = (8, 8, 8, 8)
    transformers: tuple[int, ...] = (1, 1, 1, 1)
    groups: int = 32
    linear: bool = False
    upcast: bool = False
    pooled: int = 0
    sizes: int = 0
    ladder: tuple[int, ...] = LADDER

    def __post_init__(self) -> None:
        for name in ("attends", "heads", "transformers"):
            if len(getattr(self, name)) != len(self.blocks):
                raise InputError(f"control.{name} is {getattr(self, name)}; it must have one entry for each block")
        for name in ("blocks", "layers", "heads", "transformers", "groups", "ladder"):
            value = getattr(self, name)
            if min(value if isinstance(value, tuple) else (value,), default=0) < 1:
                raise InputError(f"control.{name} is {value}; it must be at least 1")
        check_most(self, "control.", blocks=8192, layers=64, heads=1024, transformers=64, groups=1024, ladder=8192)
        check_most(self, "control.", pooled=65536, sizes=8192)
        if min(self.pooled, self.sizes) < 0 or bool(self.pooled) != bool(self.sizes):
            raise InputError(f"control.pooled is {self.pooled} and sizes {self.sizes}; both are 0 except for XL")

    @property
    def factor(self) -> int:
        """Pixels of the image on one side of a place of the latents."""
        return int(2 ** (len(self.ladder) - 1))


def _layers_of(down: tuple[int, ...], middle: int, up: tuple[int, ...], control: ControlConfig) -> dict[str, int]:
    """Return the cross-attention layers of a base: those of down and up blocks by their numbers, and of the middle."""
    blocks, layers = control.blocks, control.layers
    places = {
        **{f"down_blocks.{i}.attentions.{k}": i for i in down for k in range(layers)},
        "mid_block.attentions.0": middle,
        **{f"up_blocks.{i}.attentions.{k}": len(blocks) - 1 - i for i in up for k in range(layers + 1)},
    }
    return {
        f"{path}.transformer_blocks.{number}.attn2": blocks[block]
        for path, block in places.items()
        for number in range(control.transformers[block])
    }


def _attention(down: tuple[int, ...], up: tuple[int, ...], control: ControlConfig) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(_layers_of(down, len(control.blocks) - 1, up, control).items()))


@dataclass(frozen=True)
class InjectorConfig:
    """Settings of an injector; the defaults are for Stable Diffusion 1.x.

    Attributes:
        context: width of the tokens that the base's cross-attention reads.
        attention: paths of the base's cross-attention layers, sorted, each with the width of its queries; empty for
            ``canny``.
        control: shape of the spatial route.
        encoder: what the semantic route sees of an element: patch tokens of CLIP's image tower, or small patches of its
            pixels, for tests and the demo.
        features: width of what the encoder gives.
        tokens: of each element.
        layers: of the resampler.
        heads: of its attention.
        width: inside it.
        form: the method, or what it is compared with: edges alone, and a route that reads the prompt.

    Raises:
        InputError: if a value is out of its range.
    """

    context: int = 768
    attention: tuple[tuple[str, int], ...] = _attention((0, 1, 2), (1, 2, 3), ControlConfig())
    control: ControlConfig = field(default_factory=ControlConfig)
    encoder: Encoder = "clip"
    features: int = 1024
    tokens: int = 16
    layers: int = 4
    heads: int = 12
    width: int = 768
    form: Form = "anyscene"

    def __post_init__(self) -> None:
        check_choices(self)
        for name in ("context", "features", "tokens", "layers", "heads", "width"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least 1")
        check_most(self, context=16384, features=16384, tokens=1024, layers=64, width=16384)
        if self.width % self.heads:
            raise InputError(f"width is {self.width}; it must be a multiple of heads, {self.heads}")
        self._check_attention()

    def _check_attention(self) -> None:
        paths = [path for path, _ in self.attention]
        if bool(paths) == (self.form == "canny") or paths != sorted(set(paths)):
            raise InputError(
                "attention must name the base's cross-attention layers, each once, sorted by their paths, and none for "
                "canny"
            )
        for path, width in self.attention:
            group_of(path)
            if not re.fullmatch(r"\w+(\.\w+)*", path) or not 1 <= width <= 65536:
                raise InputError(f"attention names {path[:100]!r} of width {width}; no layer of a U-Net is such")

    @property
    def channels(self) -> int:
        """Channels of the condition."""
        return CHANNELS[self.form]


def fitting(unet: nn.Module, factor: int) -> dict[str, Any]:
    """Return the settings that follow from a base: ``context``, ``attention`` and ``control``.

    Args:
        unet: of diffusers.
        factor: pixels of the image on one side of a place of the latents.
    """
    base: Any = unet.config
    blocks = tuple(base.block_out_channels)
    xl = base.addition_embed_type == "text_time"
    sizes = base.addition_time_embed_dim if xl else 0
    levels = factor.bit_length()
    return {
        "context": base.cross_attention_dim,
        "attention": tuple(sorted(attention_widths(unet).items())),
        "control": ControlConfig(
            blocks=blocks,
            attends=tuple("CrossAttn" in name for name in base.down_block_types),
            layers=base.layers_per_block,
            heads=_each(base.num_attention_heads or base.attention_head_dim, len(blocks)),
            transformers=_each(base.transformer_layers_per_block, len(blocks)),
            groups=base.norm_num_groups,
            linear=base.use_linear_projection,
            upcast=base.upcast_attention,
            # of XL, the embedded sizes are six
            pooled=base.projection_class_embeddings_input_dim - 6 * sizes if xl else 0,
            sizes=sizes,
            # a small base needs no wider one than itself
            ladder=tuple(min(width, blocks[0]) for width in (*LADDER, *LADDER[-1:] * levels)[:levels]),
        ),
    }


def _each(value: int | tuple[int, ...] | list[int], count: int) -> tuple[int, ...]:
    return (value,) * count if isinstance(value, int) else tuple(value)


_TWO = ControlConfig(heads=(5, 10, 20, 20), linear=True, upcast=True)
_XL = ControlConfig(
    blocks=(320, 640, 1280),
    attends=(False, True, True),
    heads=(5, 10, 20),
    transformers=(1, 2, 10),
    linear=True,
    pooled=1280,
    sizes=256,
)

VARIANTS: dict[str, InjectorConfig] = {
    "sd15": InjectorConfig(),
    "sd21": InjectorConfig(context=1024, attention=_attention((0, 1, 2), (1, 2, 3), _TWO), control=_TWO),
    "sdxl": InjectorConfig(context=2048, attention=_attention((1, 2), (0, 1), _XL), control=_XL),
    "sd15-canny": InjectorConfig(attention=(), form="canny"),
}
"""The method on the base models that are in use, and the edge control that it is compared with."""
