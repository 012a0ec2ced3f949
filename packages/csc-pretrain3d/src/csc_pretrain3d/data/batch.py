"""Samples of any number of points -> one batch, as named tensors that the training loop moves to its device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..network.config import Config
from .augmentation import View
from .frame import Scan
from .network_input import voxelize
from .voxelization import Voxels

Batch = dict[str, Tensor]

_OFFSETS = {"inverse": "coordinates", "pair_point": "points", "pair_image": "images"}
"""Tensors of indices, and the tensor whose rows they count."""


def pretrain_sample(view: View, config: Config, *, semantic: bool) -> Batch:
    """Return a view as the sample of one scan.

    Args:
        view: a frame that was augmented.
        config: of the network.
        semantic: ids of segments mean the same category in every image.

    Returns:
        ``coordinates`` (N, 3) int32, ``features`` (N, C) (of Cylinder3D (P, C) of points), ``inverse`` (P,) int64 voxel
        of each point, -1 outside, ``points`` (P, 3) in metres, ``images`` (I, 3, h, w) in [0, 1], ``segments``
        (I, h, w) int32, ``pair_point``, ``pair_image``, ``pair_row`` and ``pair_column`` (M,) int64, and
        ``semantic`` () bool. Points outside have no pairs.

    Raises:
        InputError: if every point is outside the network's grid.
    """
    voxels = voxelize(view.points, view.intensity, config)
    inside = [pairs.where(voxels.inverse[pairs.point] >= 0) for pairs in view.pairs]
    images = [np.full(len(pairs.point), place) for place, pairs in enumerate(inside)]
    empty = np.zeros(0, np.int64)
    return {
        **_of_voxels(voxels),
        "points": torch.from_numpy(view.points),
        "images": torch.stack(view.images) if view.images else torch.zeros(0, 3, 1, 1),
        "segments": torch.stack(view.segments) if view.segments else torch.zeros(0, 1, 1, dtype=torch.int32),
        "pair_image": torch.from_numpy(np.concatenate([empty, *images])),
        "pair_point": torch.from_numpy(np.concatenate([empty, *(pairs.point for pairs in inside)])),
        "pair_row": torch.from_numpy(np.concatenate([empty, *(pairs.row for pairs in inside)])),
        "pair_column": torch.from_numpy(np.concatenate([empty, *(pairs.column for pairs in inside)])),
        "semantic": torch.tensor(semantic),
    }


def labelled_sample(scan: Scan, voxels: Voxels, *, majority: bool = False) -> Batch:
    """Return a labelled scan as one sample.

    Args:
        scan: with labels, perhaps augmented.
        voxels: of it.
        majority: whether a voxel has the label of most of its points (Cylinder3D), else that of its first (MinkUNet).

    Returns:
        ``coordinates``, ``features`` and ``inverse`` as `pretrain_sample`, ``labels`` (N,) int64 of voxels,
        ``point_labels`` (P,) int64, and ``points`` (P, 3).
    """
    assert scan.labels is not None
    of_voxels = majority_labels(scan.labels, voxels) if majority else scan.labels[voxels.first]
    return {
        **_of_voxels(voxels),
        "points": torch.from_numpy(scan.points),
        "labels": torch.from_numpy(of_voxels),
        "point_labels": torch.from_numpy(scan.labels),
    }


def majority_labels(labels: NDArray[np.int64], voxels: Voxels) -> NDArray[np.int64]:
    """Return the label (N,) that most points of each voxel have; of several the lowest.

    Args:
        labels: (P,) at least 0.
        voxels: of the same points, each with one of them at least.
    """
    inside = voxels.inverse >= 0
    classes = int(labels.max()) + 1
    cells = voxels.inverse[inside] * classes + labels[inside]
    counts = np.bincount(cells, minlength=len(voxels.coordinates) * classes)
    return counts.reshape(-1, classes).argmax(axis=1)


def collate(samples: Sequence[Mapping[str, Tensor]]) -> Batch:
    """Return samples of `pretrain_sample` or `labelled_sample` as one batch.

    Rows stand one after the other; indices count through the whole batch; ``coordinates`` become (N, 4) with the place
    of the scan in front; ``point_scan`` (P,) int64 and ``image_scan`` (I,) int64 are added, ``scans`` () int64 is their
    number, and ``semantic`` holds if it holds for all.
    """
    names = [name for name in samples[0] if name != "semantic"]
    batch = {name: _joined([sample[name] for sample in samples]) for name in names}
    for name, rows in _OFFSETS.items():
        if name in batch:
            counts = torch.tensor([0, *(len(sample[rows]) for sample in samples)]).cumsum(0)
            moved = [
                sample[name] + (sample[name] >= 0) * offset for sample, offset in zip(samples, counts, strict=False)
            ]
            batch[name] = torch.cat(moved)
    batch["coordinates"] = torch.cat([_places(samples, "coordinates")[:, None].int(), batch["coordinates"]], dim=1)
    batch["point_scan"] = _places(samples, "points")
    if "images" in batch:
        batch["image_scan"] = _places(samples, "images")
        batch["semantic"] = torch.stack([sample["semantic"] for sample in samples]).all()
    return batch | {"scans": torch.tensor(len(samples))}


def _of_voxels(voxels: Voxels) -> Batch:
    return {
        "coordinates": torch.from_numpy(voxels.coordinates),
        "features": torch.from_numpy(voxels.features),
        "inverse": torch.from_numpy(voxels.inverse),
    }


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """Return tensors one after the other; those without rows may have another shape."""
    return torch.cat([part for part in parts if len(part)] or [parts[0]])


def _places(samples: Sequence[Mapping[str, Tensor]], name: str) -> Tensor:
    counts = torch.tensor([len(sample[name]) for sample in samples])
    return torch.repeat_interleave(torch.arange(len(samples)), counts)
