"""The networks by their names."""

from .base import CSC
from .cylinder3d import Cylinder3D
from .minkunet import MinkUNet
from .panoptic import PanopticNet
from .voxelnet import VoxelNet

__all__ = ["CSC", "Cylinder3D", "MinkUNet", "PanopticNet", "VoxelNet"]
