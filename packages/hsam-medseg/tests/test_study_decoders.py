"""The study of decoders, with two steps: it is resumed, its arms are alike, and its table says what was measured."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hsam_medseg import HSAM, HSAMConfig, load_model
from hsam_medseg.data import synthetic
from hsam_medseg.inference.predictor import Predictor
from hsam_medseg.network.linear_decoder import LinearDecoder

TINY = ("model.image_size=32", "model.decoder_width=16", "model.decoder_mlp=16", "data.volumes=2", "data.held_out=0",
        "loop.batch_size=2", "loop.warmup_steps=0")  # fmt: skip


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(Path(__file__).parents[1] / "docs" / "study_decoders.py"))


def test_a_study_is_resumed_and_tabulated(script: dict[str, Any], tmp_path: Path) -> None:
    def study(*more: str) -> list[tuple[Any, ...]]:
        script["main"](["--out", str(tmp_path), "--steps", "2", "--volumes", "1", "--shares", "1", *more,
                        "--set", *TINY])  # fmt: skip
        entries = map(json.loads, (tmp_path / "results.jsonl").open())
        return [(entry["decoder"], entry["seed"]) for entry in entries]

    assert study("--seeds", "0", "--decoders", "linear") == [("linear", 0)]
    before = (tmp_path / "results.jsonl").read_text()
    found = study("--seeds", "0", "1", "--decoders", "hierarchical", "linear")
    assert found == [("linear", 0), ("hierarchical", 0), ("hierarchical", 1), ("linear", 1)]
    assert (tmp_path / "results.jsonl").read_text().startswith(before)
    assert load_model(tmp_path / "linear-1-1-2-usual" / "last").config.decoder == "linear"
    rows = (tmp_path / "table.md").read_text().splitlines()
    assert rows[0] == "| labels | decoder | Dice | large | medium | small | tiny | hierarchy ahead by | seeds |"
    assert [row.split(" | ")[1] for row in rows[2:]] == ["linear", "hierarchical"]


def test_the_table_pairs_seeds(script: dict[str, Any]) -> None:
    runs = {("hierarchical", 0): 0.8, ("hierarchical", 1): 0.7, ("sam", 0): 0.75, ("sam", 1): 0.6, ("sam", 2): 0.1}
    results = [
        {"decoder": decoder, "share": 0.03, "seed": seed, "steps": 1, "dice": {"organ": dice}, "mean": dice}
        for (decoder, seed), dice in runs.items()
    ]
    rows = script["table"](results).splitlines()
    assert rows[2] == "| 3% | hierarchical | 0.750 ± 0.071 | 0.750 |  | 2 |"
    assert rows[3] == "| 3% | sam | 0.483 ± 0.340 | 0.483 | +0.075 ± 0.035 | 3 |"


def test_data_and_test_go_together(script: dict[str, Any], tmp_path: Path, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        script["main"](["--out", str(tmp_path / "out"), "--data", str(tmp_path)])
    assert "--data and --test go together" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_atlas_is_measured_beside_networks(script: dict[str, Any], tmp_path: Path, capsys: Any) -> None:
    arguments = ["--out", str(tmp_path), "--steps", "2", "--volumes", "2", "--shares", "1", "--seeds", "0"]
    script["main"]([*arguments, "--decoders", "atlas", "--set", "model.image_size=64", "data.volumes=2"])
    (line,) = map(json.loads, (tmp_path / "results.jsonl").open())
    assert line["decoder"] == "atlas"
    assert min(line["dice"].values()) > 0.2
    assert 0.7 < line["dice"]["large"] < 0.95
    with pytest.raises(SystemExit):
        script["main"]([*arguments, "--decoders", "atlas", "--data", str(tmp_path), "--test", str(tmp_path)])
    assert "learns from synthetic volumes alone" in capsys.readouterr().err


def test_sizes_of_organs_are_varied(
    script: dict[str, Any], tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthetic, "ORGANS", synthetic.ORGANS)  # is as it was after this test
    shares = {}
    for sizes in ("even", "steep", "usual"):
        script["main"](["--out", str(tmp_path), "--steps", "1", "--volumes", "1", "--shares", "1", "--seeds", "0",
                        "--decoders", "linear", "--sizes", sizes, "--set", *TINY])  # fmt: skip
        labels = np.stack([synthetic.synthetic_volume(seed)[1] for seed in range(12)])
        voxels = np.bincount(labels.ravel(), minlength=5)
        shares[sizes] = voxels[1:] / voxels[2]
    assert [json.loads(line)["sizes"] for line in (tmp_path / "results.jsonl").open()] == ["even", "steep", "usual"]
    assert abs(np.log(shares["even"])).max() < np.log(1.2)
    assert shares["steep"][2:] == pytest.approx(0.7**3 * shares["usual"][2:], rel=0.15)
    with pytest.raises(SystemExit):
        script["main"](["--out", str(tmp_path), "--sizes", "even", "--decoders", "linear",
                        "--data", str(tmp_path), "--test", str(tmp_path)])  # fmt: skip
    assert "--sizes is of synthetic volumes" in capsys.readouterr().err


def test_the_linear_head_sees_one_position_alone() -> None:
    torch.manual_seed(0)
    head = LinearDecoder(3, 16, 0, 2)
    image = torch.randn(2, 4, 16)
    logits = head(image, torch.empty(0)).logits
    assert logits.shape == (2, 3, 8, 8)
    image[:, 1] += 1  # the upper right
    changed = (head(image, torch.empty(0)).logits != logits).any(dim=(0, 1))
    assert changed[:4, 4:].all()
    assert not changed[4:].any()
    assert not changed[:, :4].any()


def test_a_linear_network_predicts(tmp_path: Path) -> None:
    config = HSAMConfig(backbone="vit_micro", image_size=32, classes=("one",), lora_rank=0, train_encoder=True,
                        decoder="linear", decoder_width=16, decoder_mlp=16)  # fmt: skip
    HSAM(config).save_pretrained(tmp_path)
    predictor = Predictor(load_model(tmp_path), "cpu", window="range", notify=lambda _: None)
    assert predictor.segment(torch.rand(2, 20, 20).numpy()).shape == (2, 20, 20)
