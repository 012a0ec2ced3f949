"""The statistics of rain, on images of which they are known."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nerdrain_derain.data.pairs import find_pairs
from visioncore.images import Image, read_image, write_image

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(DOCS / "rain_statistics.py"))


def test_bars_are_measured(script: dict[str, Any]) -> None:
    image = np.full((64, 64, 3), script["GREY"], np.float32)
    image[20:40, 10:14] += 0.5  # 20 long and 4 wide
    found = dict(zip(script["NAMES"], script["statistics"](image), strict=True))
    assert found["mean"] == pytest.approx(0.5 * 80 / 64**2, rel=1e-4)
    assert found["covered"] == pytest.approx(80 / 64**2)
    assert found["bright"] == pytest.approx(0.5, rel=1e-4)
    assert found["slant"] == pytest.approx(0, abs=0.1)
    assert found["aligned"] > 0.6
    assert (found["across"], found["along"]) == pytest.approx((2, 10), abs=0.5)
    turned = dict(zip(script["NAMES"], script["statistics"](image.swapaxes(0, 1).copy()), strict=True))
    assert turned["slant"] == pytest.approx(90, abs=0.1)


def test_coverage_counts_what_is_inside(script: dict[str, Any]) -> None:
    ours = np.tile(np.arange(101.0)[:, None], len(script["NAMES"]))
    other = np.stack([np.full(len(script["NAMES"]), value) for value in (-5.0, 50.0)])
    other[1, 0] = 500
    row = script["coverage"]({"ours": ours}, {"other": other}).splitlines()[2]
    assert row == "| ours | other | 0% | 50% | 50% | 50% | 50% | 50% | 50% | 0% |"


def test_tables_of_recipes_and_of_images_by_any_tool(script: dict[str, Any], tmp_path: Path) -> None:
    for number in range(2):
        values = 76 + 100 * (np.random.default_rng(number).random((64, 64, 1)) < 0.02)
        write_image(tmp_path / "other" / "drops" / f"{number}.png", Image(np.tile(values, 3).astype(np.uint8)))
    script["main"](["--recipes", "demo", "--count", "2", "--other", str(tmp_path / "other"),
                    "--out", str(tmp_path / "table.md")])  # fmt: skip
    text = (tmp_path / "table.md").read_text()
    assert [row.split(" | ")[0] for row in text.splitlines() if row.startswith(("| demo", "| editor", "| drops"))] == [
        "| demo", "| editor, light", "| editor, medium", "| editor, heavy", "| drops", *["| demo"] * 4
    ]  # fmt: skip


def test_pairs_of_each_kind_of_rain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clean = np.full((33, 48, 3), 76, np.uint8)
    write_image(tmp_path / "photos" / "a.png", Image(clean))
    monkeypatch.syspath_prepend(DOCS)
    main = runpy.run_path(str(DOCS / "rain_kinds.py"))["main"]
    main(["--photos", str(tmp_path / "photos"), "--recipes", "demo", "--out", str(tmp_path / "kinds")])
    rainy = {path.name: read_image(path / "input" / "a.png").pixels for path in (tmp_path / "kinds").iterdir()}
    assert sorted(rainy) == ["demo", "dry", "editor-heavy", "editor-light", "editor-medium"]
    assert all((read_image(tmp_path / "kinds" / kind / "target" / "a.png").pixels == clean).all() for kind in rainy)
    added = {kind: np.mean(pixels - 76.0) for kind, pixels in rainy.items()}
    assert added["dry"] == 0 < added["editor-light"] < added["editor-medium"] < added["editor-heavy"]
    assert added["demo"] > 0


def test_rain_of_a_library_falls_on_each_photo_asked_for(tmp_path: Path) -> None:
    script = runpy.run_path(str(DOCS / "library_rain.py"))
    assert set(script["LIBRARIES"]) == {"albumentations", "kornia", "imgaug", "straug"}
    script["LIBRARIES"]["imgaug"] = lambda: {"heavy": lambda photo: photo + np.uint8(9)}
    for number in range(3):
        photo = Image(np.full((8, 6, 3), 10 * number, np.uint8))
        write_image(tmp_path / "photos" / f"{number}.png", photo)
    arguments = ["--library", "imgaug", "--photos", str(tmp_path / "photos"), "--every", "2", "--out"]
    script["main"]([*arguments, str(tmp_path / "kinds")])
    pairs = find_pairs(tmp_path / "kinds" / "imgaug-heavy")
    assert [rainy.name for rainy, _ in pairs] == ["0.png", "2.png"]
    values = [[int(read_image(path).pixels.mean()) for path in pair] for pair in pairs]
    assert values == [[9, 0], [29, 20]]
