"""The samples of both kinds of training: views of frames for pre-training, labelled voxels for fine-tuning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from visioncore.errors import InputError

from ..data.augmentation import AugmentationConfig, augment, rotate_and_flip
from ..data.batch import Batch, collate, labelled_sample, pretrain_sample
from ..data.frames import Frames
from ..data.network_input import voxelize
from ..data.pairs import pair_frame
from ..data.voxelization import inside_range
from ..network.config import Config, Cylinder3DConfig, MinkUNetConfig


class PretrainSamples:
    """Views of frames whose points have found their pixels.

    Args:
        frames: with cameras and segments.
        config: of the LiDAR network; VoxelNet and Cylinder3D take points within 51.2 m alone, as published.
        augmentation: what varies.
        semantic: the prototypes need ids of segments that mean the same in every image.
    """

    def __init__(self, frames: Frames, config: Config, augmentation: AugmentationConfig, *, semantic: bool) -> None:
        self.frames, self.config, self.augmentation, self.semantic = frames, config, augmentation, semantic

    def __len__(self) -> int:
        return len(self.frames)

    def sample(self, index: int, rng: np.random.Generator) -> Batch:
        """Return a view of a frame, see `data.batch.pretrain_sample`.

        Raises:
            InputError: if the frame has no segments, or they have no meaning and prototypes need it.
        """
        return self._view(index, self.augmentation, rng)

    def plain(self, index: int) -> Batch:
        """Return a batch of one frame as it is, for the prototypes."""
        drawn = replace(self.augmentation, rotate=False, flip=False, cuboid=0.0, crop=1.0)
        return collate([self._view(index, drawn, np.random.default_rng(0))])

    def _view(self, index: int, augmentation: AugmentationConfig, rng: np.random.Generator) -> Batch:
        frame = self.frames[index]
        if self.semantic and not frame.semantic:
            raise InputError(
                f"{frame.scan.name}: ids of segments mean nothing across images, so there are no prototypes of them; "
                "take semantic segments, or set prototypes to none"
            )
        kept = None if isinstance(self.config, MinkUNetConfig) else inside_range(frame.scan.points)
        view = augment(pair_frame(frame, kept), augmentation, rng)
        sample = pretrain_sample(view, self.config, semantic=frame.semantic)
        return sample | {"frame": torch.tensor([index])}


class LabelledSamples:
    """Labelled scans, rotated and flipped.

    Args:
        frames: whose scans have labels.
        config: of the LiDAR network.
        augmentation: of which rotation and flips count.
    """

    def __init__(self, frames: Frames, config: Config, augmentation: AugmentationConfig) -> None:
        self.frames, self.config, self.augmentation = frames, config, augmentation

    def __len__(self) -> int:
        return len(self.frames)

    def sample(self, index: int, rng: np.random.Generator) -> Batch:
        """Return the voxels of a scan and their labels, see `data.batch.labelled_sample`.

        Raises:
            InputError: if the scan has no labels.
        """
        scan = self.frames[index].scan
        if scan.labels is None:
            raise InputError(f"{scan.name}: has no labels; fine-tuning needs them")
        moved = replace(scan, points=rotate_and_flip(scan.points, self.augmentation, rng))
        voxels = voxelize(moved.points, moved.intensity, self.config)
        return labelled_sample(moved, voxels, majority=isinstance(self.config, Cylinder3DConfig))
