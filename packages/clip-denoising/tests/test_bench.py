"""The measurements of time and memory, on a network that takes no time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clip_denoising.bench import bench
from visioncore.errors import InputError


def test_paths_sizes_and_precisions_are_measured_in_turns(tiny_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "bench.json"
    table = bench(tiny_weights, out, sizes=(32, 64), dtypes=("float32", "bfloat16"), device="cpu", rounds=2)
    rows: list[dict[str, Any]] = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [(row["path"], row["size"], row["dtype"]) for row in rows] == [
        (path, size, dtype)
        for size in (32, 64)
        for path, dtype in (("plain", "float32"), ("fast float32", "float32"), ("fast bfloat16", "bfloat16"))
    ]
    for row in rows:
        assert row["ms"] > 0
        assert row["images_per_s"] == pytest.approx(1000 / row["ms"])
        assert row["peak_extra_mb"] >= 0
        assert (row["psnr_to_plain"] is None) == (row["path"] == "plain")
        assert (row["ratio_to_plain"] == 1) == (row["path"] == "plain")
    accuracy = {row["path"]: row["psnr_to_plain"] for row in rows}
    assert accuracy["fast float32"] > 100 > accuracy["fast bfloat16"] > 20
    report = json.loads(out.read_text())
    assert report["rows"] == rows
    assert report["network"] == str(tiny_weights)
    assert report["device"] == "cpu"
    assert report["rounds"] == 2
    assert report["threads"] >= 1
    assert report["multiply_accumulates_256"] > 1e8
    assert "processor" in report["machine"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"sizes": (40,)}, "size is 40"),
        ({"rounds": 0}, "rounds is 0"),
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


def test_a_place_that_cannot_be_written_is_told_first(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write in this folder"):
        bench("no weights are looked for", tmp_path / "file" / "bench.json", device="cpu")
