"""One training step: noise is found in the latents of an image, given its text, its style and its content."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from visioncore.diffusion.losses import denoising_loss
from visioncore.diffusion.schedule import Prediction, alpha_bars, min_snr_weights, noisy, velocity
from visioncore.training import Share

from ..data.colours import recoloured
from ..network.config import LEVELS
from ..network.content import FACTOR
from ..network.model import ArtAdapter
from ..network.prompts import encode_prompt
from .encoding import Encoder

WHOLE = "training"
"""Folder, in that of the weights, of those with the content adapter, which training and fine-tuning go on from."""

Batch = dict[str, Tensor]


class Denoising(nn.Module):
    """The U-Net of the base with an adapter on it; the base is no part of a run's state.

    Args:
        adapter: that is trained.
        base: the pipeline, on the device of the run.
        recompute: compute the blocks of the U-Net again in the backward pass.
    """

    def __init__(self, adapter: ArtAdapter, base: Any, recompute: bool = False) -> None:
        super().__init__()
        self.adapter = adapter
        # in a tuple, so that it is no module of this one
        self._base = (base,)
        for part in (base.unet, base.text_encoder, base.vae):
            part.eval().requires_grad_(False)
        self._recompute, self._was = recompute, base.unet.is_gradient_checkpointing
        if recompute:
            base.unet.enable_gradient_checkpointing()
        self._handle = adapter.install(base.unet)
        self._acting = ExitStack()

    @property
    def base(self) -> Any:
        """The pipeline."""
        return self._base[0]

    def forward(
        self, x: Tensor, t: Tensor, statistics: Mapping[str, Tensor], text: Mapping[str, Tensor], content: Any = None
    ) -> Tensor:
        """Return the noise (B, 4, h, w) in noisy latents, or the velocity where the base predicts that.

        Args:
            x: (B, 4, h, w).
            t: (B,) timesteps.
            statistics: of the style references, (B, 2C) for each level.
            text: ``plain`` and ``styled`` token numbers, and of each sample whether ``style`` is there, (B,).
            content: images (B, 3, H, W) in [0, 1] for the content adapter, and (B,) whether it is heard; or None.
        """
        unet, styled = self.base.unet, text["style"].tolist()
        prompts = self.prompts(statistics, text)
        # until the next step, for blocks that are computed again in the backward pass
        self._acting.close()
        self._acting.enter_context(self._handle.acting(styled))
        found: Tensor = unet(
            x, t, prompts, down_intrablock_additional_residuals=self._residuals(x, content), return_dict=False
        )[0]
        return found

    def prompts(self, statistics: Mapping[str, Tensor], text: Mapping[str, Tensor]) -> Tensor:
        """Return encoded prompts for the U-Net, (B, context, width): with style tokens where style is there."""
        encoder, style = self.base.text_encoder, text["style"]
        if not style.any():
            return encode_prompt(encoder, text["plain"])
        tokens = self.tokens(statistics)
        if style.all():
            return encode_prompt(encoder, text["styled"], tokens)
        styled = encode_prompt(encoder, text["styled"][style], tokens[style])
        plain = encode_prompt(encoder, text["plain"][~style])
        order = torch.cat((style.nonzero(), (~style).nonzero()))[:, 0].argsort()
        return torch.cat((styled, plain))[order]

    def tokens(self, statistics: Mapping[str, Tensor]) -> Tensor:
        """Return style tokens (B, n, width) of statistics, low, mid, high."""
        levels = self.adapter.style_encoder(statistics)
        return torch.cat([levels[level] for level in LEVELS], dim=1)

    def _residuals(self, x: Tensor, content: Any) -> list[Tensor] | None:
        """Return the maps that the content adapter adds to the blocks of the U-Net."""
        if content is None or self.adapter.aca is None:
            return None
        images, kept = content
        side = FACTOR * x.shape[-2], FACTOR * x.shape[-1]
        if images.shape[-2:] != side:
            # of a base whose latents are not an eighth of its images
            images = functional.interpolate(images, side, mode="bilinear", antialias=True)
        return [kept[:, None, None, None] * found for found in self.adapter.aca(images)]

    def take_off(self) -> None:
        """Leave the base as it was."""
        self._acting.close()
        self._handle.uninstall()
        if self._recompute and not self._was:
            self.base.unet.disable_gradient_checkpointing()

    def save_pretrained(self, folder: Path) -> None:
        """Write the adapter for inference, and inside it the whole one where there is a content adapter."""
        self.adapter.for_inference().save_pretrained(folder)
        if self.adapter.aca is not None:
            self.adapter.save_pretrained(folder / WHOLE)


class DenoisingStep:
    """The loss of a batch of `StyleSamples`: mean square of what is wrong with the noise, or with the velocity.

    Args:
        encoder: of images that come without features.
        min_snr: see `min_snr_weights`; None weighs all timesteps alike.
        prediction: of the base's U-Net.
        statistics: whether those of images are needed; a style that is there already needs none.
    """

    def __init__(
        self,
        encoder: Encoder,
        min_snr: float | None = None,
        *,
        prediction: Prediction = "epsilon",
        statistics: bool = True,
    ) -> None:
        self.encoder, self.min_snr, self.statistics, self.prediction = encoder, min_snr, statistics, prediction
        self.bars = alpha_bars().float()

    def __call__(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the loss, ``noise``."""
        self.bars = self.bars.to(batch["t"].device)
        batch = self.encoded(batch)
        x = noisy(batch["latents"], batch["noise"], batch["t"], self.bars)
        content = (batch["content"], batch["kept"]) if "kept" in batch else None
        if content is not None:
            content = recoloured(content[0].float() / 255, batch["colours"]), content[1]
        statistics = {level: batch[level] for level in LEVELS if level in batch}
        found = network(x, batch["t"], statistics, batch, content)
        weights, target = None, batch["noise"]
        if self.min_snr is not None:
            weights = min_snr_weights(batch["t"], self.bars, self.min_snr, self.prediction)
        if self.prediction == "v_prediction":
            target = velocity(batch["latents"], batch["noise"], batch["t"], self.bars)
        return {"noise": denoising_loss(found, target, weights)}

    def encoded(self, batch: Batch) -> Batch:
        """Return a batch with latents, statistics and the content adapter's images."""
        if "image" not in batch:
            return batch
        images = batch["image"].float() / 255
        mean, deviation = self.encoder.latents(images)
        made = {**batch, "latents": mean + deviation * batch["drawn"], "content": batch["image"]}
        if self.statistics:
            made |= self.encoder.statistics(batch["reference"].float() / 255 if "reference" in batch else images)
        return made


def share_of(name: str, parameter: nn.Parameter, attention_rate: float, content_rate: float) -> Share:
    """Return the shares of a parameter: rates of its part, no decay of norms, biases and gains."""
    rate = attention_rate if ".to_k_style." in name or ".to_v_style." in name else 1.0
    return Share(content_rate if ".aca." in f".{name}" else rate, 0.0 if parameter.ndim < 2 else 1.0)
