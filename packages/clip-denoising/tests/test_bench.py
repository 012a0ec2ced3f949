"""The measurements of time and memory, on a network that takes no time."""

from __future__ import annotations

import json
from pathlib import Path

from clip_denoising.cli import bench


def test_the_paths_and_what_is_said_of_them(tiny_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "bench.json"
    bench(tiny_weights, out, sizes=(32, 64), device="cpu", rounds=1)
    report = json.loads(out.read_text())
    paths = (("reference", "float32"), ("fast float32", "float32"), ("fast bfloat16", "bfloat16"))
    assert [(row["size"], row["path"], row["dtype"]) for row in report["rows"]] == [
        (size, *path) for size in (32, 64) for path in paths
    ]
    accuracy = {row["path"]: row["psnr_to_reference"] for row in report["rows"]}
    assert accuracy["fast float32"] > 100 > accuracy["fast bfloat16"] > 20
    assert report["network"] == str(tiny_weights)
    assert report["multiply_accumulates"] > 1e8
