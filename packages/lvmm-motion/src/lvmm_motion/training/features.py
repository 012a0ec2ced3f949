"""Stage ``frame``: features of a frame, and the noise that is to be found in them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from visioncore.errors import InputError

from ..data.samples import PreparedFrames
from ..network.animation import AnimationPipeline
from ..network.autoencoder import FlowAutoencoder
from ..network.config import AnimationConfig
from ..network.diffusion import STEPS, noised
from ..network.fast import for_inference
from ..network.fourier import at_times
from ..network.representation import NormalisedRepresentation, unpacked
from .denoising import KeptMotion

Batch = dict[str, Tensor]


class MovedFrames:
    """Samples of a frame, the one before it and the first of its window, with the motion that the window keeps.

    All three are of one clip, and the frame's number is that in the window: from 1 to n - 1.

    Args:
        kept: motion of windows.
        config: of the pipeline.
        read: frames of clips.
        drop: share of the samples whose frame before is left out.
    """

    def __init__(self, kept: KeptMotion, config: AnimationConfig, read: PreparedFrames, drop: float) -> None:
        self.kept, self.config, self.read, self.drop = kept, config, read, drop
        self.noise_shape = feature_shape(config)

    def __len__(self) -> int:
        return len(self.kept)

    def sample(self, index: int, rng: np.random.Generator) -> Batch:
        """Return ``frames`` (3, 3, H, W), ``motion`` (3, h, w), ``index``, ``t``, ``noise`` (C, H/4, W/4), ``kept``."""
        window, config = self.kept.windows[index], self.config
        number, t, kept = int(rng.integers(1, config.frames)), int(rng.integers(STEPS)), rng.random() >= self.drop
        frames = self.read(window.clip, [window.numbers[place] for place in (0, number - 1, number)])
        raw, _ = self.kept.motion(index)
        ones = torch.ones(6, config.keep)
        sums = NormalisedRepresentation(config.frames, config.keep, ones).sums(raw[None])[0]
        return {
            "frames": frames,
            "motion": at_times(sums, config.frames, torch.tensor([float(number)]))[:, 0],
            "index": torch.tensor(number),
            "t": torch.tensor(t),
            "noise": torch.from_numpy(rng.standard_normal(self.noise_shape, np.float32)),
            "kept": torch.tensor(float(kept)),
        }


def feature_shape(config: AnimationConfig) -> tuple[int, int, int]:
    """Return the shape (C, h, w) of the renderer's smallest features, which the frame denoiser works on.

    Raises:
        InputError: if its settings are for others.
    """
    autoencoder, frame = config.autoencoder, config.frame
    assert frame is not None
    channels = autoencoder.width * 2**autoencoder.levels
    side = autoencoder.side // 2**autoencoder.levels
    if side % frame.multiple:
        raise InputError(f"features are {side}x{side}; with model.frame.multiples {frame.multiples} they do not halve")
    return channels, side, side


class Refining(nn.Module):
    """The frame denoiser of a pipeline, with which the others are saved."""

    def __init__(self, pipeline: AnimationPipeline) -> None:
        super().__init__()
        assert pipeline.refiner is not None
        self.refiner = pipeline.refiner
        self._whole = (pipeline,)

    def forward(self, x: Tensor, t: Tensor, before: Tensor, moved: Tensor, index: Tensor) -> Tensor:
        """Return the noise in noisy features."""
        found: Tensor = self.refiner(x, t, before, moved, index)
        return found

    def save_pretrained(self, folder: object) -> None:
        """Write the pipeline."""
        self._whole[0].save_pretrained(folder)  # type: ignore[arg-type]


class RefiningStep:
    """The loss of a batch of `MovedFrames`: mean square of what is wrong with the noise.

    Args:
        autoencoder: trained; its features are computed in each step.
    """

    def __init__(self, autoencoder: FlowAutoencoder) -> None:
        network = for_inference(autoencoder, torch.device("cpu"), torch.float32)
        assert isinstance(network, FlowAutoencoder)
        self.renderer = network.generator

    def __call__(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the loss, ``noise``."""
        clean, before, moved = self.features(batch)
        before = before.flatten(2).mT * batch["kept"][:, None, None]
        found = network(noised(clean, batch["t"], batch["noise"]), batch["t"], before, moved, batch["index"])
        return {"noise": functional.mse_loss(found, batch["noise"])}

    @torch.no_grad()
    def features(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return the features (B, C, h, w) of the frames, of those before them, and of the first ones, moved."""
        renderer = self.renderer.to(batch["frames"].device)
        frames = batch["frames"].float().flatten(0, 1) / 255
        first, before, clean = renderer.encode(frames)[-1].unflatten(0, (-1, 3)).unbind(1)
        motion = unpacked(batch["motion"].transpose(0, 1), (first.shape[2], first.shape[3]))
        return clean, before, renderer.moved(first, motion)
