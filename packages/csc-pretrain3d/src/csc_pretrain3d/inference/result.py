"""The result: the class of each point of a scan, to be saved, looked at and turned round."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.files import atomic_path
from visioncore.inference.result import BaseResult, result_path

from ..data.classes import ClassMap
from ..data.formats import WRITTEN_SUFFIXES, write_labels
from ..data.formats.writing import ply_bytes
from ..data.frame import Scan
from .colours import FeatureColours, on_dark
from .drawing import draw_scan
from .shown import Shown
from .viewer import write_viewer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEATURE_SUFFIXES = (".npy", ".ply")
"""Formats of features: the numbers, and points coloured by them."""


@dataclass(frozen=True, eq=False, repr=False)
class Result(BaseResult):
    """The classes, or the features, of the points of a scan, in their order.

    Attributes:
        scan: the points.
        classes: names and colours of the classes; None for a network that has none.
        probabilities: of the classes (P, K), zeros for points outside the network's grid; None without classes.
        labels: class of each point (P,) int64, 0 for points outside; None without classes.
        instances: number of each point's instance (P,) int64, 0 for none; None unless the network is panoptic.
        features: of each point (P, F), zeros for points outside; None if they were not asked for.
        source: the file that the scan came from, if it came from one.
        notice: what is to be known of the weights; empty for nothing.
        colouring: turns features into colours, so that several scans agree; by default fitted to this one.
    """

    scan: Scan
    classes: ClassMap | None = None
    probabilities: NDArray[np.float32] | None = None
    labels: NDArray[np.int64] | None = None
    instances: NDArray[np.int64] | None = None
    features: NDArray[np.float32] | None = None
    source: Path | None = None
    notice: str = ""
    colouring: FeatureColours | None = None

    @property
    def values(self) -> NDArray[Any]:
        """Labels (P,), or without classes features (P, F)."""
        return self.known_features if self.labels is None else self.labels

    @property
    def known_features(self) -> NDArray[np.float32]:
        """The features (P, F).

        Raises:
            InputError: if they were not asked for.
        """
        if self.features is None:
            raise InputError("this result holds no features; ask for them: predictor(scan, features=True)")
        return self.features

    def __str__(self) -> str:
        if self.labels is None or self.classes is None:
            return f"{len(self.scan):,} points with {self.known_features.shape[1]} features"
        told = f"{len(self.scan):,} points in {len(np.unique(self.labels))} of {len(self.classes)} classes"
        if self.instances is None:
            return told
        things = np.unique(np.stack([self.labels, self.instances])[:, self.instances > 0], axis=1)
        return f"{told}, {things.shape[1]} instances"

    @cached_property
    def shown(self) -> Shown:
        """Its classes and colours, for figures and pages."""
        colours = None
        if self.features is not None:
            colours = (self.colouring or FeatureColours(self.features))(self.features)
        if self.classes is None or self.labels is None or self.probabilities is None:
            return Shown(features=colours, notice=self.notice)
        sure = np.take_along_axis(self.probabilities, self.labels[:, None], axis=1)[:, 0]
        return Shown(
            labels=self.labels,
            names=self.classes.names,
            colours=on_dark(self.classes.colours),
            confidence=sure,
            instances=self.instances,
            features=colours,
            notice=self.notice,
        )

    def save(self, target: str | Path) -> Path:
        """Write labels, or without classes features, and return where they are.

        Args:
            target: a file: .label, .npy, .ply, .las or .laz for labels, see `write_labels`; .npy or .ply for features.
                Or a folder, which gets ``<name of the scan>.label`` or ``.npy``.

        Raises:
            InputError: if the suffix is another, that is the scan itself, or it cannot be written.
        """
        if self.classes is None or self.labels is None:
            return self.save_features(target)
        path = result_path(target, f"{self._stem}.label", self.source, "scan")
        if path.suffix.lower() not in WRITTEN_SUFFIXES:
            raise InputError(f"{path}: labels are written as {', '.join(WRITTEN_SUFFIXES)}")
        path.parent.mkdir(parents=True, exist_ok=True)
        # those of the result, not those that the scan was given with
        write_labels(path, replace(self.scan, instances=self.instances), self.labels, self.classes)
        return path

    def save_features(self, target: str | Path) -> Path:
        """Write the features and return where they are.

        Args:
            target: .npy for (P, F) float32, .ply for the points in the colours of their first three principal
                components; or a folder, which gets ``<name of the scan>.npy``.

        Raises:
            InputError: if there are none, the suffix is another, that is the scan itself, or it cannot be written.
        """
        path = result_path(target, f"{self._stem}.npy", self.source, "scan")
        features, suffix = self.known_features, path.suffix.lower()
        if suffix not in FEATURE_SUFFIXES:
            raise InputError(f"{path}: features are written as {' or '.join(FEATURE_SUFFIXES)}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            if suffix == ".npy":
                with temporary.open("wb") as file:
                    np.save(file, features)
            else:
                assert self.shown.features is not None
                temporary.write_bytes(ply_bytes(self.scan, self.shown.features))
        return path

    @property
    def _stem(self) -> str:
        return self.source.stem if self.source else Path(self.scan.name).stem

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the scan from above and from behind, write the figure to ``path`` if one is given, and return it."""
        return draw_scan(self.scan, self.shown, path)

    def view(self, path: str | Path) -> Path:
        """Write a page on which the points can be turned, coloured and clicked, and return where it is.

        Raises:
            InputError: if the file is no .html, or it cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() != ".html":
            raise InputError(f"{path}: the page is written as .html")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_viewer(path, self.scan, self.shown)
        return path
