"""The measurements of time and memory, on a network that takes no time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nerdrain_derain.cli import bench
from visioncore.errors import InputError


def test_the_paths_and_what_is_said_of_them(tiny_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "bench.json"
    bench(tiny_weights, out, sizes=(16, 32), device="cpu", rounds=1)
    report = json.loads(out.read_text())
    paths = (("reference", "float32"), ("fast float32", "float32"), ("fast bfloat16", "bfloat16"))
    assert [(row["size"], row["path"], row["dtype"]) for row in report["rows"]] == [
        (size, *path) for size in (16, 32) for path in paths
    ]
    accuracy = {row["path"]: row["psnr_to_reference"] for row in report["rows"]}
    assert accuracy["fast float32"] > 100 > accuracy["fast bfloat16"] > 20
    assert report["network"] == str(tiny_weights)
    assert report["multiply_accumulates"] > 1e8


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"sizes": (12,)}, "size is 12"),
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
