"""Prediction: a scan -> the class of each of its points, and their features."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visioncore.devices import with_backoff
from visioncore.errors import InputError
from visioncore.inference.predictor import BasePredictor

from ..data.classes import NUSCENES, ClassMap
from ..data.formats import read_scan
from ..data.frame import Frame, Scan
from ..data.named_classes import classes_named
from ..network.config import Config
from ..network.fast import for_inference
from ..network.model import CSC
from ..network.panoptic_config import PanopticConfig
from ..network.weights import load_model
from .point_outputs import PointOutputs
from .result import Result
from .running import Cloud, run_scans

GivenScan = str | Path | Scan | Frame | NDArray[Any] | Tensor
"""A file of points in any format that is read, a scan, a frame, or an array (P, 4) of x, y, z in metres, intensity."""


class Predictor(BasePredictor):
    """Gives every point of a scan its class, or the features of a network that has no classes.

    Args:
        model: a network, or the weights that `load_model` takes; later changes of a network are not seen.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``float32``; ``bfloat16`` or ``float16`` for more speed at a small cost in accuracy; or such a type of
            PyTorch; ``auto`` is bfloat16 on GPUs that have it and float32 elsewhere.
        views: average the probabilities over so many rotations of the scan about the vertical, evenly spaced; 1 for the
            scan as it is, as published.
        suppressed: never give a point class 0, as the authors' scripts mean to and do not.
        intensity_scale: factor on intensities, to bring them to the scale that the network was trained with: nuScenes'
            is 0 to 255, SemanticKITTI's 0 to 1.
        batch: views of a scan on the device at a time; fewer after memory ran out.
        notify: told, in one line, when the batch is halved, and what is to be known of the weights; default: a warning.

    Raises:
        InputError: if an option is not what it should be.
    """

    def __init__(
        self,
        model: CSC | str | Path,
        device: str | torch.device = "auto",
        *,
        dtype: str | torch.dtype = "float32",
        views: int = 1,
        suppressed: bool = False,
        intensity_scale: float = 1.0,
        batch: int = 1,
        notify: Callable[[str], None] = warnings.warn,
    ) -> None:
        model = load_model(model) if isinstance(model, str | Path) else model
        super().__init__(model, device, dtype=dtype, batch=batch, notify=notify)
        if not isinstance(views, int) or views < 1 or not (math.isfinite(intensity_scale) and intensity_scale > 0):
            raise InputError(
                f"views is {views} and intensity_scale {intensity_scale}; they must be a whole number of at least 1, "
                "and above 0"
            )
        self.config: Config | PanopticConfig = model.config
        if isinstance(self.config, PanopticConfig) and views > 1:
            raise InputError(f"views is {views}; a panoptic network takes 1, for instances of several do not match")
        self.classes = known_classes(self.config)
        self.views, self.suppressed, self.intensity_scale = views, suppressed, intensity_scale
        self.network = for_inference(model, self.device, self.dtype)

    def settings(self) -> dict[str, Any]:
        known = {name: value for name, value in super().settings().items() if name != "self_ensemble"}
        return known | {name: getattr(self, name) for name in ("views", "suppressed", "intensity_scale")}

    def __call__(self, scan: GivenScan, *, features: bool = False) -> Result:
        """Classify the points of a scan.

        Args:
            scan: a file (.bin, .pcd.bin, .pcd, .ply, .las, .laz, .npy), a `Scan`, a `Frame`, or an array (P, 4).
            features: keep the features of the points as well, of the scan as it is; for a network without classes they
                are always kept.

        Raises:
            InputError: if the scan cannot be read or does not fit the network, or what comes out is not finite.
        """
        given = as_scan(scan)
        self.tell_notice()
        found = self._views((given.points, given.intensity * np.float32(self.intensity_scale)))
        outputs, own = torch.stack([view.outputs for view in found]), found[0].features
        if not (outputs.isfinite().all() and own.isfinite().all()):
            raise InputError(
                "the network's output is not finite; use weights that are, or a higher precision (float32)"
            )
        result = Result(
            scan=given,
            features=own.cpu().numpy() if features or self.classes is None else None,
            source=Path(scan) if isinstance(scan, str | Path) else None,
            notice=self.notice,
        )
        if self.classes is None:
            return result
        inside = torch.from_numpy(np.stack([view.inside for view in found])).to(outputs)
        # a view in which a point is outside the grid says nothing of it
        weights = inside / inside.sum(dim=0).clamp(min=1)
        probabilities = (outputs.softmax(dim=2) * weights[..., None]).sum(dim=0).cpu().numpy()
        first = 1 if self.suppressed else 0
        likely = probabilities[:, first:].argmax(axis=1) + first
        labels = np.where(inside.any(dim=0).cpu().numpy(), likely, 0).astype(np.int64)
        result = replace(result, classes=self.classes, probabilities=probabilities, labels=labels)
        if (panoptic := found[0].panoptic) is None:
            return result
        # the class of an instance is that of most of its voxels
        return replace(result, labels=panoptic[:, 0], instances=panoptic[:, 1])

    def run(self, points: Tensor) -> Tensor:
        """Return the network's outputs (B, P, C) for clouds (B, P, 4) of x, y, z and intensity, as they are.

        One cloud may lack the batch. The outputs are logits of classes or features, in float32, where the points were.

        Raises:
            InputError: if the shape is another, a number is not finite, or a cloud does not fit the network.
        """
        if points.ndim == 2:
            return self.run(points[None])[0]
        if points.ndim != 3 or points.shape[2] != 4:
            raise InputError(f"points have shape {tuple(points.shape)}; it must be (B, P, 4): x, y, z and intensity")
        if not points.isfinite().all():
            raise InputError("points hold NaN or infinite numbers; remove these points")
        self.tell_notice()
        clouds = [(cloud[:, :3], cloud[:, 3]) for cloud in points.float().cpu().numpy()]
        if not clouds or not points.shape[1]:
            config = self.config
            channels = config.classes if isinstance(config, PanopticConfig) else config.out_channels
            return points.new_zeros((*points.shape[:2], channels), dtype=torch.float32)
        return torch.stack([view.outputs for view in self._in_batches(clouds)]).to(points.device)

    def _views(self, cloud: Cloud) -> list[PointOutputs]:
        points, intensity = cloud
        return self._in_batches([(turned(points, place / self.views), intensity) for place in range(self.views)])

    def _in_batches(self, clouds: list[Cloud]) -> list[PointOutputs]:
        def run(batch: int) -> tuple[int, list[PointOutputs]]:
            parts = [clouds[start : start + batch] for start in range(0, len(clouds), batch)]
            done = [
                run_scans(self.network, self.config, part, self.device, suppressed=self.suppressed) for part in parts
            ]
            return batch, [each for part in done for each in part]

        self.batch, found = with_backoff(run, self.batch, notify=self.notify)
        return found


def known_classes(config: Config | PanopticConfig) -> ClassMap | None:
    """Return the classes of a network, None for one without."""
    if not isinstance(config, PanopticConfig):
        return classes_named(config.classes) if config.classes else None
    if config.classes == len(NUSCENES):
        return NUSCENES
    return classes_named(("none", *(f"class {place}" for place in range(1, config.classes))))


def as_scan(given: GivenScan) -> Scan:
    """Return the scan that was given as a file, a frame or an array.

    Raises:
        InputError: if it cannot be read, or is no array (P, 4) of numbers.
    """
    if isinstance(given, str | Path):
        return read_scan(given)
    if isinstance(given, Frame):
        return given.scan
    if isinstance(given, Scan):
        return given
    array = np.asarray(given)
    if array.ndim != 2 or array.shape[1] != 4 or array.dtype.kind not in "fiu":
        raise InputError(
            f"a scan is an array (P, 4) of x, y, z in metres and intensity; this is {array.shape} {array.dtype}"
        )
    values = np.ascontiguousarray(array, dtype=np.float32)
    return Scan(np.ascontiguousarray(values[:, :3]), np.ascontiguousarray(values[:, 3]))


def turned(points: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Return points (P, 3) rotated about the vertical by a share of the whole turn."""
    if not share:
        return points
    cosine, sine = math.cos(2 * math.pi * share), math.sin(2 * math.pi * share)
    rotation = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]], np.float32)
    return points @ rotation
