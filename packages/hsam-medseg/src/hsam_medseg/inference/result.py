"""The result of a segmentation: labels with the scan's geometry, organ sizes, and writing them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.errors import some
from visioncore.images import write_image
from visioncore.inference.result import BaseResult, result_path
from visioncore.medical import Volume, as_given, volume_name
from visioncore.medical.nifti_files import PAIR
from visioncore.medical.sitk_images import SITK_SUFFIXES
from visioncore.report import save_figure, write_json

from ..data.intensity_windows import Level
from ..data.labels import write_labels, write_probabilities
from ..network.config import Preprocessing
from .preview_sheet import Sheet, draw_figure, draw_image, lay_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

LABELS, REPORT, PREVIEW = ".nii.gz", ".json", ".png"
PROBABILITIES, DICOM_SEG, RTSTRUCT = "_probabilities.nii.gz", ".dcm", "_rtstruct.dcm"
"""How the names of results end; labels, where the scan's format cannot hold them."""
_OWN = (PAIR[0], *SITK_SUFFIXES["MetaImage"], *SITK_SUFFIXES["NRRD"])
"""Suffixes of scans whose labels are written in the same format."""


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation(BaseResult):
    """The organs of a scan.

    Attributes:
        scan: what was given.
        labels: (D, H, W) of uint8 (uint16 for more than 255 classes) in the place and the order of the scan: 0 is
            background, 1 to C are the classes.
        classes: names of labels 1 to C.
        preprocessing: what was done to the scan first.
        intensities: what the window made black and white, in the scan's own unit; by channel where it goes by them.
        stage: whose logits decided: ``fused``, ``fine`` or ``coarse``.
        probabilities: (K, D, H, W) float16 with K = C + 1, background first, if they were asked for.
        notice: what is to be known of the weights, such as that they are demo weights; empty for nothing.
        organs: the classes that were asked for; none for all.
    """

    scan: Volume
    labels: Volume
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    intensities: tuple[Level, Level]
    stage: str
    probabilities: NDArray[np.float16] | None = None
    notice: str = ""
    organs: tuple[str, ...] = ()

    @property
    def source(self) -> Path | None:  # type: ignore[override]
        """The file or folder the scan came from, if it came from one."""
        return self.scan.source

    @property
    def values(self) -> NDArray[Any]:
        return self.labels.voxels

    def __str__(self) -> str:
        found = [f"{name} {self._size(name)}" for name in self.numbers if self.voxels[name]]
        slices, rows, columns = self.labels.voxels.shape
        return f"{slices} slices of {columns} x {rows}: {some(found) or 'nothing found'}"

    @property
    def numbers(self) -> dict[str, int]:
        """Label of each organ."""
        wanted = set(self.organs or self.classes)
        return {name: label for label, name in enumerate(self.classes, start=1) if name in wanted}

    @cached_property
    def voxels(self) -> dict[str, int]:
        """Number of voxels of each organ."""
        counts = np.zeros(len(self.classes) + 1, np.int64)
        for labels in self.labels.voxels:  # one slice at a time: counting needs eight bytes a voxel
            counts += np.bincount(labels.ravel(), minlength=len(counts))
        return {name: int(counts[label]) for name, label in self.numbers.items()}

    @cached_property
    def mean_intensities(self) -> dict[str, float | None]:
        """Mean of the scan in each organ, in the scan's own unit: Hounsfield units for CT; None where there is none.

        That is where the organ was not found, and for scans in colour or of several channels.
        """
        if self.scan.voxels.ndim == 4:
            return dict.fromkeys(self.numbers)
        sums = np.zeros(len(self.classes) + 1)
        for labels, values in zip(self.labels.voxels, self.scan.voxels, strict=True):
            sums += np.bincount(labels.ravel(), values.ravel(), minlength=len(sums))
        counts = self.voxels
        return {
            name: float(sums[label]) / counts[name] if counts[name] else None for name, label in self.numbers.items()
        }

    @property
    def volumes_ml(self) -> dict[str, float | None]:
        """Size of each organ in millilitres; None where the spacing is unknown."""
        unit = self.labels.voxel_ml
        return {name: None if unit is None else unit * count for name, count in self.voxels.items()}

    @property
    def note(self) -> str | None:
        """A one-line note if no organ was found, else None."""
        if any(self.voxels.values()):
            return None
        (low, *_), (high, *_) = map(np.atleast_1d, self.intensities)
        return (
            f"{self.scan.source or 'the scan'}: nothing found, every voxel is background; check that the window "
            f"{self.preprocessing.window} ({low:g} to {high:g}) and the weights suit it"
        )

    @property
    def report(self) -> dict[str, Any]:
        """The result as plain values for JSON."""
        located, volumes, means = self.scan.located, self.volumes_ml, self.mean_intensities
        organs = {
            name: {"label": label, "voxels": self.voxels[name], "ml": volumes[name], "mean_intensity": means[name]}
            for name, label in self.numbers.items()
        }
        return {
            "scan": self.scan.source,
            "shape": self.labels.voxels.shape,
            "spacing_mm": self.scan.spacing if located else None,
            "orientation": self.scan.orientation if located else None,
            "preprocessing": self.preprocessing,
            "intensities": self.intensities,
            "stage": self.stage,
            "organs": organs,
            "note": "; ".join(filter(None, (self.notice, self.note))) or None,
        }

    def save(self, target: str | Path) -> Path:
        """Write the labels, named in the header of NIfTI, and beside them the `report` and any probabilities.

        Args:
            target: a file such as ``labels.nii.gz``, or a folder, in which the name is that of the scan.

        Returns:
            Where the labels are; they are written last.

        Raises:
            InputError: if that is the scan itself, or cannot be written.
        """
        source = self.scan.source
        name = f"{volume_name(source)}{labels_suffix(source)}" if source else f"labels{LABELS}"
        path = result_path(target, name, self.scan.source, "scan")
        self.save_probabilities(path)
        write_json(beside(path, REPORT), self.report)
        write_labels(path, self.labels, {label: name for name, label in self.numbers.items()})
        return path

    def as_given(self) -> Any:
        """Return the labels as what was given: an image of nibabel or SimpleITK, an array in its order; else `labels`.

        Raises:
            InputError: if it cannot hold them.
        """
        return as_given(self.labels)

    def save_probabilities(self, target: Path) -> None:
        """Write the probabilities, if there are any, beside where the labels are or will be.

        Raises:
            InputError: if they cannot be written.
        """
        if self.probabilities is not None:
            write_probabilities(beside(target, PROBABILITIES), self.probabilities, self.labels)

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw three planes with the organs in colour, see `preview_sheet.lay_out`.

        The figure is returned, and written to ``path`` if one is given.

        Raises:
            InputError: if it cannot be written.
        """
        figure = draw_figure(self._sheet())
        save_figure(figure, path)
        return figure

    def save_preview(self, target: Path) -> None:
        """Write the planes of `plot` as an image beside where the labels are or will be, without matplotlib.

        Raises:
            InputError: if it cannot be written.
        """
        write_image(beside(target, PREVIEW), draw_image(self._sheet()))

    def _sheet(self) -> Sheet:
        """Return the layout of the preview."""
        legend = {label: f"{name}  {self._size(name)}" for name, label in self.numbers.items() if self.voxels[name]}
        (low, *others), (high, *_) = map(np.atleast_1d, self.intensities)
        # of channels with windows of their own, the first is shown
        shown = self.scan.with_voxels(self.scan.voxels[..., 0]) if others else self.scan
        return lay_out(shown, self.labels, legend, f"{low},{high if low < high else low + max(1.0, abs(low))}")

    def _size(self, name: str) -> str:
        """Return how large a class is, as text."""
        voxels, millilitres = self.voxels[name], self.volumes_ml[name]
        if millilitres is None:
            return f"{voxels:,} voxels"
        return f"{millilitres:,.0f} ml" if millilitres >= 10 else f"{millilitres:.2g} ml"


def beside(labels: Path, ending: str) -> Path:
    """Return the path beside the labels' file with another suffix."""
    name = labels.name.removesuffix(LABELS)
    return labels.with_name((Path(name).stem if name == labels.name else name) + ending)


def labels_suffix(scan: Path) -> str:
    """Return the suffix that the labels of a scan in a file or folder get."""
    own = scan.suffix.lower()
    return own if own in _OWN and not scan.is_dir() else LABELS
