"""The reference path: each image, element, head and place by itself, which the fast path is held to."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .model import Injector


def injected_attention(
    hidden: Tensor,
    text: Tensor,
    tokens: Tensor,
    weights: Mapping[str, Tensor],
    heads: int,
    scale: float = 1.0,
    inside: Tensor | None = None,
    named: Tensor | None = None,
) -> Tensor:
    """Return the output (n, C) of a layer for one image.

    Args:
        hidden: (n, C) of which queries are made.
        text: (L, context) tokens of the prompt.
        tokens: (E, N, context) of the elements.
        weights: the layer's matrices by their names, and the bias of ``to_out.0``; those of the foreground begin with
            ``processor.``.
        heads: of the attention.
        scale: of the foreground.
        inside: (n, E) whether a place is inside an element; default: all are.
        named: (E, L) which tokens of the prompt name an element; default: none.
    """
    elements, each = tokens.shape[:2]
    query = hidden @ weights["to_q.weight"].T
    pairs = {
        "text": [text @ weights[f"to_{name}.weight"].T for name in "kv"],
        "elements": [tokens.flatten(0, 1) @ weights[f"processor.to_{name}.weight"].T for name in "kv"],
    }
    out = torch.zeros_like(query)
    for place in range(len(hidden)):
        around = [inside is None or bool(inside[place, e]) for e in range(elements)]
        seen = {
            "text": [_sees(j, around, named) for j in range(len(text))],
            "elements": [around[e] for e in range(elements) for _ in range(each)],
        }
        for part, strength in (("text", 1.0), ("elements", scale)):
            keys, values = (pair[torch.tensor(seen[part])] for pair in pairs[part])
            out[place] += strength * _mixed(query[place], keys, values, heads)
    return out @ weights["to_out.0.weight"].T + weights["to_out.0.bias"]


def _sees(token: int, around: list[bool], named: Tensor | None) -> bool:
    if named is None or not named[:, token].any():
        return True
    return any(inside and bool(named[e, token]) for e, inside in enumerate(around))


def _mixed(query: Tensor, keys: Tensor, values: Tensor, heads: int) -> Tensor:
    """Return values mixed for one query, (C,); zeros where there are no keys."""
    out = torch.zeros_like(query)
    width = len(query) // heads
    if len(keys):
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            logits = keys[:, part] @ query[part] / math.sqrt(width)
            shares = torch.exp(logits - logits.max())
            out[part] = (shares / shares.sum()) @ values[:, part]
    return out


class ReferenceInjector(nn.Module):
    """An injector's tokens and residuals, step by step.

    Args:
        model: the injector.
    """

    def __init__(self, model: Injector) -> None:
        super().__init__()
        self.model = copy.deepcopy(model)

    def forward(self, latents: Tensor, timestep: Tensor, condition: Tensor, features: Tensor) -> tuple[Tensor, ...]:
        """Return tokens and residuals; see `Injector.forward`."""
        if self.model.config.form == "canny":
            return self._residuals(latents, timestep, condition, features)
        tokens = torch.stack([self._tokens(each) for each in features])
        return (tokens, *self._residuals(latents, timestep, condition, tokens.flatten(0, 1)[None]))

    def _residuals(self, latents: Tensor, t: Tensor, condition: Tensor, context: Tensor) -> tuple[Tensor, ...]:
        """Return residuals as diffusers' own pass makes them, one image after the other."""
        made = []
        for number in range(len(latents)):
            found = self.model.control(
                latents[number : number + 1],
                t[min(number, len(t) - 1)],
                encoder_hidden_states=context[min(number, len(context) - 1)][None],
                controlnet_cond=condition[min(number, len(condition) - 1)][None],
                added_cond_kwargs=self._added(latents),
            )
            made.append((found.mid_block_res_sample, *found.down_block_res_samples))
        return tuple(torch.cat(each) for each in zip(*made, strict=True))

    def _added(self, latents: Tensor) -> dict[str, Tensor] | None:
        """Return the further inputs of XL: nothing of a text, and the size; None for others."""
        control = self.model.config.control
        if not control.pooled:
            return None
        high, wide = (control.factor * side for side in latents.shape[-2:])
        return {
            "text_embeds": latents.new_zeros(1, control.pooled),
            "time_ids": latents.new_tensor([[high, wide, 0, 0, high, wide]]),
        }

    def _tokens(self, features: Tensor) -> Tensor:
        """Return the tokens (N, context) of one element's features (P, D)."""
        resampler = self.model.resampler
        seen = _linear(features, resampler.inwards)
        x: Tensor = resampler.queries
        layers: Any = resampler.layers
        for layer in layers:
            queries, places = _normalised(x, layer.norm_queries), _normalised(seen, layer.norm_features)
            sources = torch.cat((places, queries))
            keys, values = (sources @ part.T for part in layer.to_kv.weight.chunk(2))
            mixed = torch.stack([_mixed(q, keys, values, layer.heads) for q in queries @ layer.to_q.weight.T])
            x = x + mixed @ layer.to_out.weight.T
            norm, widen, _, narrow = layer.mlp
            inner = _linear(_normalised(x, norm), widen)
            x = x + _linear(0.5 * inner * (1 + torch.erf(inner / math.sqrt(2))), narrow)
        return _normalised(_linear(x, resampler.outwards), resampler.norm)


def _linear(x: Tensor, layer: nn.Linear) -> Tensor:
    return x @ layer.weight.T + layer.bias


def _normalised(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    centred = x - x.mean(dim=-1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(dim=-1, keepdim=True) + norm.eps) * norm.weight + norm.bias


def as_reference(model: Injector) -> ReferenceInjector:
    """Return an injector that computes step by step."""
    return ReferenceInjector(model)
