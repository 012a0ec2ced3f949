"""Configurations of the three networks, and the published variants."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal

from visioncore.configs import check_choices, check_most
from visioncore.errors import InputError

Background = Literal["zero", "shift", "affine", "perspective"]
Affine = Literal["axes", "regressed"]

MOST_FRAMES = 10_000
"""Frames of a clip at most."""
MOST_CHANNELS = 8192
GROUPS = 8
"""Of the denoisers' norms; their widths are multiples of it."""


@dataclass(frozen=True)
class FlowAutoencoderConfig:
    """Settings of the flow auto-encoder; the defaults are those of LVMM on WebVid.

    Attributes:
        regions: how many regions K move.
        scale: of the frames in which regions and flow are found: 1, 0.5, 0.25 or 0.125.
        most_channels: widest layer.
        region_width: channels C of the region predictor; its block i has ``2 ** i`` times as many.
        region_blocks: levels of its hourglass.
        temperature: of the softmax that makes heat maps.
        affine: how regions are stretched and turned: by the axes of their heat maps, or by numbers that are predicted.
        background: what the background's motion is: none, a shift, an affine or a projective map.
        background_width: channels of its predictor.
        background_blocks: levels of it.
        flow_width: channels of the flow predictor.
        flow_blocks: levels of its hourglass.
        covariance_heat: whether the heat maps given to it have the regions' spread, or all the same.
        occlusion: whether it tells what was hidden in the source image.
        flip_axes: whether a region that seems to turn by half a turn is taken to be turned back.
        width: channels of the renderer, twice as many each time that it halves the image.
        levels: times that the renderer halves the image.
        bottleneck: residual blocks at its smallest size.
        skips: whether features of all sizes are warped, not the smallest alone.
        align_corners: whether -1 and 1 in sampling grids are the centres of the border's pixels, or their outer edges.
        side: of the square frames that it was trained on, in pixels.

    Raises:
        InputError: if a value is out of its range.
    """

    regions: int = 128
    scale: float = 0.25
    most_channels: int = 1024
    region_width: int = 128
    region_blocks: int = 5
    temperature: float = 0.1
    affine: Affine = "axes"
    background: Background = "affine"
    background_width: int = 128
    background_blocks: int = 5
    flow_width: int = 128
    flow_blocks: int = 5
    covariance_heat: bool = True
    occlusion: bool = True
    flip_axes: bool = True
    width: int = 128
    levels: int = 2
    bottleneck: int = 6
    skips: bool = True
    align_corners: bool = True
    side: int = 256

    def __post_init__(self) -> None:
        check_choices(self)
        _check_least(self, bottleneck=0)
        check_most(self, regions=4096, bottleneck=64, levels=6, side=4096)
        check_most(self, most_channels=MOST_CHANNELS, region_width=MOST_CHANNELS, background_width=MOST_CHANNELS)
        check_most(self, flow_width=MOST_CHANNELS, width=MOST_CHANNELS)
        check_most(self, region_blocks=8, background_blocks=8, flow_blocks=8)
        if self.scale not in (1, 0.5, 0.25, 0.125):
            raise InputError(f"scale is {self.scale}; it must be 1, 0.5, 0.25 or 0.125")
        if not 0 < self.temperature <= 10:
            raise InputError(f"temperature is {self.temperature}; it must be above 0 and at most 10")

    @property
    def multiple(self) -> int:
        """Divisor of the sides of frames in which regions and flow are found."""
        blocks = max(self.region_blocks, self.flow_blocks)
        return max(round(2**blocks / self.scale), 2**self.levels)


@dataclass(frozen=True)
class UNetConfig:
    """Settings of a denoiser.

    Attributes:
        width: channels of its first level.
        multiples: of that width, one a level.
        channels: in.
        outputs: channels out.
        context: width of the tokens that it is conditioned on.
        heads: of its attention, each 32 channels wide.
    """

    width: int
    multiples: tuple[int, ...]
    channels: int
    outputs: int
    context: int
    heads: int = 8

    def __post_init__(self) -> None:
        _check_least(self)
        check_most(self, width=MOST_CHANNELS, multiples=64, channels=MOST_CHANNELS, outputs=MOST_CHANNELS, heads=64)
        check_most(self, context=MOST_CHANNELS)
        if not 1 <= len(self.multiples) <= 8:
            raise InputError(f"multiples are {len(self.multiples)}; there must be from 1 to 8, one for each level")
        if self.width % GROUPS:
            raise InputError(f"width is {self.width}; it must be a multiple of {GROUPS}, the groups of the norms")

    @property
    def multiple(self) -> int:
        """Divisor of both sides of its input."""
        return int(2 ** (len(self.multiples) - 1))


