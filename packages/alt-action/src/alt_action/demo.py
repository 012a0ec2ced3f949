"""The demo: drawn people, the actions that the bundled network sees in them, and the parts of the body it names."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from visioncore.commands.demo import Shown, demo_of
from visioncore.weights.loading import bundled_model

from .data.clips import cut, to_frames, view_crops
from .data.people import PARTS, PEOPLE_ACTIONS, SIDE, DrawnFrame, drawn_person, part_shares
from .inference.predictor import Predictor
from .inference.seen import seen_frames
from .inference.views import watch
from .method import METHOD, PACKAGE
from .network.output import Regions, VideoOutput

CLIPS = 4
"""Of each action that are measured."""
FIRST = 20_000
"""Seed of the first; no clip of training has it."""
SAMPLE = ("waving one hand", 7)
"""Action and seed of the bundled clip."""


@demo_of(METHOD)
def demo(out: Path) -> Shown:
    """Recognise actions in drawn clips, write a figure, clip.json and report.json, and report how many are right.

    The baseline is the same network without its adapter: the mean of the frames. How many places of the bodies get
    their right name is measured where a place is at least half filled by one part.
    """
    predictor = Predictor(bundled_model(METHOD))
    right, still, named = list[bool](), list[bool](), list[NDArray[np.bool_]]()
    for place, action in enumerate(PEOPLE_ACTIONS):
        for number in range(CLIPS):
            rng = np.random.default_rng([FIRST, place, number])
            drawn = list(drawn_person(action, rng, predictor.frames))
            regions, output = _look(predictor, drawn)
            mean = F.normalize(regions.features[:, :, 0].mean(dim=1), dim=-1)
            right.append(_best(predictor, output.video) == action)
            still.append(_best(predictor, mean) == action)
            named += _named(predictor, drawn, regions, output)
    figure = out / "demo.png"
    with as_file(files(PACKAGE) / "assets" / "samples" / "clip.mp4") as clip:
        result = predictor(clip)
    result.save(out / "clip.json")
    result.plot(figure)
    top1, baseline, parts = (100 * float(np.mean(values)) for values in (right, still, np.concatenate(named)))
    return Shown(
        headline=(
            f"{sum(right)} of {len(right)} drawn clips of {len(PEOPLE_ACTIONS)} actions right ({sum(still)} by the "
            f"mean of their frames); {parts:.0f} % of the places on bodies named right"
        ),
        measured={
            "top1": top1,
            "top1_mean_of_frames": baseline,
            "gain_over_mean_of_frames": top1 - baseline,
            "parts_named_right": parts,
            "clips": len(right),
        },
        figure=figure,
    )


@torch.inference_mode()
def _look(predictor: Predictor, drawn: list[DrawnFrame]) -> tuple[Regions, VideoOutput]:
    """Return the regions of a clip, and what is seen in it."""
    size = predictor.config.tower.image_size
    crops = view_crops(SIDE, SIDE, size)
    frames = to_frames([cut(frame.pixels, crops, size)[0] for frame in drawn], predictor.config.normalisation)
    regions = predictor.network.regions(frames[None].to(predictor.device))
    return regions, watch(predictor.network, regions)


def _best(predictor: Predictor, video: torch.Tensor) -> str:
    return predictor.labels.names[int(predictor.probabilities(video)[0].argmax())]


def _named(
    predictor: Predictor, drawn: list[DrawnFrame], regions: Regions, output: VideoOutput
) -> list[NDArray[np.bool_]]:
    """Return of each frame whether the places on the body have the name of the part that fills most of them."""
    size, names = predictor.config.tower.image_size, predictor.config.units
    seen = seen_frames(range(len(drawn)), np.full(len(drawn), np.nan), regions, output, names)
    body = [PARTS.index(part) for part in ("head", "hair", "chest", "arm", "hand", "leg", "foot")]
    found = []
    for frame, places in zip(drawn, seen, strict=True):
        shares = part_shares(frame.parts, view_crops(SIDE, SIDE, size)[0], len(places.patches))
        part, share = shares.argmax(axis=-1), shares.max(axis=-1)
        counted = np.isin(part, body) & (share >= 0.5)
        entities = np.array(names)[places.patches[counted]]
        found.append(entities == np.array(PARTS)[part[counted]])
    return found
