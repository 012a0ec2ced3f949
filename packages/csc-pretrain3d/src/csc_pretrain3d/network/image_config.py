"""Configurations of the image branch: which frozen encoder sees the photos, and how wide the shared features are."""

from __future__ import annotations

from dataclasses import dataclass, field

from visioncore.configs import check_most
from visioncore.errors import InputError


@dataclass(frozen=True)
class ResNetConfig:
    """Settings of the dilated ResNet; the defaults are ResNet-50.

    Attributes:
        width: channels of the first layer; the output has 32 times as many.
        blocks: of the four stages.

    Raises:
        InputError: if a value is out of its range.
    """

    width: int = 64
    blocks: tuple[int, int, int, int] = (3, 4, 6, 3)

    def __post_init__(self) -> None:
        if self.width < 1 or len(self.blocks) != 4 or min(self.blocks) < 1:
            raise InputError(f"width is {self.width} and blocks {self.blocks}; they must be 1 and 4 numbers from 1")
        check_most(self, width=1024, blocks=256)

    @property
    def stride(self) -> int:
        """Pixels of the image along a side of each feature."""
        return 4

    @property
    def channels(self) -> int:
        """Width of the features."""
        return 32 * self.width


@dataclass(frozen=True)
class ViTConfig:
    """Settings of a vision transformer as DINO and DINOv2 publish theirs; the defaults are DINO's ViT-S/16.

    Attributes:
        patch: pixels along a side of each token.
        channels: width of the tokens, a multiple of the heads.
        depth: how many blocks.
        heads: of the attention.
        grid: side of the square of tokens that the position table holds.
        layer_scale: each block scales what it adds by a trained factor for each channel, as in DINOv2.
        registers: tokens beside the class token, as in DINOv2's versions with registers.

    Raises:
        InputError: if a value is out of its range.
    """

    patch: int = 16
    channels: int = 384
    depth: int = 12
    heads: int = 6
    grid: int = 14
    layer_scale: bool = False
    registers: int = 0

    def __post_init__(self) -> None:
        for name in ("patch", "channels", "depth", "heads", "grid"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.registers < 0 or self.channels % self.heads:
            raise InputError(
                f"registers is {self.registers}, channels {self.channels} and heads {self.heads}; registers must not "
                "be negative, and channels a multiple of heads"
            )
        check_most(self, patch=256, channels=4096, depth=64, grid=256, registers=64)

    @property
    def stride(self) -> int:
        """Pixels of the image along a side of each feature."""
        return self.patch


@dataclass(frozen=True)
class ImageBranchConfig:
    """Settings of the image branch.

    Attributes:
        encoder: the frozen network.
        channels: of the features that pixels and points share.

    Raises:
        InputError: if there are no channels.
    """

    encoder: ResNetConfig | ViTConfig = field(default_factory=ResNetConfig)
    channels: int = 64

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise InputError(f"channels is {self.channels}; it must be at least 1")
        check_most(self, channels=4096)


def _dino_v2(channels: int, depth: int, heads: int, registers: int = 0) -> ViTConfig:
    return ViTConfig(14, channels, depth, heads, grid=37, layer_scale=True, registers=registers)


ENCODERS: dict[str, ResNetConfig | ViTConfig] = {
    "resnet50": ResNetConfig(),
    "dino-vits16": ViTConfig(),
    "dino-vits8": ViTConfig(8, grid=28),
    "dino-vitb16": ViTConfig(16, 768, 12, 12),
    "dino-vitb8": ViTConfig(8, 768, 12, 12, grid=28),
    "dinov2-vits14": _dino_v2(384, 12, 6),
    "dinov2-vitb14": _dino_v2(768, 12, 12),
    "dinov2-vitl14": _dino_v2(1024, 24, 16),
    "dinov2-vits14-registers": _dino_v2(384, 12, 6, registers=4),
    "dinov2-vitb14-registers": _dino_v2(768, 12, 12, registers=4),
    "dinov2-vitl14-registers": _dino_v2(1024, 24, 16, registers=4),
}
"""Encoders by name."""
