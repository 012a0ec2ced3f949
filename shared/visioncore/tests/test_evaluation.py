"""What evaluations of images have in common: tables, means, and results that any tool made."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from visioncore.commands.evaluation import check_one_given
from visioncore.errors import InputError
from visioncore.metrics.evaluation import ImageEvaluation, Measured, check_protocols, find_results, finite_mean


def evaluation() -> ImageEvaluation:
    return ImageEvaluation(
        [
            Measured({"set": "a", "image": "1.png"}, {"psnr": 20.0}, {"psnr": 30.0}),
            Measured({"set": "b", "image": "2.png"}, {"psnr": math.inf}, {"psnr": 40.0, "ssim": 0.5}),
        ],
        "a filter",
    )


def test_tables_means_and_report(tmp_path: Path) -> None:
    result = evaluation()
    assert result.metrics == ["psnr", "ssim"]
    table = result.table()
    assert list(table.columns) == ["set", "image", "psnr_before", "ssim_before", "psnr", "ssim"]
    assert table.rows[0] == ("a", "1.png", 20.0, None, 30.0, None)
    assert result.means()["psnr_before"] == 20
    assert result.means()["psnr"] == 35
    assert result.infinite == 1
    result.save(tmp_path)
    names = ["per_image.csv", "per_image.md", "report.json", "summary.csv", "summary.md"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["images"], report["after_by"]) == (2, "a filter")


def test_means_leave_infinite_values_out_and_nothing_else() -> None:
    assert finite_mean([1, math.inf, 3, None]) == 2
    assert finite_mean([math.inf, None]) == math.inf
    assert math.isnan(finite_mean([None]))
    assert math.isnan(finite_mean([1, math.nan]))


def test_protocols() -> None:
    assert check_protocols(["b"], ("a", "b")) == ("b",)
    for wanted, told in ((["c", "a"], "unknown protocol c; known are a, b"), ([], r"unknown protocol \(none\)")):
        with pytest.raises(InputError, match=told):
            check_protocols(wanted, ("a", "b"))


def test_results_are_found_where_they_may_be(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("1.png", "sub/2.png", "2.png"):
        (tmp_path / name).touch()
    places = {"1": ["1.tif", "1.png"], "2": ["sub/2.png", "2.png"]}
    assert find_results(tmp_path, places) == {"1": tmp_path / "1.png", "2": tmp_path / "sub" / "2.png"}
    with pytest.raises(InputError, match="no result for 1 of 2 images: 3"):
        find_results(tmp_path, {"1": ["1.png"], "3": ["3.png"]})
    with pytest.raises(InputError, match=r"1\.png: 2 cases would be measured by it; name masks as the cases: 1, 3"):
        find_results(tmp_path, {"1": ["1.png"], "3": ["1.png"]}, "mask", "case")
    with pytest.raises(InputError, match="no such folder of masks"):
        find_results(tmp_path / "none", places, "mask")


def test_one_of_several_options() -> None:
    check_one_given(weights="demo", results="")
    for given in ({"weights": "", "results": ""}, {"weights": "demo", "results": "made"}):
        with pytest.raises(InputError, match="give either --weights or --results"):
            check_one_given(**given)
