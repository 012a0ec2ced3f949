"""The measurements of time and memory, on a network that takes no time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hsam_medseg.evaluation import speed
from hsam_medseg.evaluation.speed import bench
from visioncore.errors import InputError


@pytest.fixture(autouse=True)
def small_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "SIDE", 48)


def test_paths_and_works_are_measured_in_turns(tiny_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "bench.json"
    table, file = bench(tiny_weights, out, device="cpu", rounds=2, batch=2, slices=3, training=True)
    rows: list[dict[str, Any]] = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    paths = [("reference", "float32"), ("fast", "float32"), ("fast", "bfloat16")]
    assert [(row["work"], row["path"], row["dtype"], row["batch"]) for row in rows] == [
        *(("slice", *path, 1) for path in paths),
        *(("volume", *path, 2) for path in paths),
        ("training", "kept", "float32", 1),
        ("training", "recomputed", "float32", 1),
    ]
    for row in rows:
        assert row["ms"] > 0
        assert row["slices_per_s"] == pytest.approx(1000 / row["ms"])
        assert row["extra_mb"] > 0
        assert (row["ratio"] == 1) == (row["path"] == "reference")
        assert (row["dice"] is None) == (row["path"] == "reference" or row["work"] == "training")
    found = {(row["work"], row["path"], row["dtype"]): row for row in rows}
    for work in ("slice", "volume"):
        assert found[work, "fast", "float32"]["dice"] == pytest.approx(1)
        assert 0 < found[work, "fast", "bfloat16"]["dice"] <= 1
    kept, recomputed = (found["training", name, "float32"]["extra_mb"] for name in ("kept", "recomputed"))
    assert recomputed < kept
    report = json.loads(out.read_text())
    assert report["rows"] == rows
    assert file is not None
    assert [row["part"] for row in report["file"]] == ["start", "read", "predict", "write"]
    assert report["network"] == str(tiny_weights)
    assert report["config"]["image_size"] == 64
    assert report["device"] == "cpu"
    assert report["rounds"] == 2
    assert report["volume"] == [3, 48, 48]
    assert report["threads"] >= 1
    assert report["operations"] > 1e6
    assert "processor" in report["machine"]


def test_a_network_by_name(tmp_path: Path) -> None:
    table = bench("vit_micro-32", tmp_path / "bench.json", dtypes=(), device="cpu", rounds=1, slices=1).network
    assert [row[:4] for row in table.rows] == [
        ("slice", "reference", "float32", 1),
        ("volume", "reference", "float32", 1),
    ]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"rounds": 0}, "rounds is 0"),
        ({"batch": 0}, "batch is 0"),
        ({"slices": 0}, "slices is 0"),
        ({"dtypes": ("half",)}, "unknown precision 'half'"),
        ({"device": "gpu"}, "unknown device"),
    ],
)
def test_what_cannot_be_measured_is_told(
    tiny_weights: Path, tmp_path: Path, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        bench(tiny_weights, tmp_path / "bench.json", **options)
    assert list(tmp_path.iterdir()) == []
