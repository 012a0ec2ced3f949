"""Labels -> NIfTI, in the geometry of the scan and with their names in the header."""

from __future__ import annotations

from typing import Any

from visioncore.errors import InputError
from visioncore.medical import Volume

from ..data.labels import write_labels
from .layers import PLACE, SCAN, Attributes, Layer, volume_of


def write_layer(path: str, data: Any, attributes: Attributes) -> list[str]:
    """Write a layer of labels, as napari hands it over, and return the paths of what was written.

    Raises:
        RuntimeError: as `write`; napari takes a ValueError, which InputError is, for "no writer", and drops its text.
    """
    from napari.layers import Labels

    given = {name: attributes[name] for name in (*PLACE, "name", "metadata", "features") if name in attributes}
    try:
        return write(path, Labels(data, **given))
    except InputError as error:
        raise RuntimeError(str(error)) from error


def write(path: str, layer: Layer) -> list[str]:
    """Write a layer of labels in the place where it is shown, in the order of the scan's voxels.

    Raises:
        InputError: if it is not of three axes, not of the shape of its scan, has other values than labels have, or
            cannot be written.
    """
    if layer.ndim != 3:
        raise InputError(f"layer {layer.name} has {layer.ndim} axes; labels of a scan have three")
    place, shape = layer.metadata.get(SCAN), tuple(layer.data.shape)
    if isinstance(place, Volume) and place.voxels.shape != shape:
        raise InputError(
            f"layer {layer.name} is {_by(shape)} and its scan {place.name} is {_by(place.voxels.shape)} (slices x rows "
            "x columns); both must have one shape"
        )
    volume = volume_of(layer)
    write_labels(path, volume.oriented(volume.stored), names_of(layer))
    return [path]


def names_of(layer: Layer) -> dict[int, str]:
    """Return the names of labels by its table of features; nothing if it has none."""
    features = getattr(layer, "features", {})
    if "index" not in features or "organ" not in features:
        return {}
    named = zip(features["index"], features["organ"], strict=True)
    return {int(label): str(name) for label, name in named if label > 0}


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
