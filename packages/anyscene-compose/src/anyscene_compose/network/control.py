"""The spatial route: a copy of the base's way down, whose results are added to the base's by zero convolutions.

Its cross-attention reads the foreground's tokens in place of the prompt, so what comes out is the same for both halves
of guidance, and one pass serves them both.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from visioncore.errors import InputError
from visioncore.weights.state_dicts import load_into

from .config import InjectorConfig

COPIED = ("conv_in", "time_embedding", "add_embedding", "down_blocks", "mid_block")
"""Parts that begin as the base's."""


class Embedded(NamedTuple):
    """The condition as the spatial route takes it in; the same in every step.

    Attributes:
        maps: (B, width, h, w).
    """

    maps: Tensor


class Residuals(NamedTuple):
    """Maps that are added to those of the base's U-Net.

    Attributes:
        down: maps (B, C, h, w) for its skips, the largest first.
        mid: (B, C, h, w) for its middle.
    """

    down: tuple[Tensor, ...]
    mid: Tensor

    def options(self, parts: int = 1) -> dict[str, Any]:
        """Return them as the U-Net takes them, the same for each of several equal parts of its batch."""
        spread = [each.expand(parts, *each.shape).flatten(0, 1) for each in (*self.down, self.mid)]
        return {"down_block_additional_residuals": spread[:-1], "mid_block_additional_residual": spread[-1]}


def make_control(config: InjectorConfig) -> Any:
    """Return a `diffusers.ControlNetModel` with random weights, and zero where it reaches the base."""
    from diffusers import ControlNetModel

    control = config.control
    xl = {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": control.sizes,
        "projection_class_embeddings_input_dim": control.pooled + 6 * control.sizes,
    }
    return ControlNetModel(
        conditioning_channels=config.channels,
        conditioning_embedding_out_channels=control.ladder,
        block_out_channels=control.blocks,
        down_block_types=tuple("CrossAttnDownBlock2D" if attends else "DownBlock2D" for attends in control.attends),
        layers_per_block=control.layers,
        attention_head_dim=control.heads,
        transformer_layers_per_block=control.transformers,
        norm_num_groups=control.groups,
        cross_attention_dim=config.context,
        use_linear_projection=control.linear,
        upcast_attention=control.upcast,
        **(xl if control.pooled else {}),
    )


def start_from(control: nn.Module, unet: nn.Module) -> None:
    """Copy the base's way down into the spatial route.

    Raises:
        InputError: if the base's tensors do not fit, as with a LoRA on them.
    """
    theirs = unet.state_dict()
    for name in COPIED:
        if hasattr(control, name):
            part = control.get_submodule(name)
            found = {key: theirs[f"{name}.{key}"] for key in part.state_dict() if f"{name}.{key}" in theirs}
            load_into(part, found, where=f"the base's {name}")


def embed(control: Any, condition: Tensor) -> Embedded:
    """Return the condition (B, C, H, W) as the maps (B, width, h, w) that are added to the embedded latents.

    Raises:
        InputError: if it has another number of channels.
    """
    channels = control.config.conditioning_channels
    if condition.ndim != 4 or condition.shape[1] != channels:
        raise InputError(f"the condition is {tuple(condition.shape)}; it must be (B, {channels}, H, W)")
    return Embedded(control.controlnet_cond_embedding(condition.to(control.conv_in.weight)))


def run(
    control: Any, latents: Tensor, t: Any, embedded: Embedded, context: Tensor, present: Tensor | None = None
) -> Residuals:
    """Return residuals for noisy latents, in the control's precision.

    Args:
        control: of `make_control`.
        latents: (B, 4, h, w), as the U-Net gets them.
        t: the timestep, or (B,) of them.
        embedded: condition of one image or of B, see `embed`.
        context: (1 or B, L, context) tokens that its cross-attention reads.
        present: (1 or B, L) which of them are there; default: all.

    Raises:
        InputError: if the sizes of latents and condition do not go together.
    """
    weight = control.conv_in.weight
    batch, factor = len(latents), 2 ** (len(control.config.conditioning_embedding_out_channels) - 1)
    (high, wide), (rows, columns) = latents.shape[-2:], embedded.maps.shape[-2:]
    if (high, wide) != (rows, columns):
        raise InputError(
            f"latents of {wide}x{high} and a condition for {columns}x{rows}; the condition must have {factor} times "
            "the sides of the latents"
        )
    time = _embedded_time(control, t, latents, factor)
    x = control.conv_in(latents.to(weight)) + embedded.maps
    context = context.to(weight).expand(batch, -1, -1)
    hidden = None if present is None else _hidden(present, weight).expand(batch, -1, -1)
    options = {"encoder_hidden_states": context, "encoder_attention_mask": hidden}
    found = [x]
    for block in control.down_blocks:
        x, skips = block(x, time, **options) if getattr(block, "has_cross_attention", False) else block(x, time)
        found.extend(skips)
    x = control.mid_block(x, time, **options)
    down = (zero(each) for zero, each in zip(control.controlnet_down_blocks, found, strict=True))
    return Residuals(tuple(down), control.controlnet_mid_block(x))


def _embedded_time(control: Any, t: Any, latents: Tensor, factor: int) -> Tensor:
    """Return the embedded timesteps (B, width), of XL with the image's size and no text."""
    weight, batch = control.conv_in.weight, len(latents)
    t = torch.as_tensor(t, device=weight.device).reshape(-1).expand(batch)
    time: Tensor = control.time_embedding(control.time_proj(t).to(weight))
    if control.config.addition_embed_type is None:
        return time
    high, wide = (factor * side for side in latents.shape[-2:])
    # the size before it was cut, the corner of the cut, the size after it
    sizes = control.add_time_proj(torch.tensor([high, wide, 0, 0, high, wide], device=weight.device)).flatten()
    pooled = control.add_embedding.linear_1.in_features - len(sizes)
    added: Tensor = control.add_embedding(torch.cat((sizes.new_zeros(pooled), sizes)).to(weight)[None])
    return time + added


def _hidden(present: Tensor, like: Tensor) -> Tensor:
    """Return offsets of logits, (B, 1, L): finite, so that even a row without any token has a softmax."""
    return torch.where(present, 0.0, -10_000.0).to(like)[:, None]
