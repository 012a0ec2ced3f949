"""Stage ``motion``: the kept motion of clips, and the noise that is to be found in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from visioncore.training import Loss, SampleSource

from ..data.motion_cache import MotionCache
from ..network.animation import AnimationPipeline
from ..network.config import AnimationConfig
from ..network.diffusion import STEPS, noised, velocity_of
from ..network.representation import NormalisedRepresentation
from .teacher import Window

Batch = dict[str, Tensor]

MOST_MEASURED = 4096
"""Windows by which the spread of the data is measured."""
LEAST_SPREAD = 1e-6
"""Of a frequency. What is drawn for one that never varies, such as the imaginary part of a mean, stays as small."""


class KeptMotion:
    """Samples of kept motion, with the noise, step and condition they are to be trained with.

    Args:
        windows: one sample each.
        cache: where their motion is.
        context: width of the tokens, for zeros where none are kept.
        drop: share of the samples whose tokens are left out.
    """

    def __init__(self, windows: Sequence[Window], cache: MotionCache, context: int, drop: float) -> None:
        self.windows, self.cache = tuple(windows), cache
        self.context, self.drop = context, drop

    def __len__(self) -> int:
        return len(self.windows)

    def motion(self, index: int) -> tuple[Tensor, Tensor]:
        """Return the coefficients (6, k, h, w), unscaled, and the tokens (n, context) of a window.

        Raises:
            InputError: if they are not there, or damaged.
        """
        found = self.cache.load(self.windows[index].name, self.windows[index].numbers.start)
        tokens = found.get("tokens", np.zeros((1, self.context), np.float16))
        return tuple(torch.from_numpy(each.astype(np.float32)) for each in (found["coefficients"], tokens))  # type: ignore[return-value]

    def sample(self, index: int, rng: np.random.Generator) -> Batch:
        """Return ``motion`` and ``noise`` (6, k, h, w), the step ``t``, and ``tokens`` (n, context) or zeros."""
        motion, tokens = self.motion(index)
        t, kept = int(rng.integers(STEPS)), rng.random() >= self.drop
        noise = rng.standard_normal(tuple(motion.shape), np.float32)
        return {
            "motion": motion,
            "tokens": tokens * float(kept),
            "t": torch.tensor(t),
            "noise": torch.from_numpy(noise),
        }


def spread_of(source: KeptMotion) -> Tensor:
    """Return the scales (6, k) of an `AnimationPipeline`: how far coefficients are from those of a clip that is still.

    They are root mean squares over pixels and windows, so that what is divided by them has a mean square of 1.
    """
    step = max(1, len(source) // MOST_MEASURED)
    squares = [source.motion(index)[0].double().square().mean(dim=(2, 3)) for index in range(0, len(source), step)]
    spread = torch.stack(squares).mean(dim=0).sqrt().float()
    return spread.clamp(min=LEAST_SPREAD)


def encoded(raw: Tensor, config: AnimationConfig, scales: Tensor) -> Tensor:
    """Return kept coefficients (B, 6, k, h, w) as the motion denoiser's representation has them."""
    if config.representation == "official":
        return NormalisedRepresentation(config.frames, config.keep, torch.ones_like(scales)).sums(raw)
    return raw / scales[:, :, None, None]


class Denoising(nn.Module):
    """The motion denoiser of a pipeline; what the others are is saved with it, and is no part of a run's state."""

    def __init__(self, pipeline: AnimationPipeline) -> None:
        super().__init__()
        self.denoiser = pipeline.denoiser
        self._whole = (pipeline,)

    def forward(self, x: Tensor, t: Tensor, tokens: Tensor) -> Tensor:
        """Return the noise in noisy coefficients, or their velocity."""
        found: Tensor = self.denoiser(x, t, tokens)
        return found

    def save_pretrained(self, folder: object) -> None:
        """Write the pipeline."""
        self._whole[0].save_pretrained(folder)  # type: ignore[arg-type]


class DenoisingStep:
    """The loss of a batch of `KeptMotion`: mean square of what is wrong with the noise, or with the velocity.

    Args:
        config: of the pipeline.
        scales: (6, k) of its representation.
    """

    def __init__(self, config: AnimationConfig, scales: Tensor) -> None:
        self.config, self.scales = config, scales

    def __call__(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the loss, by the name of what is predicted."""
        clean = encoded(batch["motion"], self.config, self.scales.to(batch["motion"].device))
        x = noised(clean, batch["t"], batch["noise"])
        kind, wanted = self.config.prediction, batch["noise"]
        if kind == "velocity":
            wanted = velocity_of(clean, batch["t"], wanted)
        return {kind: functional.mse_loss(network(x, batch["t"], batch["tokens"]), wanted)}


def loss_of(network: nn.Module, step: Loss, source: SampleSource) -> dict[str, float]:
    """Return the mean losses of held-out samples, with the same noise and steps at every call.

    Args:
        network: in evaluation mode.
        step: of the stage.
        source: the samples.
    """
    device, losses = next(network.parameters()).device, defaultdict[str, list[float]](list)
    for index in range(len(source)):
        sample = source.sample(index, np.random.default_rng(index))
        batch = {name: value[None].to(device) for name, value in sample.items()}
        for name, loss in step(network, batch).items():
            losses[name].append(float(loss))
    return {f"{name}_validation": float(np.mean(values)) for name, values in losses.items()}
