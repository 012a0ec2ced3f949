"""The reference path: both networks step by step as in the paper, each observer with an image of its own.

Nothing is folded, shared among observers or kept from one step to the next: an image goes through the whole network
once for each observer, as in the authors' programs. The fast path is held to it.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .actions import Actions
from .base import ISP
from .chen_lstm import ChenLSTMISP
from .decoder import ActionMap, DecoderLayer
from .gazeformer import GazeformerISP
from .guided_attention import GuidedAttention
from .observed_memory import ObserverKeys


class ReferenceChenLSTM(ChenLSTMISP):
    """ChenLSTM-ISP in the paper's own steps."""

    def forward(
        self, images: Tensor, observers: Tensor, guidance: Tensor | None = None, tasks: Tensor | None = None
    ) -> Actions:
        count = observers.shape[1]
        observer = self.observers(observers).flatten(0, 1)
        visual = self.encode(images.repeat_interleave(count, dim=0))
        first = visual.new_zeros(len(visual), *visual.shape[2:])
        if guidance is not None:
            first = guidance.repeat_interleave(count, dim=0).to(first)
        task = torch.zeros(len(visual), dtype=torch.long) if tasks is None else tasks.repeat_interleave(count)
        tokens = visual.flatten(2).transpose(1, 2)
        attention = self.observer_attention(tokens, observer).view_as(first)
        entries = [self._integrate(visual, first, attention, observer)]
        hidden = cell = torch.zeros_like(visual)
        steps: list[tuple[Tensor, ...]] = []
        for _ in range(self.config.steps):
            hidden, cell = self._gates(visual, self._remember(entries), hidden, cell)
            steps.append(self._head(self._task_layers(hidden, task), visual, observer))
            entries.append(self._integrate(visual, steps[-1][3], attention, observer))
        stacked = (torch.stack(values, dim=1) for values in zip(*steps, strict=True))
        return Actions(*(value.unflatten(0, (-1, count)) for value in stacked))

    def _integrate(
        self, visual: Tensor, action_map: Tensor, attention: Tensor, observer: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the spatial vector as a map (N, H, W), and the semantic one (N, C)."""
        both = torch.cat([visual * action_map.unsqueeze(1), visual * attention.unsqueeze(1)], dim=1)
        layers = self.integration
        spatial = layers.spatial(both.mean(dim=1).relu().flatten(1) + layers.spatial_observer(observer))
        semantic = layers.semantic(both.mean(dim=(2, 3)).relu() + layers.semantic_observer(observer))
        return spatial.view_as(action_map), semantic

    def _remember(self, entries: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Return the memory as a map (N, C, H, W)."""
        m = self.memory
        spatial, semantic = (torch.stack(values) for values in zip(*entries, strict=True))
        mixed = [
            (m.spatial_entry(each.unsqueeze(1)) + m.spatial_last(spatial[-1].unsqueeze(1))).tanh() for each in spatial
        ]
        weights = torch.stack([m.spatial_score(each) for each in mixed]).flatten(2).softmax(dim=0)
        spatial_memory = (weights.unsqueeze(-1) * spatial).sum(dim=0)
        mixed = [(m.semantic_entry(each) + m.semantic_last(semantic[-1])).tanh() for each in semantic]
        weights = torch.stack([m.semantic_score(each) for each in mixed]).softmax(dim=0)
        semantic_memory = (weights * semantic).sum(dim=0)
        return spatial_memory.unsqueeze(1) * semantic_memory[:, :, None, None]

    def _gates(self, visual: Tensor, memory: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next hidden state and cell, each (N, C, H, W)."""

        def convolve(layer: nn.Conv2d, x: Tensor, gate: int) -> Tensor:
            rows = slice(gate * x.shape[1], (gate + 1) * x.shape[1])
            assert layer.bias is not None
            return F.conv2d(x, layer.weight[rows], layer.bias[rows], padding=1)

        lstm = self.lstm
        let_in, forget, show = (
            (convolve(lstm.from_image, visual, gate) + convolve(lstm.from_hidden, hidden, gate)
             + convolve(lstm.from_memory, memory, gate)).sigmoid()
            for gate in range(3)
        )  # fmt: skip
        new = (convolve(lstm.from_image, visual, 3) + convolve(lstm.from_hidden, hidden, 3)).tanh()
        cell = forget * cell + let_in * new
        return show * cell, cell

    def _task_layers(self, hidden: Tensor, task: Tensor) -> Tensor:
        each = zip(hidden, task, strict=True)
        return torch.stack([self.head.tasks[int(index)](state.unsqueeze(0)).squeeze(0) for state, index in each])

    def _head(self, features: Tensor, visual: Tensor, observer: Tensor) -> tuple[Tensor, ...]:
        head = self.head
        stop = head.stop(features).mean(dim=(2, 3))
        maps = head.maps(features).relu()
        z = torch.cat([stop.unsqueeze(-1), maps.flatten(2)], dim=-1)
        seen = (visual.unsqueeze(1) * maps.unsqueeze(2)).mean(dim=(3, 4))
        weights = head.priority(seen, observer)
        duration = head.duration2(head.duration1(features).relu())[:, :, 0, 0]
        return (
            (weights.unsqueeze(-1) * z).sum(dim=1),
            duration[:, 0],
            duration[:, 1].exp(),
            (weights[:, :, None, None] * maps).sum(dim=1),
            maps,
            weights,
        )


class ReferenceGazeformer(GazeformerISP):
    """Gazeformer-ISP in the paper's own steps; for inference, as dropout is left out."""

    def forward(self, features: Tensor, observers: Tensor, task: Tensor) -> Actions:
        count = observers.shape[1]
        observer = self.observers(observers).flatten(0, 1)
        repeated = (values.repeat_interleave(count, dim=0) for values in (features, task))
        tokens, task_attention = self.encode(*repeated)
        memory = self._integrate(tokens, task_attention, self.observer_attention(tokens, observer), observer)
        x = memory.new_zeros(len(memory), *self.steps.shape)
        for layer in cast("list[DecoderLayer]", self.decoder):
            with_steps = x + self.steps
            x = layer.norm1(x + layer.self_attention(with_steps, with_steps))
            weights = self._weights(layer.attention, x + self.steps, memory)
            values = layer.attention.split(layer.attention.value(memory))
            attended = (weights @ values).transpose(1, 2).flatten(2)
            x = layer.norm2(x + layer.attention.out(attended))
            x = layer.norm3(x + layer.feed_forward(x))
        decoded = self.decoder_norm(x)
        predictors = cast("list[ActionMap]", self.maps)
        maps = torch.stack([self._map(predict, decoded, memory) for predict in predictors], dim=2)
        each = [(memory.unsqueeze(1) * action_map.unsqueeze(-1)).mean(dim=2) for action_map in maps.unbind(dim=2)]
        seen = torch.stack(each, dim=2)
        weights = _per_step(self.priority, seen, observer)
        z = torch.cat([self.stop(decoded).unsqueeze(-1), maps], dim=-1)
        logits = (weights.unsqueeze(-1) * z).sum(dim=2)
        grid = self.config.grid
        found = (
            logits,
            self.mu(decoded).squeeze(-1),
            self.log_sigma2(decoded).squeeze(-1).exp(),
            logits[..., 1:].unflatten(-1, grid),
            maps.unflatten(-1, grid),
            weights,
        )
        return Actions(*(value.unflatten(0, (-1, count)) for value in found))

    def _integrate(self, tokens: Tensor, task: Tensor, attention: Tensor, observer: Tensor) -> Tensor:
        """Return the features as each observer sees them (N, P, C)."""
        layers = self.integration
        both = torch.cat([task.unsqueeze(-1) * tokens, attention.unsqueeze(-1) * tokens], dim=-1)
        spatial = layers.spatial(both.sum(dim=-1)).relu() + layers.spatial_observer(observer)
        semantic = layers.semantic(both.sum(dim=1)).relu() + layers.semantic_observer(observer)
        product = spatial.unsqueeze(-1) * semantic.unsqueeze(1)
        memory: Tensor = layers.merge(torch.cat([tokens, product], dim=-1))
        return memory

    def _weights(self, attention: ObserverKeys, queries: Tensor, memory: Tensor) -> Tensor:
        """Return the weights (N, heads, T, P) of an attention to what each observer sees."""
        query = attention.split(attention.query(queries))
        key = attention.split(attention.key(memory + self.positions))
        return (query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5).softmax(dim=-1)

    def _map(self, predict: ActionMap, decoded: Tensor, memory: Tensor) -> Tensor:
        """Return one of the K maps (N, T, P)."""
        with_steps = decoded + self.steps
        queries = predict.norm(decoded + predict.self_attention(with_steps, with_steps)) + self.steps
        return (self._weights(predict.attention, queries, memory).mean(dim=1) + 1e-16).log()


def _per_step(attention: GuidedAttention, seen: Tensor, observer: Tensor) -> Tensor:
    return torch.stack([attention(step, observer) for step in seen.unbind(dim=1)], dim=1)


_REFERENCE: dict[type[ISP], type[ISP]] = {ChenLSTMISP: ReferenceChenLSTM, GazeformerISP: ReferenceGazeformer}


def as_reference(model: ISP) -> ISP:
    """Return a copy of a network that computes the same in the paper's own steps."""
    reference = copy.deepcopy(model)
    reference.__class__ = _REFERENCE[type(model)]
    return reference
