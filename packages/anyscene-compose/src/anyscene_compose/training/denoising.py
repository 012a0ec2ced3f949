"""One training step: noise is found in the latents of a scene, given its text and its foreground."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from visioncore.diffusion.losses import denoising_loss
from visioncore.diffusion.schedule import Prediction, min_snr_weights, noisy, velocity
from visioncore.training import Share

from ..network.layout import Layout
from ..network.model import Injector
from .encoding import SceneEncoder

Batch = dict[str, Tensor]


class Denoising(nn.Module):
    """The U-Net of the base with an injector on it; the base is no part of a run's state.

    Args:
        injector: that is trained.
        base: the pipeline, on the device of the run.
        recompute: compute the blocks of the U-Net and of the spatial route again in the backward pass.
    """

    def __init__(self, injector: Injector, base: Any, recompute: bool = False) -> None:
        super().__init__()
        self.injector = injector
        # in a tuple, so that it is no module of this one
        self._base = (base,)
        for part in base.components.values():
            if isinstance(part, nn.Module):
                part.eval().requires_grad_(False)
        self._recompute, self._was = recompute, base.unet.is_gradient_checkpointing
        if recompute:
            base.unet.enable_gradient_checkpointing()
            injector.control.enable_gradient_checkpointing()
        self._handle = injector.install(base.unet) if injector.config.form == "anyscene" else None
        self._acting = ExitStack()

    @property
    def base(self) -> Any:
        """The pipeline."""
        return self._base[0]

    def forward(self, x: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the noise (B, 4, h, w) in noisy latents, or the velocity where the base predicts that.

        Args:
            x: (B, 4, h, w).
            batch: of `SceneSamples`.
        """
        text = batch["text"].to(x)
        options: dict[str, Any] = {"encoder_hidden_states": text, "return_dict": False}
        if "pooled" in batch:
            options["added_cond_kwargs"] = {"text_embeds": batch["pooled"].to(x), "time_ids": batch["sizes"].to(x)}
        condition = batch["condition"].to(x) / 255
        if self._handle is None:
            options |= self.injector.residuals(x, batch["t"], condition, text)
        else:
            present = batch["masks"].flatten(2).any(dim=2)
            tokens = self.tokens(batch, present)
            options |= self.injector.residuals(x, batch["t"], condition, tokens, present=present)
            # without their tokens, as with the semantic route at 0, the layout holds all the same
            seen = tokens * batch["semantic"][:, None, None, None].to(tokens)
            layout = Layout(batch["masks"].to(x), batch["named"], factor=1)
            # until the next step, for blocks that are computed again in the backward pass
            self._acting.close()
            self._acting.enter_context(self._handle.acting(layout, seen))
        found: Tensor = self.base.unet(x, batch["t"], **options)[0]
        return found

    def tokens(self, batch: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """Return the tokens (B, E, N, context) of elements; zeros of those that are not there.

        Args:
            batch: has ``crops`` or ``features``.
            present: (B, E) which are there.
        """
        config = self.injector.config
        tokens = torch.zeros(*present.shape, config.tokens, config.context, device=present.device)
        if not present.any():
            return tokens
        if "features" in batch:
            made = self.injector.resampler(batch["features"][present].to(self.injector.resampler.inwards.weight))
        else:
            made = self.injector.tokens(batch["crops"][present].float() / 255)
        return tokens.to(made.dtype).index_put((present,), made)

    def take_off(self) -> None:
        """Leave the base as it was."""
        self._acting.close()
        if self._handle is not None:
            self._handle.uninstall()
        if self._recompute and not self._was:
            self.base.unet.disable_gradient_checkpointing()

    def save_pretrained(self, folder: Path) -> None:
        """Write the injector."""
        self.injector.save_pretrained(folder)


class DenoisingStep:
    """The loss of a batch of `SceneSamples`: mean square of what is wrong with the noise, or with the velocity.

    Args:
        encoder: of scenes whose latents are not kept.
        bars: see `visioncore.diffusion.schedule.alpha_bars`, of the base.
        prediction: of the base's U-Net.
        min_snr: see `min_snr_weights`; None weighs all timesteps alike.
    """

    def __init__(
        self, encoder: SceneEncoder, bars: Tensor, prediction: Prediction = "epsilon", min_snr: float | None = None
    ) -> None:
        self.encoder, self.bars, self.prediction, self.min_snr = encoder, bars.float(), prediction, min_snr

    def __call__(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the loss, ``noise``: of places inside the foreground, which is pasted back anyway, little counts."""
        self.bars = self.bars.to(batch["t"].device)
        encoded = self.encoder(batch["scene"]) if "scene" in batch else batch
        latents = encoded["mean"].float() + encoded["deviation"].float() * batch["drawn"]
        found = network(noisy(latents, batch["noise"], batch["t"], self.bars), batch)
        weights, target = None, batch["noise"]
        if self.min_snr is not None:
            weights = min_snr_weights(batch["t"], self.bars, self.min_snr, self.prediction)
        if self.prediction == "v_prediction":
            target = velocity(latents, batch["noise"], batch["t"], self.bars)
        return {"noise": denoising_loss(found, target, weights, batch["weights"])}


def share_of(name: str, parameter: nn.Parameter, spatial_rate: float) -> Share:
    """Return the shares of a parameter: the rate of its route, no decay of norms and biases."""
    return Share(spatial_rate if ".control." in f".{name}" else 1.0, 0.0 if parameter.ndim < 2 else 1.0)
