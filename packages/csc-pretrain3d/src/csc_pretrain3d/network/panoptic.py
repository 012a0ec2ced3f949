"""The panoptic network: Cylinder3D gives each cell a class, a network over its bird's-eye map tells instances apart."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from visioncore.errors import InputError
from visioncore.weights.state_dicts import load_into

from ..sparse import SparseMaxPool3d, SparseTensor, SubMConv3d
from .base import CSC
from .bev_unet import BEVUNet
from .cylinder3d import Cylinder3D
from .panoptic_config import PanopticConfig


class PanopticOutput(NamedTuple):
    """The network's output for a batch.

    Attributes:
        logits: (N, classes) of the voxels, in their order.
        centre: (B, 1, distances, angles) heat, 1 at the centre of an instance.
        offset: (B, 2, distances, angles) from each cell to the centre of its instance, in cells.
    """

    logits: Tensor
    centre: Tensor
    offset: Tensor


class PanopticNet(CSC):
    """Panoptic segmentation on Cylinder3D.

    Args:
        config: the settings; those of nuScenes by default.

    Example:
        >>> coordinates = torch.tensor([[0, 100, 350, 8], [0, 100, 351, 8]])
        >>> voxels = SparseTensor(coordinates, torch.empty(2, 0), spatial_shape=(480, 360, 32))
        >>> PanopticNet().eval()(voxels, torch.rand(5, 4), torch.tensor([0, 1, 1, 0, 0])).centre.shape
        torch.Size([1, 1, 480, 360])
    """

    config_class = PanopticConfig
    config: PanopticConfig  # type: ignore[assignment]

    def __init__(self, config: PanopticConfig | None = None) -> None:
        super().__init__(config)
        backbone = self.config.backbone
        self.backbone_3d = Cylinder3D(backbone)
        self.voxel_sem_head = SubMConv3d(backbone.out_channels, self.config.classes, 3)
        self.to_bev = SparseMaxPool3d((1, 1, backbone.grid[2]))
        self.backbone_2d = BEVUNet(backbone.out_channels, self.config)

    def forward(
        self, voxels: SparseTensor, points: Tensor | None = None, inverse: Tensor | None = None
    ) -> PanopticOutput:
        """Return classes, centres and offsets; arguments and errors as of `Cylinder3D.forward`."""
        features = self.backbone_3d(voxels, points, inverse)
        centre, offset = self.backbone_2d(self.to_bev(features).dense().squeeze(4))
        return PanopticOutput(self.voxel_sem_head(features).features, centre, offset)


def begin_from(model: PanopticNet, backbone: Cylinder3D) -> None:
    """Put a pre-trained backbone into a panoptic network.

    The authors' code loads nothing here, and its panoptic network has a wider point network than it pre-trains. Ours is
    made for the pre-trained one, which stays as it is.

    Args:
        model: ``PanopticNet(PanopticConfig(backbone.config))``.
        backbone: the pre-trained network.

    Raises:
        InputError: if their settings differ.
    """
    if model.config.backbone != backbone.config:
        raise InputError(
            f"the panoptic network's backbone is {model.config.backbone}, the pre-trained one {backbone.config}; make "
            "the network for it: PanopticNet(PanopticConfig(backbone.config))"
        )
    load_into(model.backbone_3d, backbone.state_dict(), where="the pre-trained backbone")
