"""An image -> labels of its organs, in steps that a thread can show and stop."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from visioncore.errors import InputError, one_line
from visioncore.weights.places import CONFIG_FILE, assets_of, bundled_names

from ..data.scans import Volume
from ..method import METHOD

if TYPE_CHECKING:
    from ..inference.result import Segmentation
    from ..inference.work_ahead import Steps


def segment(
    scan: Volume,
    weights: str,
    *,
    window: str | None = None,
    organs: Sequence[str] = (),
    largest_component: bool = False,
    device: str = "auto",
) -> Steps[Segmentation]:
    """Return, in steps, the organs of a scan; warnings say what is to be known of it.

    Args:
        scan: as `layers.scan_of` returns it.
        weights: ``demo``, or whatever else `load_model` takes.
        window: intensities that become 0 and 1, a name in `WINDOWS`; None for what the weights expect.
        organs: names of the classes that stay; none for all.
        largest_component: keep of every organ its largest connected piece alone.
        device: ``auto``, ``cpu``, ``cuda``, ``mps``.

    Raises:
        InputError: as `Predictor`; and for an error of PyTorch's, for napari's threads lose a RuntimeError.
    """
    from ..inference.predictor import Predictor

    for note in scan.notes:
        warnings.warn(note, stacklevel=2)
    try:
        predictor = Predictor(weights, device, window=window, organs=organs, largest_component=largest_component)
        # as a file is: there are weights that expect slices as they are stored
        return (yield from predictor.steps(scan.oriented(scan.stored)))
    except RuntimeError as error:
        raise InputError(f"the network failed ({one_line(error)}); try the device cpu") from error


def known_organs(weights: str) -> tuple[str, ...]:
    """Return the classes of weights that are bundled or in a folder; none of others, which must be loaded first."""
    bundled = weights in bundled_names(METHOD)
    place = assets_of(METHOD) / weights if bundled else Path(weights)
    config = (place if place.is_dir() else Path(weights).parent) / CONFIG_FILE
    try:
        classes = json.loads(config.read_text(encoding="utf-8"))["classes"]
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    return tuple(map(str, classes)) if isinstance(classes, list) else ()
