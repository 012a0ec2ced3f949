"""What the tests share: small networks and small streets."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from csc_pretrain3d.data.classes import NUSCENES
from csc_pretrain3d.data.frame import Scan
from csc_pretrain3d.data.synthetic import SMALL, synthetic_frame
from csc_pretrain3d.network.config import MinkUNetConfig
from csc_pretrain3d.network.model import MinkUNet

# so that tests can import the modules beside them
sys.path.insert(0, str(Path(__file__).parent))

TINY = MinkUNetConfig(
    stem=8, widths=(8,) * 8, blocks=(1,) * 8, out_channels=17, classes=NUSCENES.names, normalised=False
)


@pytest.fixture(scope="session")
def tiny() -> MinkUNet:
    """A small MinkUNet of nuScenes' classes with random weights that gives different points different classes."""
    torch.manual_seed(0)
    model = MinkUNet(TINY)
    torch.nn.init.normal_(model.final.kernel)
    return model.eval()


@pytest.fixture
def tiny_minkunet() -> MinkUNet:
    """A network that is quick to compute."""
    torch.manual_seed(0)
    return MinkUNet(MinkUNetConfig(stem=4, widths=(4, 4, 6, 6, 6, 4, 4, 4), blocks=(1,) * 8, out_channels=5)).eval()


@pytest.fixture(scope="session")
def tiny_weights(saved: Callable[[Any], Path], tiny: MinkUNet) -> Path:
    """Its folder, saved."""
    return saved(tiny)


@pytest.fixture(scope="session")
def street() -> Scan:
    """An odd number of points of a made-up street with labels."""
    scan = synthetic_frame(3, sensors=SMALL, cameras=False).scan
    assert scan.labels is not None
    chosen = np.arange(0, len(scan), 4)[: 2 * (len(scan) // 8) - 1]
    return Scan(scan.points[chosen], scan.intensity[chosen], scan.labels[chosen], name="street")


@pytest.fixture(scope="session")
def nuscenes_tree(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A data set in the layout of nuScenes: three scenes of two key frames, see `tiny_trees`."""
    from tiny_trees import write_nuscenes

    return made_once("nuscenes", write_nuscenes)


@pytest.fixture(scope="session")
def semantickitti_tree(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A data set in the layout of SemanticKITTI: two sequences of two scans, see `tiny_trees`."""
    from tiny_trees import write_semantickitti

    return made_once("semantickitti", write_semantickitti)