@dataclass(frozen=True)
class MotionUNetConfig(UNetConfig):
    """Settings of the motion denoiser."""

    width: int = 64
    multiples: tuple[int, ...] = (1, 2, 4, 4)
    channels: int = 6
    outputs: int = 6
    context: int = 1024

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.channels, self.outputs) != (6, 6):
            raise InputError(
                f"channels are {self.channels} in and {self.outputs} out; of a motion there are 6: real and imaginary "
                "parts of x, y and occlusion"
            )


@dataclass(frozen=True)
class FrameUNetConfig(UNetConfig):
    """Settings of the frame denoiser; half of its channels in are those of the moved reference."""

    width: int = 128
    multiples: tuple[int, ...] = (1, 2)
    channels: int = 1024
    outputs: int = 512
    context: int = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.channels != 2 * self.outputs:
            raise InputError(f"channels is {self.channels}; it must be twice outputs, which is {self.outputs}")


@dataclass(frozen=True)
class ImageBindConfig:
    """Settings of ImageBind's two towers; the defaults are those of its huge model.

    Attributes:
        image_width: channels of the image tower.
        image_blocks: its depth.
        image_heads: of its attention.
        text_width: channels of the text tower.
        text_blocks: its depth.
        text_heads: of its attention.
        outputs: width of the tokens.
    """

    image_width: int = 1280
    image_blocks: int = 32
    image_heads: int = 16
    text_width: int = 1024
    text_blocks: int = 24
    text_heads: int = 16
    outputs: int = 1024


@dataclass(frozen=True)
class AnimationConfig:
    """Settings of the whole method.

    Attributes:
        autoencoder: of the flow auto-encoder.
        motion: of the motion denoiser.
        frame: of the frame denoiser, where there is one.
        frames: of a clip; motion repeats after as many.
        keep: Fourier coefficients k that are kept of it, and drawn.
        size: sides of the maps that coefficients are drawn for.
        representation: what is drawn: offsets in units of their spread, or the authors' unscaled sums.
        prediction: of the motion denoiser: the noise, as published, or the velocity, with which tokens are followed
            after far fewer steps of training, as the noisiest steps of the process are learnt too.
        prompts: the only texts that the denoiser was trained with, where it is conditioned on regions of the photo and
            one of these; none where it takes tokens from elsewhere.
        steps: of the sampler, unless others are asked for.

    Raises:
        InputError: if a value is out of its range.
    """

    autoencoder: FlowAutoencoderConfig = field(default_factory=FlowAutoencoderConfig)
    motion: MotionUNetConfig = field(default_factory=MotionUNetConfig)
    frame: FrameUNetConfig | None = None
    frames: int = 150
    keep: int = 16
    size: int = 32
    representation: Literal["normalised", "official"] = "normalised"
    prediction: Literal["noise", "velocity"] = "noise"
    prompts: tuple[str, ...] = ()
    steps: int = 250

    def __post_init__(self) -> None:
        check_choices(self)
        _check_least(self)
        check_most(self, frames=MOST_FRAMES, size=256, steps=999)
        deepest = self.autoencoder.width * 2**self.autoencoder.levels
        if self.frame is not None and not self.frame.outputs == self.frame.context == deepest:
            raise InputError(
                f"the frame denoiser is for features of {self.frame.outputs} channels and tokens of "
                f"{self.frame.context}; the auto-encoder's have {deepest}"
            )
        if not 1 <= self.keep <= self.frames // 2:
            raise InputError(f"keep is {self.keep}; it must be from 1 to half of the {self.frames} frames")
        if self.size % self.motion.multiple:
            raise InputError(f"size is {self.size}; it must be a multiple of {self.motion.multiple}")


def _check_least(config: FlowAutoencoderConfig | UNetConfig | AnimationConfig, **least: int) -> None:
    """Validate that whole numbers are at least 1, or what is given."""
    for each in fields(config):
        values = getattr(config, each.name)
        for value in values if isinstance(values, tuple) else (values,):
            lowest = least.get(each.name, 1)
            if isinstance(value, int) and not isinstance(value, bool) and value < lowest:
                raise InputError(f"{each.name} is {values}; it must be at least {lowest}")


Config = FlowAutoencoderConfig | MotionUNetConfig | FrameUNetConfig | AnimationConfig

_CELEBV = FlowAutoencoderConfig(regions=256, scale=1.0, occlusion=False)
_LFDM = FlowAutoencoderConfig(
    regions=10,
    region_width=32,
    background_width=32,
    flow_width=64,
    width=64,
    align_corners=False,
)

VARIANTS: dict[str, Config] = {
    "autoencoder-webvid": FlowAutoencoderConfig(),
    "autoencoder-celebv": _CELEBV,
    "autoencoder-lfdm": _LFDM,
    "motion": MotionUNetConfig(),
    "frame": FrameUNetConfig(),
    "animation": AnimationConfig(),
    "animation-refined": AnimationConfig(frame=FrameUNetConfig()),
}
"""Settings of the published networks by name, and of the whole method without and with the frame denoiser."""
