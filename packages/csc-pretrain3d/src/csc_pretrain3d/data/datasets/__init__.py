"""Data sets on disk: frames of nuScenes, SemanticKITTI, KITTI, and of folders of one's own."""

from __future__ import annotations

from .finding import open_frames
from .folder import FolderFrames
from .frames import DataSet
from .kitti_object import KITTIObject
from .nuscenes import NuScenes
from .semantickitti import SemanticKITTI

__all__ = [
    "DataSet",
    "FolderFrames",
    "KITTIObject",
    "NuScenes",
    "SemanticKITTI",
    "open_frames",
]
