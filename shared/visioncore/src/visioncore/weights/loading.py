"""Where weights come from: what is bundled, what was saved, the Hub, and the authors."""

from __future__ import annotations

from importlib.resources import as_file
from pathlib import Path
from typing import Any

from ..methods import Method
from .fetched import fetched_network
from .places import CONFIG_FILE, DEMO, WEIGHTS_FILE, assets_of, bundled_names, holds_weights
from .state_dicts import read_metadata


def load_model(method: Method, weights: str | Path, **options: Any) -> Any:
    """Return the model of a method in evaluation mode, on the CPU, from any source of weights.

    Args:
        method: whose network it is, and whose package bundles weights in ``assets/demo``, and perhaps others beside.
        weights: ``demo`` for those, or the name of the others' folder or of a checkpoint that the command ``weights``
            has fetched, unless weights of that name lie in the working folder; a folder, file or hub id that
            ``from_pretrained`` takes; or a checkpoint of the authors. The model of ``demo`` or ``demo-*`` has a
            ``notice`` that a predictor passes on.
        options: further arguments of ``from_published``, for a checkpoint of the authors.

    Raises:
        InputError: if it cannot be read or does not fit, or is not fetched yet.
    """
    path = Path(weights)
    if not holds_weights(path):
        if (name := str(weights)) in bundled_names(method):
            bundled = bundled_model(method, name)
            bundled.notice = method.demo_notice if name.partition("-")[0] == DEMO else ""
            return bundled
        weights = fetched_network(method, name) or weights
        path = Path(weights)
    model = method.load(method.network.model)
    if path.name == WEIGHTS_FILE and (path.parent / CONFIG_FILE).is_file():
        return model.from_pretrained(path.parent)
    return model.from_published(path, **options) if is_published(path) else model.from_pretrained(weights)


def bundled_model(method: Method, name: str = DEMO) -> Any:
    """Return the model of weights that a method bundles, without notice, in evaluation mode, on the CPU.

    Args:
        method: whose package bundles them.
        name: one of `bundled_names`.

    Raises:
        InputError: if there are none.
    """
    with as_file(assets_of(method) / name) as folder:
        return method.load(method.network.model).from_pretrained(folder)


def is_published(path: Path) -> bool:
    """Return whether a path is a file without settings of ours, so that only the authors can have written it.

    Raises:
        InputError: if it is a safetensors file that cannot be read.
    """
    return path.is_file() and not (path.suffix == ".safetensors" and "config" in read_metadata(path))
