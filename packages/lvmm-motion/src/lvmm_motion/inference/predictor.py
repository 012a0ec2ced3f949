"""Prediction: a photo -> the same, moving."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from visioncore.devices import return_memory
from visioncore.errors import InputError
from visioncore.images import from_tensor
from visioncore.inference.image_inputs import GivenImage
from visioncore.inference.predictor import BasePredictor

from ..network.animation import AnimationPipeline
from ..network.autoencoder import FlowAutoencoder
from ..network.base import LVMM
from ..network.config import AnimationConfig
from ..network.fast import for_inference
from ..network.flow import Motion
from ..network.weights import load_model
from .driving import Driving, GivenVideo, as_rate, fitted
from .embedders import Embedder, Given, Named, Zeros, make_embedder
from .motions import ClipMotion, Motions, PeriodicMotion, frame_times
from .options import FPS, NO_MOTION, Drawing, Rendering
from .photos import Photo, read_mask, read_photo
from .refinement import Previous, Refinement
from .region_tokens import RegionTokens
from .result import Result
from .sampling import Sampler, generator_of, noise_of, sample
from .shot import Running, Shot
from .transfer import Mode, check_mode, transferred


class Predictor(BasePredictor):
    """Animates photos of any size.

    Args:
        model: an `AnimationPipeline`, or a `FlowAutoencoder`, which takes motion from videos alone; or the weights that
            `load_model` takes; later changes of a network are not seen.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``float32``; ``bfloat16`` or ``float16`` for more speed at a small cost in accuracy; or such a type of
            PyTorch; ``auto`` is bfloat16 on GPUs that have it and float32 elsewhere.
        batch: frames on the device at a time; fewer after memory ran out.
        embedder: makes the tokens that a motion is conditioned on; default: those of the photo's regions and a prompt
            where the weights know some, and none otherwise.
        side: shorter side, in pixels, of the frames in which regions are found; default: that of the training.
        notify: told, in one line, when the batch is halved, of a photo with alpha, and what is to be known of the
            weights; default: a warning.

    Raises:
        InputError: if an option is not what it should be, or the network is a denoiser alone.
    """

    def __init__(
        self,
        model: LVMM | str | Path = "demo",
        device: str | torch.device = "auto",
        *,
        dtype: str | torch.dtype = "float32",
        batch: int = 8,
        embedder: Embedder | None = None,
        side: int | None = None,
        notify: Callable[[str], None] = warnings.warn,
    ) -> None:
        given = not isinstance(model, str | Path)
        model = load_model(model) if isinstance(model, str | Path) else model
        super().__init__(model, device, dtype=dtype, batch=batch, notify=notify)
        if not isinstance(model, AnimationPipeline | FlowAutoencoder):
            raise InputError(
                f"{type(model).__name__} alone animates nothing; give an AnimationPipeline, or a FlowAutoencoder for "
                "motion taken from videos"
            )
        network = for_inference(model, self.device, self.dtype, copied=given)
        self.pipeline = network if isinstance(network, AnimationPipeline) else None
        autoencoder = network.autoencoder if isinstance(network, AnimationPipeline) else network
        assert isinstance(autoencoder, FlowAutoencoder)
        self.running = Running(autoencoder, self.device, self.dtype, batch, notify)
        self.embedder = embedder or (None if self.pipeline is None else own_embedder(self.pipeline))
        self.side = autoencoder.config.side if side is None else side
        if not 1 <= self.side <= 4096:
            raise InputError(f"side is {side}; it must be from 1 to 4096 pixels")

    def settings(self) -> dict[str, Any]:
        known = {name: value for name, value in super().settings().items() if name != "self_ensemble"}
        return known | {"side": self.side, "embedder": repr(self.embedder)}

    @property
    def steps(self) -> int:
        """Steps of the sampler, unless others are asked for."""
        return AnimationConfig.steps if self.pipeline is None else self.pipeline.config.steps

    def set_embedder(self, name: Named, file: str | Path | None = None) -> None:
        """Take another embedder, by its name.

        Args:
            name: ``auto``, ``zeros``, ``given``, ``imagebind`` or ``open_clip``.
            file: of its weights, or of the tokens that are given (.npy).

        Raises:
            InputError: if it needs a file or takes none, or the file does not fit.
        """
        if name == "auto" and not file:
            self.embedder = None if self.pipeline is None else own_embedder(self.pipeline)
            return
        self.embedder = make_embedder(name, file, self._drawing().config.motion.context, self.device)

    def check(self, how: Rendering) -> None:
        """Validate what is asked for, as far as no photo is needed; `animate` and `transfer` do so too.

        Args:
            how: a `Drawing`, or of `transfer` a `Rendering`.

        Raises:
            InputError: if a value is out of its range, the weights lack what it needs, or no one reads the prompt.
        """
        how.check(self.pipeline)
        if isinstance(how, Drawing) and isinstance(self.embedder, Zeros | Given | RegionTokens):
            self.embedder.check(how.prompt)

    def __call__(self, photo: GivenImage, prompt: str | None = None, **options: Any) -> Result:
        """Animate a photo: see `animate`."""
        return self.animate(photo, prompt, **options)

    def animate(
        self,
        photo: GivenImage,
        prompt: str | None = None,
        *,
        frames: int | None = None,
        fps: float | Fraction = FPS,
        motion: str | Path | Motions | None = None,
        sampler: Sampler = "official-ddim",
        steps: int | None = None,
        guidance: float = 1.0,
        seed: int = 0,
        strength: float = 1.0,
        speed: float = 1.0,
        loop: bool = False,
        mask: GivenImage | Tensor | None = None,
        refine: int = 0,
        previous: Previous = "warped",
        advance: Callable[[], object] = lambda: None,
    ) -> Result:
        """Animate a photo with a motion that is drawn; the animation begins with the photo.

        Args:
            photo: a file, an `Image`, an image of Pillow, or an array (H, W, 3) of uint8 or uint16, at least 32 x 32.
            prompt: a text on the motion, for an embedder that reads texts.
            frames: how many; default: as many as the motion has before it repeats.
            fps: frames per second.
            motion: one that was kept, in place of a drawn one.
            sampler: ``official-ddim``, or ``ddim``, ``ddpm`` or ``dpm++`` of the package diffusers.
            steps: of the sampler, 1 to 999; default: those of the weights, 250 as published.
            guidance: how much the condition counts: 1 as it is, above 1 more.
            seed: of the noise; the same photo, seed and options give the same animation.
            strength: how far things move: 0 not at all, 1 as drawn.
            speed: 2 is twice as fast.
            loop: let the last frame lead to the first, by a speed that is only near to ``speed``.
            mask: an image of the photo's size: white may move, what is black or transparent stays as it is, bit by bit.
            refine: steps of the frame denoiser for each frame; 0 for none.
            previous: what the frame denoiser is shown of the frame before, see `Refinement`.
            advance: called after each step of the sampler.

        Raises:
            InputError: if something given is not what it should be, or numbers are not finite.
        """
        how = Drawing(
            strength, mask, refine, previous, seed, prompt, frames, fps, motion, sampler, steps, guidance, speed, loop
        )
        self.check(how)
        given = how.given()
        shot = self._shot(photo, how)
        drawn = self._drawn(shot.photo, how, advance) if given is None else given
        return Result(
            shot.photo.image,
            drawn,
            as_rate(fps),
            shot.photo.padding,
            shot.frames,
            shot.photo.source,
            in_turn=bool(refine),
            notice=self.notice,
        )

    def transfer(
        self,
        video: GivenVideo,
        photo: GivenImage,
        mode: Mode = "z-relative",
        *,
        fps: float | Fraction = FPS,
        strength: float = 1.0,
        mask: GivenImage | Tensor | None = None,
        refine: int = 0,
        previous: Previous = "warped",
        seed: int = 0,
    ) -> Result:
        """Let a photo move as things in a video do.

        The middle of the video is taken, in the photo's shape; it is read while frames are rendered.

        Args:
            video: a file, frames (n, H, W, 3) of uint8, or a clip of a data set; at least two frames.
            photo: as of `animate`.
            mode: ``z-relative``: regions move as those of the video did since its first frame; ``z-absolute``: they go
                to where those of the video are; ``u``: each pixel moves as that of the video.
            fps: of a video that does not know its own.
            strength: how far things move: 0 not at all, 1 as in the video.
            mask: as of `animate`.
            refine: as of `animate`.
            previous: as of `animate`.
            seed: of the noise that ``refine`` begins with.

        Raises:
            InputError: if something given is not what it should be.
        """
        check_mode(mode)
        how = Rendering(strength, mask, refine, previous, seed)
        self.check(how)
        driving = Driving(video, as_rate(fps))
        shot = self._shot(photo, how)
        small, whole, multiple = shot.source.small, shot.source.photo, self._multiple(refine)
        size = small.shape[2], small.shape[3]

        def find() -> Iterator[Motion]:
            first = fitted(driving.first, shot.photo.size, multiple, size).to(small)
            for frames in driving.batches(self.running.batch, shot.photo.size, multiple, size):
                with torch.inference_mode():
                    motion = transferred(self.running.network, shot.source, first, frames.to(small), mode)
                    maps = motion.flow.shape[1], motion.flow.shape[2]
                    # found in a small photo, and rendered with a large one
                    yield Motion(motion.flow + (shot.still(maps) - shot.still(maps, size)), motion.occlusion)

        return Result(
            photo=shot.photo.image,
            motion=ClipMotion(find, driving.length, (whole.shape[2], whole.shape[3])),
            rate=driving.rate,
            padding=shot.photo.padding,
            render=shot.frames,
            source=shot.photo.source,
            audio=driving.source,
            times=driving.times,
            in_turn=bool(refine),
            notice=self.notice,
        )

    def reconstruct(self, clip: GivenVideo) -> Result:
        """Render a clip from its first frame, with the motion found in it.

        Raises:
            InputError: if it cannot be read, or has fewer than two frames.
        """
        return self.transfer(clip, Driving(clip, FPS).first, "z-absolute")

    def run(self, photos: Tensor) -> Tensor:
        """Return the frames (B, n, 3, H, W) of photos (B, 3, H, W) in [0, 1], drawn with the seed 0 and without a text.

        One photo may lack the batch. The frames have values of 8 bit, in float32, where the photos were.

        Raises:
            InputError: if the shape is another, or a number is not finite.
        """
        if photos.ndim == 3:
            return self.run(photos[None])[0]
        if photos.ndim != 4 or photos.shape[1] != 3 or not photos.is_floating_point():
            raise InputError(f"photos are {tuple(photos.shape)} {photos.dtype}; they must be (B, 3, H, W) in [0, 1]")
        if not photos.isfinite().all():
            raise InputError("photos hold NaN or infinite values; give them a value")
        frames = self._drawing().config.frames
        made = [torch.from_numpy(np.asarray(self.animate(from_tensor(photo[None])))) for photo in photos]
        if not made:
            return photos.new_zeros((0, frames, *photos.shape[1:]), dtype=torch.float32)
        return torch.stack(made).permute(0, 1, 4, 2, 3).to(photos.device, torch.float32) / 255

    def _drawing(self) -> AnimationPipeline:
        if self.pipeline is None:
            raise InputError(NO_MOTION)
        return self.pipeline

    def _multiple(self, refine: int) -> int:
        halvings = int(2**self.running.network.config.levels)
        if not refine or self.pipeline is None or self.pipeline.refiner is None:
            return halvings
        return halvings * self.pipeline.refiner.config.multiple

    def _shot(self, photo: GivenImage, how: Rendering) -> Shot:
        """Return a photo, ready to be rendered."""
        self.tell_notice()
        read = read_photo(photo, self._multiple(how.refine), self.notify)
        mask = None if how.mask is None else read_mask(how.mask, read)

        def refinement() -> Refinement | None:
            pipeline = self.pipeline
            if not how.refine or pipeline is None or pipeline.refiner is None:
                return None
            generator = generator_of(how.seed)
            return Refinement(
                pipeline.refiner,
                pipeline.autoencoder.generator,
                lambda shape, like: noise_of([generator], shape, like),
                steps=how.refine,
                previous=how.previous,
                threshold=pipeline.config.representation == "official",
                dtype=self.dtype,
            )

        return Shot(self.running, read, self.side, strength=how.strength, mask=mask, refinement=refinement)

    def _drawn(self, photo: Photo, how: Drawing, advance: Callable[[], object]) -> PeriodicMotion:
        pipeline, condition = self._drawing(), self._condition(photo, how.prompt)
        config, steps = pipeline.config, self.steps if how.steps is None else how.steps
        noise = generator_of(how.seed)
        drawn = sample(pipeline, condition, how.sampler, steps, noise, how.guidance, dtype=self.dtype, advance=advance)
        sums = pipeline.representation.sums(drawn)[0].float().cpu()
        # rendering needs none of what drawing took
        return_memory()
        return PeriodicMotion(sums, config.frames, frame_times(config.frames, how.frames, how.speed, how.loop))

    @torch.inference_mode()
    def _condition(self, photo: Photo, prompt: str | None) -> Tensor:
        width = self._drawing().config.motion.context
        height, columns = photo.size
        assert self.embedder is not None
        tokens = self.embedder(photo.pixels[..., :height, :columns], prompt)
        if tokens.ndim != 3 or len(tokens) != 1 or tokens.shape[2] != width:
            raise InputError(f"the embedder gives {tuple(tokens.shape)}; the denoiser takes tokens (1, n, {width})")
        return tokens.to(self.device, torch.float32)


def own_embedder(pipeline: AnimationPipeline) -> Embedder:
    """Return the embedder that a denoiser was trained with, as far as the weights know it."""
    config = pipeline.config
    if config.prompts:
        return RegionTokens(pipeline.autoencoder, config.prompts, config.motion.context)
    return Zeros(config.motion.context)
