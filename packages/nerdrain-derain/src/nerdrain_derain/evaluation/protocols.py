"""The paper's protocols: pairs of images -> a table, image by image and on average."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from visioncore.errors import InputError, some
from visioncore.files import duplicates
from visioncore.images import image_size, read_image, to_tensor
from visioncore.inference.batch import progress
from visioncore.metrics.evaluation import ImageEvaluation, Measured, check_protocols, find_image_results, measure_by

from ..data.pairs import Pair, find_pairs, rainy_root
from ..inference.predictor import Predictor

PROTOCOLS = ("y_A", "y_B", "rgb")
"""A: Rain200L, Rain200H and SPA-Data of the paper; B: DID-Data and DDN-Data; and the plain RGB values."""


class Evaluation(ImageEvaluation):
    """Values of every image, rainy and restored."""

    names = "rainy", "restored"


def evaluate(
    data: str | Path,
    restore: Predictor | str | Path,
    *,
    protocols: Iterable[str] = PROTOCOLS,
    say: Callable[[str], None] = warnings.warn,
) -> Evaluation:
    """Measure restored images against clean ones, as they would be saved in 8 bit.

    Args:
        data: rainy and clean images as `find_pairs` takes them.
        restore: what restores them (for the paper's numbers with ``tiles="official"``), or a folder of results of
            whatever method, under the names of the rainy images.
        protocols: what to measure, of `PROTOCOLS`.
        say: told of images that are in the data twice.

    Raises:
        InputError: if the data is not what it should be, or results are missing or of another size.
    """
    protocols = check_protocols(protocols, PROTOCOLS)
    pairs = find_pairs(data)
    if twice := duplicates(pair.clean for pair in pairs):
        groups = "; ".join(" = ".join(path.name for path in group[:4]) for group in twice[:4])
        say(f"{data}: {len(twice)} clean images are there more than once: {groups}")
    results = {} if isinstance(restore, Predictor) else _results(Path(restore), pairs, rainy_root(data))
    measured = []
    with progress(len(pairs), "images") as advance:
        for pair in pairs:
            rainy, clean = read_image(pair.rainy), to_tensor(read_image(pair.clean))
            restored = restore(rainy).restored if isinstance(restore, Predictor) else read_image(results[pair.rainy])
            before, after = (measure_by(protocols, to_tensor(x), clean, pair.rainy) for x in (rainy, restored))
            measured.append(Measured({"image": pair.rainy.name}, before, after))
            advance()
    return Evaluation(measured, _describe(restore), restore.notice if isinstance(restore, Predictor) else "")


def _results(folder: Path, pairs: Sequence[Pair], root: Path) -> dict[Path, Path]:
    """Return the result of each rainy image, under its name and in its sub-folder, in any format."""
    places = {pair.rainy.absolute().relative_to(root.absolute()): pair.rainy for pair in pairs}
    results = find_image_results(folder, [place.as_posix() for place in places], "restored image")
    found = {places[Path(name)]: path for name, path in results.items()}
    differing = [path.name for rainy, path in found.items() if image_size(rainy) != image_size(path)]
    if differing:
        raise InputError(f"{folder}: {len(differing)} images differ in size from the rainy ones: {some(differing)}")
    return found


def _describe(restore: Predictor | str | Path) -> str:
    if not isinstance(restore, Predictor):
        return str(restore)
    ensemble = ", self-ensemble" if restore.self_ensemble else ""
    tiles = restore.tiles if isinstance(restore.tiles, str) else ",".join(map(str, restore.tiles))
    return f"{type(restore.model).__name__}, tiles {tiles}, {restore.dtype}{ensemble}"
