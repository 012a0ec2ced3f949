"""Scans as layers of napari, and layers as scans: the order of axes, spacing, place, and names and colours of labels.

The world of a layer is (z, y, x) in mm in DICOM's axes: z grows upwards, y to the back, x to the left, so that axial
slices are shown as radiologists see them. nibabel's x and y have the other sign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from visioncore.errors import InputError
from visioncore.medical import Volume, volume_name
from visioncore.medical.dicom_geometry import LPS_TO_RAS

from ..data.organ_colours import organ_colours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..inference.result import Segmentation

Attributes = dict[str, Any]
LayerData = tuple[Any, Attributes, str]
"""Data, arguments and kind of a layer, as napari takes them from plug-ins."""

SCAN = "hsam-medseg scan"
"""Key of a layer's metadata: the scan, for its place and its header."""
PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
"""Arguments that two layers share which lie in the same place."""

_TURN = np.eye(4)[[2, 1, 0, 3]]
"""From (column, row, slice) to (slice, row, column), and from (x, y, z) to (z, y, x); or back."""
_MM = {"meter": 1000.0, "centimeter": 10.0, "millimeter": 1.0, "micrometer": 1e-3, "nanometer": 1e-6}
_STILL = 1e-3
"""mm that a layer's corners may lie beside where they were read, for rounding."""
_ELSE = (0.6, 0.6, 0.6, 1.0)
"""Colour of labels without a name, such as those that somebody paints."""


class Layer(Protocol):
    """A layer of napari, as far as it is looked at."""

    @property
    def name(self) -> str:
        """Its name in the list of layers."""
        ...

    @property
    def data(self) -> Any:
        """An array, or of a pyramid several."""
        ...

    @property
    def ndim(self) -> int:
        """Number of axes, colours aside."""
        ...

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Whatever plug-ins keep there."""
        ...

    @property
    def units(self) -> Sequence[Any]:
        """Of each axis, as pint has them."""
        ...

    def data_to_world(self, position: Sequence[float]) -> Sequence[float]:
        """Return where a point of the data lies in the world."""
        ...


def image_layer(volume: Volume) -> LayerData:
    """Return a scan as an image; the channels of a scan of several become an image each."""
    shown = for_display(volume)
    channels = {"channel_axis": 3} if shown.voxels.ndim == 4 else {}
    return shown.voxels, _common(shown) | channels, "image"


def labels_layer(volume: Volume, names: Mapping[int, str]) -> LayerData:
    """Return labels (D, H, W) as such a layer, with names, as the status bar shows them, and the colours of figures."""
    shown = for_display(volume)
    return shown.voxels, _common(shown) | named(names), "labels"


def organs_layer(layer: Layer, scan: Volume, found: Segmentation) -> LayerData:
    """Return the organs of an image as a layer of labels in its place, see `labels_layer`.

    Args:
        layer: the image.
        scan: as `scan_of` returned it.
        found: its organs.
    """
    place = {name: getattr(layer, name) for name in PLACE}
    of_scan = {SCAN: layer.metadata[SCAN]} if SCAN in layer.metadata else {}
    names = {label: name for name, label in found.numbers.items()}
    about = {"name": f"{layer.name} organs", "metadata": of_scan}
    return found.labels.oriented(scan.orientation).voxels, about | place | named(names), "labels"


def named(names: Mapping[int, str]) -> Attributes:
    """Return the arguments of a layer of labels that name and colour them."""
    colours = {label: (*colour, 1.0) for label, colour in organ_colours(names).items()}
    return {
        "features": {"index": [0, *names], "organ": ["background", *names.values()]},
        "colormap": {None: _ELSE, 0: (0.0, 0.0, 0.0, 0.0), **colours},
    }


def for_display(volume: Volume) -> Volume:
    """Return a volume as stored, or with its axes in the order of the world's, as napari cannot slice others."""
    return volume.oriented("".join(sorted(volume.orientation, key=lambda end: "LRPAIS".index(end) // 2)))


def place_in_world(volume: Volume) -> Attributes:
    """Return the arguments of a layer that say where a volume lies: spacing as scale, and the rest as affine."""
    if not volume.located:
        return {"scale": volume.spacing}
    affine = _TURN @ LPS_TO_RAS @ volume.affine @ _TURN
    return {
        "scale": volume.spacing,
        "affine": affine @ np.diag([*(1 / np.array(volume.spacing)), 1]),
        "units": ("mm",) * 3,
        "axis_labels": ("z", "y", "x"),
    }


def scan_of(layer: Layer) -> Volume:
    """Return the scan that an image shows.

    A layer lies where it is shown if its units are lengths. Otherwise it is not located, its slices are taken as they
    are, and a note says so.

    Raises:
        InputError: if it is no volume of one channel and point in time.
    """
    what = f"layer {layer.name}"
    if getattr(layer, "rgb", False):
        raise InputError(f"{what} is in colour; it must be a CT or MR scan, one value for each voxel")
    if layer.ndim == 2:
        raise InputError(f"{what} is a single image, 2-D; open the whole scan, (slices, rows, columns)")
    if layer.ndim != 3:
        raise InputError(
            f"{what} has {layer.ndim} axes; it must be (slices, rows, columns), so take one point in time or one "
            "channel of it (Layer > Split Stack)"
        )
    return volume_of(layer)


def volume_of(layer: Layer) -> Volume:
    """Return a layer of three axes, images or labels, as a volume; see `scan_of`."""
    voxels = np.asarray(layer.data[0] if getattr(layer, "multiscale", False) else layer.data)
    affine, located = _affine(layer)
    place = layer.metadata.get(SCAN)
    if isinstance(place, Volume) and place.voxels.shape[:3] == voxels.shape:
        corners = np.array([[*(corner * np.array(voxels.shape[::-1])), 1] for corner in np.ndindex(2, 2, 2)]).T
        if np.abs((place.affine - affine) @ corners).max() < _STILL:
            return place.with_voxels(voxels)
    unknown = f"layer {layer.name} has no unit of length: slices are taken as they are, sizes in mm are unknown"
    return Volume(voxels, affine, located, notes=() if located else (unknown,))


def _common(shown: Volume) -> Attributes:
    # of the scan only its place and header, as the layer has its voxels
    nothing = np.broadcast_to(np.uint8(0), shown.voxels.shape[:3])
    name = volume_name(shown.source) if shown.source else "scan"
    return {"name": name, "metadata": {SCAN: replace(shown, voxels=nothing)}, **place_in_world(shown)}


def _affine(layer: Layer) -> tuple[NDArray[np.float64], bool]:
    """Return nibabel's affine in mm, and whether it is known; else one of nothing but steps."""
    start = np.array(layer.data_to_world((0, 0, 0)), np.float64)
    world = np.eye(4)
    for axis, unit in enumerate(np.eye(3)):
        world[:3, axis] = layer.data_to_world(tuple(unit)) - start
    world[:3, 3] = start
    factors = [_MM.get(str(unit)) for unit in layer.units]
    lengths = [factor for factor in factors if factor is not None]
    if len(lengths) < 3:
        return np.diag([*np.linalg.norm(world[:3, :3], axis=0)[::-1], 1]), False
    return LPS_TO_RAS @ _TURN @ np.diag([*lengths, 1]) @ world @ _TURN, True
