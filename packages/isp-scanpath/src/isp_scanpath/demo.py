"""The demo: the bundled networks on images that training did not see, and three observers with different habits."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import torch

from visioncore.commands.demo import Shown, demo_of
from visioncore.images import Image
from visioncore.weights.loading import bundled_model

from .data.synthetic import OBSERVERS, SIZE, synthetic_image, synthetic_scanpath
from .data.tables import read_table
from .evaluation.ranking import chance, ranking, ranks
from .inference.drawing import draw_scanpaths
from .inference.predictor import Predictor
from .inference.result import Result
from .method import METHOD, PACKAGE
from .network.config import MEAN_OBSERVER
from .network.scanmatch import scanmatch
from .network.scanpaths import Floats, Frame, Scanpaths
from .network.weights import load_model

IMAGES = 40
"""Images that are measured; their seeds follow `FIRST`, far from those of training."""
FIRST = 20_000
OSIE = "osie-small"
"""The bundled network of OSIE's observers."""
SHOWN = (12, 6, 7)
"""Those of them who are shown: one of many short fixations, one of few long ones, one who looks around."""
SEED = 4


@demo_of(METHOD)
def demo(out: Path) -> Shown:
    """Predict where three observers look, write a figure, scene.json and report.json, and report how near it comes.

    The baseline is the same network told to be the mean observer. ``photo.png`` and ``photo.json`` show what the
    network of OSIE's observers predicts for three of them.
    """
    predictor = Predictor(bundled_model(METHOD), seed=0)
    who = [*range(len(OBSERVERS)), MEAN_OBSERVER]
    own, mean, true = list[Floats](), list[Floats](), list[Floats]()
    for seed in range(FIRST, FIRST + IMAGES):
        pixels, discs = synthetic_image(seed)
        *each, average = (samples[0] for samples in predictor(Image(pixels), observers=who).scanpaths)
        own += each
        mean += [average] * len(each)
        true += [
            synthetic_scanpath(discs, name, np.random.default_rng([seed, 1 + place]))
            for place, name in enumerate(OBSERVERS)
        ]
    frame, reference = Frame(SIZE[1], SIZE[0]), Scanpaths.of(true)
    individual, average_score = (
        float(scanmatch(Scanpaths.of(paths), reference, frame, with_duration=True).mean()) for paths in (own, mean)
    )
    found = ranking(_ranks(own, true, frame))
    guessed = chance(len(OBSERVERS))
    figure = out / "demo.png"
    with as_file(files(PACKAGE) / "assets" / "samples") as samples:
        recorded = read_table(samples / "scanpaths.csv", samples)
        result = predictor(samples / "scene.png", observers=range(len(OBSERVERS)))
        photo = _photo(samples)
    photo.save(out / "photo.json")
    panels = {
        f"observer {name}": {name: paths[0]} for name, paths in zip(photo.observers, photo.scanpaths, strict=True)
    }
    draw_scanpaths(photo.image.pixels, panels, out / "photo.png")
    result.save(out / "scene.json")
    shown = {result.observers[trial.observer]: trial.fixations for trial in recorded.trials}
    result.plot(figure, reference=shown)
    return Shown(
        headline=(
            f"ScanMatch {individual:.3f} over {IMAGES} unseen images (mean observer {average_score:.3f}); whose "
            f"scanpath it is shows in {found.recall[1]:.0f} % (chance {guessed.recall[1]:.0f} %)"
        ),
        measured={
            "scanmatch": individual,
            "scanmatch_mean_observer": average_score,
            "gain_over_mean_observer": individual - average_score,
            "r_at_1": found.recall[1],
            "gain_over_chance": found.recall[1] - guessed.recall[1],
            "mrr": found.mrr,
            "images": IMAGES,
        },
        figure=figure,
    )


def _photo(samples: Path) -> Result:
    """Return scanpaths of real observers on the bundled photo, whose features are bundled too."""
    with np.load(samples / "astronaut_features.npz") as arrays:
        features = torch.from_numpy(arrays["features"]).float()
    predictor = Predictor(load_model(OSIE), seed=SEED, extract=lambda _: features)
    return predictor(samples / "astronaut.jpg", observers=SHOWN)


def _ranks(predicted: list[Floats], true: list[Floats], frame: Frame) -> list[np.ndarray]:
    """Return the ranks of the observers of each image by ScanMatch with duration."""
    number = len(OBSERVERS)
    paths, references = Scanpaths.of(predicted), Scanpaths.of(true)
    found = []
    for start in range(0, len(predicted), number):
        rows, columns = (start + place.ravel() for place in np.indices((number, number)))
        scores = scanmatch(paths[rows], references[columns], frame, with_duration=True)
        found.append(ranks(scores.reshape(number, number)))
    return found
