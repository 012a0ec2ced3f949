"""How the demo weights learn: the last layers of their tower first, then, while it stays, the adapter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from demo_clips import FRAMES, Clips
from torch import Tensor, nn
from torch.nn import functional as F

from alt_action import ALT
from alt_action.data.people import PARTS
from alt_action.network.adapter import VideoAdapter
from alt_action.network.alignment import count_patches, largest_entities, similarities
from alt_action.network.lite_tower import LiteTower
from alt_action.network.output import Regions

SCALE, SMOOTHING = 50, 0.05


def steps(parameters: Sequence[nn.Parameter], count: int, rate: float) -> Iterator[torch.optim.Optimizer]:
    """Yield an optimizer for each step, by a warm-up and a cosine."""
    decayed = [[each for each in parameters if (each.ndim > 1) == wide] for wide in (True, False)]
    groups = [{"params": part, "weight_decay": decay} for part, decay in zip(decayed, (1e-3, 0.0), strict=True)]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98))
    for step in range(count):
        cosine = 0.02 + 0.98 * (1 + math.cos(math.pi * step / count)) / 2
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 20) * cosine
        yield optimizer


def take(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take a step with clipped gradients."""
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_([each for group in optimizer.param_groups for each in group["params"]], 1.0)
    optimizer.step()


def drawn_indices(clips: Clips, count: int, rng: np.random.Generator) -> Tensor:
    """Return clips to train on, each action as often."""
    members = [torch.nonzero(clips.action == action)[:, 0].numpy() for action in clips.action.unique()]
    return torch.tensor([rng.choice(members[rng.integers(len(members))]) for _ in range(count)])


def action_loss(video: Tensor, action: Tensor, labels: Tensor, seen: Sequence[int]) -> Tensor:
    """Return the cross entropy over the labels that are trained on."""
    places = torch.searchsorted(torch.tensor(seen), action)
    return F.cross_entropy(SCALE * video @ labels[list(seen)].T, places, label_smoothing=SMOOTHING)


def align(model: ALT, sets: Sequence[Clips], seen: Sequence[int], rng: np.random.Generator, count: int) -> None:
    """Train the tower's last layers."""
    tower = model.visual
    assert isinstance(tower, LiteTower)
    drawn = sets[0]
    assert drawn.parts is not None
    places, shares = drawn.maps.flatten(0, 2), drawn.parts.flatten(0, 2)
    units = torch.tensor([model.config.units.index(part) for part in PARTS])
    for optimizer in steps([*tower.ln_post.parameters(), tower.proj], count, 3e-3):
        means, actions = [], []
        for clips in sets:
            index = drawn_indices(clips, 24 // len(sets), rng)
            means.append(clips.maps[index].mean(dim=2))
            actions.append(clips.action[index])
        frames = F.normalize(tower.ln_post(torch.cat(means)) @ tower.proj, dim=-1)
        video = F.normalize(frames.mean(dim=1), dim=-1)
        loss = action_loss(video, torch.cat(actions), model.label_features, seen)
        index = torch.from_numpy(rng.integers(0, len(places), 900))
        share = shares[index] / shares[index].sum(dim=-1, keepdim=True)
        features = F.normalize(tower.ln_post(places[index]) @ tower.proj, dim=-1)
        right = (similarities(features, model.entities).log_softmax(dim=-1)[:, units] * share).sum(dim=-1)
        weight = 1 + 6 * share[:, 4:].sum(dim=-1)  # places on people count more
        take(optimizer, loss - (right * weight).sum() / weight.sum())


@dataclass
class Seen:
    """What the frozen tower makes of clips."""

    regions: Regions
    asked: Tensor
    weights: Tensor

    def queries(self, model: ALT, kind: str) -> Tensor:
        """Return the texts of the entities; or shuffled ones, of others in their place; or random ones."""
        index = self.asked.clamp(min=0)
        if kind == "shuffled":
            index = torch.from_numpy(np.random.default_rng(99).permutation(len(model.entities)))[index]
        if kind == "random":
            index = torch.from_numpy(np.random.default_rng(5).integers(0, len(model.entities), index.shape))
        return model.entities[index] * (self.asked >= 0)[..., None]

    def videos(self, model: ALT, kind: str, index: Tensor) -> Tensor:
        """Return the vectors of clips; of kind ``none`` without the adapter."""
        part = Seen(Regions(*(each[index] for each in self.regions)), self.asked[index], self.weights[index])
        mean = part.regions.features[:, :, 0].mean(dim=1)
        if kind == "none":
            return F.normalize(mean, dim=-1)
        queries = part.queries(model, kind)
        return F.normalize(mean + model.adapter(queries, part.weights, part.regions.tokens, part.regions.size), dim=-1)


@torch.no_grad()
def look(model: ALT, clips: Clips) -> Seen:
    """Return what the tower makes of clips."""
    found = []
    for maps in clips.maps.split(16):
        tower = model.visual
        assert isinstance(tower, LiteTower)
        flat = tower.merged(maps.flatten(0, 1), model.config.merges())
        regions = Regions(*(each.unflatten(0, (-1, FRAMES)) for each in flat))
        size = regions.size[:, :, 1:]
        entity = similarities(regions.features[:, :, 1:], model.entities).argmax(dim=-1)
        patches = count_patches(entity, size, model.config.entities)
        asked = largest_entities(patches, model.config.top)
        mass = patches.gather(-1, asked.clamp(min=0)) * (asked >= 0) / size.sum(dim=-1, keepdim=True)
        found.append((*regions, asked, mass))
    *regions, asked, mass = (torch.cat(each) for each in zip(*found, strict=True))
    return Seen(Regions(*regions), asked, mass)


def adapt(
    model: ALT, sets: Sequence[tuple[Clips, Seen]], seen: Sequence[int], kind: str, rng: np.random.Generator, count: int
) -> None:
    """Train a new adapter."""
    model.adapter = VideoAdapter(model.config)
    torch.nn.init.constant_(model.adapter.gamma, 0.3)
    for optimizer in steps(list(model.adapter.parameters()), count, 2e-3):
        videos, actions = [], []
        for clips, looked in sets:
            index = drawn_indices(clips, 16 // len(sets), rng)
            videos.append(looked.videos(model, kind, index))
            actions.append(clips.action[index])
        take(optimizer, action_loss(torch.cat(videos), torch.cat(actions), model.label_features, seen))


@torch.no_grad()
def top1(model: ALT, clips: Clips, looked: Seen, kind: str, actions: Sequence[int], among: Sequence[int]) -> float:
    """Return the percentage of the clips of some actions whose label is the likeliest among some."""
    index = torch.nonzero(torch.isin(clips.action, torch.tensor(actions)))[:, 0]
    scores = looked.videos(model, kind, index) @ model.label_features[list(among)].T
    return 100 * float((torch.tensor(among)[scores.argmax(dim=1)] == clips.action[index]).float().mean())
