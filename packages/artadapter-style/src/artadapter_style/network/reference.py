"""The reference path: equations word for word, by plain loops, which the fast path is held to."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from visioncore.backbones.vgg import MEAN, STD

from .config import LEVELS, Level
from .encoder import LevelEncoder
from .model import ArtAdapter
from .statistics import EPS


def explicit_attention(
    hidden: Tensor, style: Tensor, text: Tensor, weights: Mapping[str, Tensor], heads: int, logs: Tensor | None = None
) -> Tensor:
    """Return the output (B, N, C) of a layer with explicit adaptation.

    Args:
        hidden: (B, N, C) of which queries are made.
        style: (B, n, width) outputs of style tokens, from which keys and values are made by their own matrices.
        text: (B, m, width) outputs of all other tokens.
        weights: the layer's matrices by their names, and the bias of ``to_out.0``.
        heads: of the attention.
        logs: (n,) added to the logits of style tokens.
    """
    keys = torch.cat((style @ weights["to_k_style.weight"].T, text @ weights["to_k.weight"].T), dim=1)
    values = torch.cat((style @ weights["to_v_style.weight"].T, text @ weights["to_v.weight"].T), dim=1)
    offsets = torch.cat((torch.zeros(style.shape[1]) if logs is None else logs, torch.zeros(text.shape[1])))
    return _out(_attend(hidden @ weights["to_q.weight"].T, keys, values, heads, offsets.to(hidden)), weights)


def decoupled_attention(
    hidden: Tensor, style: Tensor, text: Tensor, weights: Mapping[str, Tensor], heads: int, scale: float
) -> Tensor:
    """Return the output (B, N, C) of a layer with two softmaxes; arguments as `explicit_attention`."""
    queries = hidden @ weights["to_q.weight"].T
    parts = []
    for tokens, suffix in ((text, ""), (style, "_style")):
        keys, values = (tokens @ weights[f"to_{name}{suffix}.weight"].T for name in "kv")
        parts.append(_attend(queries, keys, values, heads, queries.new_zeros(tokens.shape[1])))
    return _out(parts[0] + scale * parts[1], weights)


def _attend(queries: Tensor, keys: Tensor, values: Tensor, heads: int, offsets: Tensor) -> Tensor:
    out = torch.zeros_like(queries)
    width = queries.shape[2] // heads
    for sample in range(len(queries)):
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            for place in range(queries.shape[1]):
                logits = keys[sample, :, part] @ queries[sample, place, part] / math.sqrt(width) + offsets
                shares = torch.exp(logits - logits.max())
                out[sample, place, part] = (shares / shares.sum()) @ values[sample, :, part]
    return out


def _out(mixed: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    return mixed @ weights["to_out.0.weight"].T + weights["to_out.0.bias"]


class ReferenceEncoder(nn.Module):
    """An adapter's way from references to style tokens, step by step.

    Args:
        model: the adapter.
    """

    def __init__(self, model: ArtAdapter) -> None:
        super().__init__()
        self.model = copy.deepcopy(model)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> style tokens (B, n, width)."""
        levels = self.statistics(image)
        tokens = [self._tokens(level, levels[level]) for level in LEVELS]
        return torch.cat(tokens, dim=1)

    def statistics(self, image: Tensor) -> dict[Level, Tensor]:
        """(B, 3, H, W) RGB in [0, 1] -> means and deviations (B, 2C) of each level."""
        found: dict[Level, Tensor] = {}
        for level, names in self.model.config.by_level.items():
            parts = []
            for name in names:
                features = self._features(image, self.model.vgg.places[name])
                mean = features.sum(dim=(2, 3)) / features[0, 0].numel()
                variance = ((features - mean[:, :, None, None]) ** 2).sum(dim=(2, 3)) / features[0, 0].numel()
                parts += [mean, torch.sqrt(variance + EPS)]
            found[level] = torch.cat(parts, dim=1)
        return found

    def _features(self, image: Tensor, place: int) -> Tensor:
        channels = [(image[:, c] - MEAN[c]) / STD[c] for c in range(3)]
        x = torch.stack(channels, dim=1)
        for layer in self.model.vgg.features[: place + 1]:
            if isinstance(layer, nn.Conv2d):
                x = functional.conv2d(functional.pad(x, (1, 1, 1, 1)), layer.weight, layer.bias)
            elif isinstance(layer, nn.ReLU):
                x = torch.where(x > 0, x, torch.zeros_like(x))
            else:
                x = functional.max_pool2d(x, 2)
        return x

    def _tokens(self, level: Level, statistics: Tensor) -> Tensor:
        encoder = self.model.style_encoder.get_submodule(level)
        assert isinstance(encoder, LevelEncoder)
        x = _normalised((statistics - encoder.mean) / encoder.deviation) * encoder.norm.weight + encoder.norm.bias
        x = x @ encoder.inwards.weight.T + encoder.inwards.bias
        x = 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))
        x = x @ encoder.outwards.weight.T + encoder.outwards.bias
        return _normalised(x.view(len(x), *encoder.shape)) * encoder.gain


def _normalised(x: Tensor) -> Tensor:
    centred = x - x.mean(dim=-1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(dim=-1, keepdim=True) + 1e-5)


def as_reference(model: ArtAdapter) -> ReferenceEncoder:
    """Return the adapter's way from references to style tokens as the reference path computes it."""
    return ReferenceEncoder(model)
