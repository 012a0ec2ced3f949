"""The paper's protocols: pairs of photos -> a table, photo by photo and on average."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from visioncore.images import read_image, to_tensor
from visioncore.inference.batch import progress
from visioncore.metrics.evaluation import ImageEvaluation, Measured, check_protocols, find_image_results, measure_by

from ..data.photos import find_pairs
from ..inference.predictor import Predictor
from ..method import METHOD

PROTOCOLS = ("rgb", "y_A")
"""PSNR and SSIM of RGB values, and of luminance."""


class Evaluation(ImageEvaluation):
    """Values of every photo, dim and bright."""

    names = "dim", "bright"


def evaluate(data: str | Path, brighten: Predictor | str | Path, *, protocols: Iterable[str] = PROTOCOLS) -> Evaluation:
    """Measure bright photos against those in full light, as they would be saved in 8 bit.

    Args:
        data: pairs as `find_pairs` takes them.
        brighten: what makes photos bright, or a folder of results of any tool, under the names of the dim photos.
        protocols: what to measure, of `PROTOCOLS`.

    Raises:
        InputError: if the data is not what it should be, or results are missing or of another size.
    """
    protocols, pairs = check_protocols(protocols, PROTOCOLS), find_pairs(data)
    if isinstance(brighten, Predictor):
        made_by, results = f"{METHOD.title}, {brighten.dtype}", {}
    else:
        made_by = str(brighten)
        results = find_image_results(brighten, [pair.name for pair in pairs], "bright photo")
    measured = []
    with progress(len(pairs), "photos") as advance:
        for name, dim, bright in pairs:
            before, target = read_image(dim), to_tensor(read_image(bright))
            after = brighten(before).after if isinstance(brighten, Predictor) else read_image(results[name])
            values = (measure_by(protocols, to_tensor(photo), target, dim) for photo in (before, after))
            measured.append(Measured({"image": name}, *values))
            advance()
    return Evaluation(measured, made_by, brighten.notice if isinstance(brighten, Predictor) else "")
