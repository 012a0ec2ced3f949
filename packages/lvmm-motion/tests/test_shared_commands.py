"""The shared commands' view of the networks: operations counted, measured, exported, converted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from golden_networks import SMALL

from lvmm_motion.method import METHOD
from lvmm_motion.network.config import VARIANTS, AnimationConfig, Config, FrameUNetConfig, MotionUNetConfig
from lvmm_motion.network.model import LVMM
from lvmm_motion.network.published import to_published
from visioncore.commands.bench import bench
from visioncore.commands.description import measure
from visioncore.commands.export import export
from visioncore.commands.info import as_text, capabilities
from visioncore.testing.suites.base import Run, refuses

MOTION = MotionUNetConfig(width=8, multiples=(1, 2), context=16)
FRAME = FrameUNetConfig(width=8, multiples=(1, 2), channels=64, outputs=32, context=32)
ANIMATION = AnimationConfig(SMALL, MOTION, None, frames=8, keep=3, size=8)
PACKAGE = "lvmm_motion"


@pytest.mark.parametrize(
    ("variant", "parameters", "operations"),
    [("autoencoder-webvid", 193.2e6, 622.6e9), ("motion", 25.32e6, 62.6e9), ("frame", 22.48e6, 187.4e9)],
)
def test_operations_are_counted(variant: str, parameters: float, operations: float) -> None:
    size = measure(METHOD, VARIANTS[variant])
    assert size.parameters == pytest.approx(parameters, rel=1e-3)
    assert 2 * size.multiply_accumulates == pytest.approx(operations, rel=1e-2)


def test_info_of_every_variant() -> None:
    for variant in METHOD.network.variants:
        assert as_text(capabilities(METHOD, variant)).startswith("LVMM: animate a still image\n")


@pytest.mark.parametrize("config", [SMALL, MOTION, FRAME, ANIMATION])
def test_bench_compares_both_paths(config: Config, tmp_path: Path) -> None:
    LVMM(config).save_pretrained(tmp_path / "model")
    tables = bench(METHOD, tmp_path / "model", tmp_path / "bench.json", dtypes=("float32",), device="cpu", rounds=1)
    reference, fast = tables.network.rows
    assert reference[0] == "reference"
    # regions of an untrained network are round, and rounding turns their axes
    assert float(str(fast[-1])) < (1e-4 if config in (MOTION, FRAME) else 2e-2)


@pytest.mark.parametrize(("config", "format"), [(SMALL, "pt2"), (SMALL, "onnx"), (MOTION, "onnx"), (MOTION, "pt2")])
def test_exported_files_compute_the_same(config: Config, format: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    (error,) = export(METHOD, LVMM(config).eval(), tmp_path, formats=[format]).values()
    # rounding of the regions' axes becomes a shift of colours
    assert error < (5e-4 if config == SMALL else 1e-4)


def test_convert(run: Run, tmp_path: Path) -> None:
    model = LVMM(SMALL)
    torch.save({"global_step": 3, "state_dict": to_published(SMALL, model.state_dict())}, tmp_path / "RegionMM.pth")
    code, said, _ = run("convert", tmp_path / "RegionMM.pth", "--out", tmp_path / "ours")
    assert code == 0
    assert str(tmp_path / "ours") in said
    again = LVMM.from_pretrained(tmp_path / "ours")
    assert again.config == SMALL
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())


def test_convert_refuses_values_that_are_not_finite(run: Run, tmp_path: Path) -> None:
    state = to_published(SMALL, LVMM(SMALL).state_dict())
    state["generator.final.bias"][1] = torch.nan
    torch.save({"state_dict": state}, tmp_path / "RegionMM.pth")
    told = "RegionMM.pth: NaN or infinite values in generator.final.bias;"
    refuses(run, "convert", tmp_path / "RegionMM.pth", "--out", tmp_path / "ours", told=told)
    assert not (tmp_path / "ours").exists()
