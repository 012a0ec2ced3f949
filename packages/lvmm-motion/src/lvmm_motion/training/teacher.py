"""The trained auto-encoder as teacher: the motion of clips, seen once and kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from visioncore.devices import with_backoff
from visioncore.errors import InputError, some
from visioncore.inference.batch import progress
from visioncore.weights.fingerprint import fingerprint

from ..data.clips import Clip
from ..data.motion_cache import MotionCache, MotionSettings
from ..data.samples import PreparedFrames
from ..data.sampling import generator, window
from ..inference.embedders import Embedder, Given, Zeros
from ..inference.region_tokens import RegionTokens
from ..network.autoencoder import FlowAutoencoder
from ..network.config import AnimationConfig
from ..network.fast import for_inference
from ..network.representation import NormalisedRepresentation, clip_motion, packed
from .config import TrainConfig

BATCH = 16
"""Frames at a time; fewer where memory is short."""


@dataclass(frozen=True)
class Window:
    """Frames of a clip whose motion, from the first of them on, is kept."""

    clip: Clip
    numbers: range

    @cached_property
    def name(self) -> str:
        """Of the clip, and how long its files are: other data may have clips of its name."""
        path = self.clip.source.path
        if path is None:
            return self.clip.name
        files = path.iterdir() if path.is_dir() else [path]
        return f"{self.clip.name}, {sum(file.stat().st_size for file in files if file.is_file())} bytes"


def windows_of(clips: Sequence[Clip], config: TrainConfig) -> list[Window]:
    """Return the windows of clips: ``config.windows`` of each.

    Where one is taken of each, it is the middle of the clip; of several the seed decides where they begin.
    """
    frames, count = config.model.frames, config.windows
    found = []
    for place, clip in enumerate(clips):
        for number in range(count):
            rng = None if count == 1 else generator(config.loop.seed, number, place)
            found.append(Window(clip, window(clip, frames, config.stride, rng)))
    return found


class Teacher:
    """Finds the Fourier coefficients of the motion in clips.

    The renderer is not run, and the regions of the first frame are found once.

    Args:
        autoencoder: trained.
        config: frames, coefficients and size of the maps.
        device: where it runs.
    """

    def __init__(self, autoencoder: FlowAutoencoder, config: AnimationConfig, device: torch.device) -> None:
        network = for_inference(autoencoder, device, torch.float32)
        assert isinstance(network, FlowAutoencoder)
        self.network = network
        self.config, self.device = config, device
        ones = torch.ones(6, config.keep, device=device)
        self.representation = NormalisedRepresentation(config.frames, config.keep, ones)

    @torch.no_grad()
    def __call__(self, frames: Tensor) -> Tensor:
        """Return the motion from the first of n frames to each, as coefficients (6, k, h, w), unscaled.

        Args:
            frames: (n, 3, H, W), uint8, on any device.
        """
        source = self._prepared(frames[:1])
        size = (self.config.size, self.config.size)

        def motion(batch: int) -> Tensor:
            parts = (self._prepared(part) for part in frames.split(batch))
            return torch.cat([packed(clip_motion(self.network, source, part), size) for part in parts], dim=1)

        return self.representation.raw(with_backoff(motion, BATCH)[None])[0]

    def _prepared(self, frames: Tensor) -> Tensor:
        return frames.to(self.device).float() / 255


def keep_motion(
    cache: MotionCache,
    windows: Sequence[Window],
    teacher: Teacher,
    read: PreparedFrames,
    embed: Embedder | None = None,
    *,
    process: int = 0,
    processes: int = 1,
) -> None:
    """Keep the motion of all windows in a cache; what is there already stays.

    Args:
        cache: where.
        windows: of all processes.
        teacher: finds the motion.
        read: frames of clips.
        embed: makes the tokens of the first frame and the clip's text, or else its class; None where there are none.
        process: the number of this one; it takes its share.
        processes: how many share the work.

    Raises:
        InputError: if frames cannot be read, a file cannot be written, a clip's prompt is none of those that there are,
            or tokens are of another width than the denoiser takes.
    """
    if isinstance(embed, RegionTokens):
        check_prompts(windows, embed)
    missing = [each for each in windows if not cache.has(each.name, each.numbers.start)]
    with progress(len(missing[process::processes]), "motion of clips") as advance:
        for each in missing[process::processes]:
            frames = read(each.clip, each.numbers)
            tokens = None
            if embed is not None:
                prompt = None if isinstance(embed, Zeros | Given) else prompt_of(each.clip)
                with torch.no_grad():
                    tokens = embed(frames[:1].float() / 255, prompt)[0].float().cpu().numpy()
                if tokens.shape[1] != (width := teacher.config.motion.context):
                    raise InputError(
                        f"the embedder's tokens have {tokens.shape[1]} numbers each; with model.motion.context {width} "
                        "the denoiser takes others: set it alike"
                    )
            cache.save(each.name, teacher(frames).cpu().numpy(), each.numbers.start, tokens)
            advance()


def prompt_of(clip: Clip) -> str | None:
    """Return the text of a clip, or else its class."""
    return clip.text() or clip.label


def check_prompts(windows: Sequence[Window], tokens: RegionTokens) -> None:
    """Validate that clips have prompts that there are.

    Raises:
        InputError: naming the first clip that has another one, or if none has any.
    """
    clips = {each.clip.name: each.clip for each in windows}
    for name, clip in clips.items():
        try:
            tokens.check(prompt_of(clip))
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    if not any(prompt_of(clip) for clip in clips.values()):
        raise InputError(
            f"none of {len(clips)} clips has a text or a class, which should be one of the prompts "
            f"{some(tokens.prompts)}; folders or a list can name them"
        )


def motion_settings(autoencoder: FlowAutoencoder, config: TrainConfig, embedder: str = "") -> MotionSettings:
    """Return all that the motion of a run's clips depends on.

    Args:
        autoencoder: the teacher's.
        config: the recipe.
        embedder: what tells its tokens from others'; empty where there are none.
    """
    model = config.model
    return MotionSettings(
        autoencoder=fingerprint(autoencoder),
        image_size=autoencoder.config.side,
        frames=model.frames,
        stride=config.stride,
        fps=config.fps,
        keep=model.keep,
        size=model.size,
        embedder=embedder,
    )
