"""Gazeformer-ISP as a whole: features, a task and who is looking -> a distribution for every step of the scanpath."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from visioncore.errors import InputError

from .actions import Actions
from .base import ISP
from .config import GazeformerConfig
from .decoder import ActionMap, DecoderLayer
from .guided_attention import GuidedAttention
from .observed_memory import Integration
from .observers import ObserverEncoder
from .positions import sine_table
from .transformer import EncoderLayer


class Encoded(NamedTuple):
    """An image under its task, the same for all observers.

    Attributes:
        tokens: (B, P, C).
        task: attention of the task (B, P).
    """

    tokens: Tensor
    task: Tensor


class GazeformerISP(ISP):
    """The transformer: frozen features of a detector in, all steps at once out.

    Args:
        config: the settings, or the name of a published variant such as ``gazeformer-osie``; default: that one.

    Example:
        >>> features, task = torch.rand(1, 768, 2048), torch.rand(1, 768)
        >>> GazeformerISP().eval()(features, torch.tensor([[0, 5]]), task).logits.shape
        torch.Size([1, 2, 16, 769])
    """

    config_class = GazeformerConfig
    config: GazeformerConfig
    positions: Tensor

    def __init__(self, config: GazeformerConfig | str | None = None) -> None:
        super().__init__(config)
        c = self.config
        count = c.grid[0] * c.grid[1]
        in_encoder, in_decoder, in_output, in_observer = c.dropout
        self.register_buffer("positions", sine_table(c.grid, c.channels), persistent=False)
        self.embed = nn.Linear(c.feature_channels, c.channels)
        self.encoder = nn.ModuleList(
            EncoderLayer(c.channels, c.heads, c.feed_forward, in_encoder) for _ in range(c.encoder_layers)
        )
        self.encoder_norm = nn.LayerNorm(c.channels)
        self.visual = nn.Linear(c.channels, c.channels)
        self.text = nn.Linear(c.text_channels, c.channels)
        self.task_attention = GuidedAttention(c.channels, c.channels, c.hidden)
        self.observers = ObserverEncoder(c.observers, c.observer_channels, c.observer_std)
        self.observer_attention = GuidedAttention(c.channels, c.observer_channels, c.hidden)
        self.integration = Integration(count, c.channels, c.observer_channels, c.hidden, in_observer)
        self.steps = nn.Parameter(torch.randn(c.steps, c.channels) * c.observer_std)
        self.decoder = nn.ModuleList(
            DecoderLayer(c.channels, c.heads, c.feed_forward, in_decoder) for _ in range(c.decoder_layers)
        )
        self.decoder_norm = nn.LayerNorm(c.channels)
        self.dropout = nn.Dropout(in_output)
        self.stop = nn.Linear(c.channels, c.action_maps)
        self.mu = nn.Linear(c.channels, 1)
        self.log_sigma2 = nn.Linear(c.channels, 1)
        self.maps = nn.ModuleList(ActionMap(c.channels, c.heads, in_output) for _ in range(c.action_maps))
        self.priority = GuidedAttention(c.channels, c.observer_channels, c.hidden)
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """Draw the weights as the authors do."""
        for name, module in self.named_modules():
            if not isinstance(module, nn.Linear):
                continue
            if name.startswith("integration"):
                nn.init.normal_(module.weight, std=0.1)
            elif name.startswith(("observer_attention", "priority", "stop", "mu", "log_sigma2")):
                nn.init.normal_(module.weight, std=0.01)
            elif name.endswith((".query", ".key", ".value")):
                # theirs are one matrix of three times the height
                nn.init.xavier_uniform_(module.weight, gain=math.sqrt(0.5))
            else:
                nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)

    def check_published(self, state: Mapping[str, Tensor], where: str) -> None:
        """Validate the sine table of an authors' checkpoint.

        Raises:
            InputError: if it is another.
        """
        table = state["patchpos_embed.pos"].flatten(0, 1).to(self.positions.dtype)
        if table.shape != self.positions.shape or not torch.allclose(table, self.positions, rtol=0, atol=1e-4):
            raise InputError(f"{where}: patchpos_embed.pos is not the sine table of a grid of {self.config.grid}")

    def forward(self, features: Tensor, observers: Tensor, task: Tensor) -> Actions:
        """Return the distributions of all steps.

        Args:
            features: of each image (B, P, F), its grid row after row.
            observers: who looks at each image, (B, n): indices, -1 for the mean observer; or vectors (B, n, E).
            task: embedding of each image's task (B, text channels).

        Raises:
            InputError: if a shape is another.
        """
        return self.look(self.encode(features, task), observers)

    def encode(self, features: Tensor, task: Tensor) -> Encoded:
        """Return images under their tasks, the same for all observers; arguments as for `forward`."""
        c = self.config
        expected = (c.grid[0] * c.grid[1], c.feature_channels)
        if features.ndim != 3 or features.shape[1:] != expected:
            raise InputError(
                f"features have shape {tuple(features.shape)}; it must be (B, {expected[0]}, {expected[1]})"
            )
        if task.shape != (len(features), c.text_channels):
            raise InputError(f"task has shape {tuple(task.shape)}; it must be {(len(features), c.text_channels)}")
        x = self.embed(features)
        for layer in self.encoder:
            x = layer(x, self.positions)
        tokens = self.visual(self.encoder_norm(x))
        return Encoded(tokens, self.task_attention(tokens, self.text(task)))

    def look(self, encoded: Encoded, observers: Tensor) -> Actions:
        """Return the distributions of all steps from what `encode` returned."""
        observer = self.observers(observers)
        if observer.ndim != 3 or len(observer) != len(encoded.tokens):
            raise InputError(
                f"observers have shape {tuple(observers.shape)}; it must be ({len(encoded.tokens)}, n), n at each image"
            )
        attention = self.observer_attention(encoded.tokens.unsqueeze(1), observer)
        memory = self.integration(encoded.tokens, encoded.task, attention, observer)
        x = encoded.tokens.new_zeros(*observer.shape[:2], *self.steps.shape)
        for layer in self.decoder:
            x = layer(x, self.steps, memory, self.positions)
        decoded = self.dropout(self.decoder_norm(x))
        maps = torch.stack([predict(decoded, self.steps, memory, self.positions) for predict in self.maps], dim=3)
        seen = memory.weighted_mean(maps.flatten(2, 3)).unflatten(2, maps.shape[2:4])
        weights = self.priority(seen, observer.unsqueeze(2))
        z = torch.cat([self.stop(decoded).unsqueeze(-1), maps], dim=-1)
        logits = (weights.unsqueeze(-2) @ z).squeeze(-2)
        return Actions(
            logits=logits,
            mu=self.mu(decoded).squeeze(-1),
            sigma2=self.log_sigma2(decoded).squeeze(-1).exp(),
            action_map=logits[..., 1:].unflatten(-1, self.config.grid),
            maps=maps.unflatten(-1, self.config.grid),
            weights=weights,
        )
