"""Options of an animation; all that needs no photo is checked before one is read."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from torch import Tensor

from visioncore.errors import InputError
from visioncore.inference.image_inputs import GivenImage

from ..network.animation import AnimationPipeline
from .driving import as_rate
from .motions import ClipMotion, Motions, PeriodicMotion, frame_times, read_motion
from .refinement import Previous, check_refinement
from .sampling import Sampler, check_sampler, generator_of
from .schedulers import make_scheduler

FPS = Fraction(25)
"""Frames per second of an animation, unless other ones are asked for."""
NO_MOTION = (
    "these weights are of an auto-encoder, which draws no motion; give those of an AnimationPipeline, a motion that "
    "was kept, or a driving video (transfer)"
)


@dataclass(frozen=True, eq=False)
class Rendering:
    """How a photo is rendered with a motion: arguments of `Predictor.transfer`."""

    strength: float = 1.0
    mask: GivenImage | Tensor | None = None
    refine: int = 0
    previous: Previous = "warped"
    seed: int = 0

    def check(self, pipeline: AnimationPipeline | None) -> None:
        """Validate all but the mask, which depends on the photo.

        Raises:
            InputError: if a value is out of its range, or the weights lack what it needs.
        """
        if not 0 <= self.strength <= 10:
            raise InputError(f"strength is {self.strength}; it must be from 0 to 10")
        check_refinement(self.refine, self.previous, there=pipeline is not None and pipeline.refiner is not None)
        generator_of(self.seed)


@dataclass(frozen=True, eq=False)
class Drawing(Rendering):
    """How a motion is drawn, or which one is taken: further arguments of `Predictor.animate`."""

    prompt: str | None = None
    frames: int | None = None
    fps: float | Fraction = FPS
    motion: str | Path | Motions | None = None
    sampler: Sampler = "official-ddim"
    steps: int | None = None
    guidance: float = 1.0
    speed: float = 1.0
    loop: bool = False

    def check(self, pipeline: AnimationPipeline | None) -> None:
        """Validate all but the mask and the prompt, which depend on the photo and on what reads it.

        Raises:
            InputError: if a value is out of its range, or the weights lack what it needs.
        """
        super().check(pipeline)
        as_rate(self.fps)
        check_sampler(self.sampler, 1 if self.steps is None else self.steps, self.guidance)
        if self.motion is not None and self.prompt:
            raise InputError("a prompt is for a motion that is drawn, and this one is given")
        if self.motion is None:
            if pipeline is None:
                raise InputError(NO_MOTION)
            if self.sampler != "official-ddim":
                make_scheduler(self.sampler, threshold=False)
            frame_times(pipeline.config.frames, self.frames, self.speed, self.loop)

    def given(self) -> Motions | None:
        """Return the motion that is to be taken, with the frames that are asked for; None if it is to be drawn.

        Raises:
            InputError: if it cannot be read, or has not such frames.
        """
        kept = read_motion(self.motion) if isinstance(self.motion, str | Path) else self.motion
        if kept is None or not (self.frames is not None or self.speed != 1 or self.loop):
            return kept
        if isinstance(kept, ClipMotion):
            raise InputError("frames, speed and loop are for a motion that was drawn; this one is of a video")
        return PeriodicMotion(kept.sums, kept.period, frame_times(kept.period, self.frames, self.speed, self.loop))
