"""A VoxelNet as a detector's backbone, and what cannot be exported."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from csc_pretrain3d import VoxelNet
from visioncore.testing.suites.base import Run, refuses

PACKAGE = "csc_pretrain3d"

LAYERS = {
    "conv_input": (16, 3, 3, 3, 4),
    "conv1.0": (16, 3, 3, 3, 16),
    **{f"conv2.{place}": (32, 3, 3, 3, 16 if place == 0 else 32) for place in range(3)},
    **{f"conv3.{place}": (64, 3, 3, 3, 32 if place == 0 else 64) for place in range(3)},
    **{f"conv4.{place}": (64, 3, 3, 3, 64) for place in range(3)},
    "conv_out": (128, 3, 1, 1, 64),
}
"""The layers of OpenPCDet's VoxelBackBone8x, each with a norm behind it, and their weights' shapes in spconv 2."""


@pytest.mark.parametrize("variant", ["voxelnet", "voxelnet-upsample16"])
def test_a_backbone_for_openpcdet(run: Run, variant: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = VoxelNet(variant)
    model.save_pretrained(tmp_path / "ours")
    code, said, complaints = run("export", "--weights", tmp_path / "ours", "--out", tmp_path / "out")
    assert (code, complaints) == (0, "")
    path = tmp_path / "out" / "openpcdet.pth"
    assert said == f"backbone_3d for OpenPCDet: {path}\n"
    stored = torch.load(path, weights_only=True)["model_state"]
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    assert stored.keys() == {
        f"backbone_3d.{layer}.{name}" for layer in LAYERS for name in ("0.weight", *(f"1.{each}" for each in norm))
    }
    own = model.state_dict()
    for layer, shape in LAYERS.items():
        assert stored[f"backbone_3d.{layer}.0.weight"].shape == shape
        for name in ("0.weight", "1.running_var"):
            assert torch.equal(stored[f"backbone_3d.{layer}.{name}"], own[f"{layer}.{name}"])


def test_what_cannot_be_exported(run: Run, tiny_weights: Path, tmp_path: Path) -> None:
    words = ("export", "--weights", tiny_weights, "--out", tmp_path / "out")
    refuses(run, *words, told="OpenPCDet's detectors stand on a VoxelNet; these weights are a MinkUNet's")
    for name in ("onnx", "pt2"):
        refuses(run, *words, "--format", "openpcdet", name, told=f"{name}: a sparse network computes where points are")
    assert not (tmp_path / "out").exists()
