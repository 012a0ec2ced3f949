"""Tables, JSON and figures: what is written can be read back, and nothing is left half written."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visioncore.errors import InputError
from visioncore.report import DemoReport, Table, figure_grid, html_page, label_font, print_table, write_json


@pytest.fixture
def table() -> Table:
    table = Table(("image", "PSNR", "pixels"))
    table.add("a|b.png", 33.456789, 1024)
    table.add("c, d.png", float("inf"), 12345678)
    table.add("mean", 0.05, None)
    return table


def test_markdown(table: Table) -> None:
    assert table.markdown() == (
        "| image | PSNR | pixels |\n"
        "| --- | ---: | ---: |\n"
        "| a\\|b.png | 33.46 | 1024 |\n"
        "| c, d.png | inf | 12345678 |\n"
        "| mean | 0.05 |  |\n"
    )


def test_large_numbers_are_not_in_powers_of_ten() -> None:
    table = Table(("n",))
    table.add(1234567.8)
    assert "| 1234568 |" in table.markdown()


def test_html() -> None:
    table = Table(("<b>", "PSNR"))
    table.add('a & "b" <script>', 28.123456)
    table.add("c", None)
    assert table.html() == (
        "<table>\n<tr><th>&lt;b&gt;</th><th>PSNR</th></tr>\n"
        "<tr><td>a &amp; &quot;b&quot; &lt;script&gt;</td><td>28.12</td></tr>\n"
        "<tr><td>c</td><td></td></tr>\n</table>\n"
    )


def test_page_escapes_its_titles() -> None:
    page = html_page("a <b>", "c & d", "<article>e</article>")
    assert "<title>a &lt;b&gt;</title>" in page
    assert "<h1>a &lt;b&gt;</h1>" in page
    assert "c &amp; d" in page
    assert "<article>e</article>" in page


def test_csv_keeps_full_precision(table: Table, tmp_path: Path) -> None:
    table.save(tmp_path / "sub" / "result.v1")
    assert (tmp_path / "sub" / "result.v1.md").read_text() == table.markdown()
    with (tmp_path / "sub" / "result.v1.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["image", "PSNR", "pixels"]
    assert rows[1] == ["a|b.png", "33.456789", "1024"]
    assert rows[2][0] == "c, d.png"


def test_rows_must_fit_the_columns(table: Table) -> None:
    with pytest.raises(ValueError, match="image, PSNR, pixels"):
        table.add("only one")


def test_print_shows_text_as_it_is(table: Table, capsys: pytest.CaptureFixture[str]) -> None:
    table.add("[red]x[/red]", 1.0, 1)
    print_table(table, title="Results")
    out = capsys.readouterr().out
    for part in ("Results", "33.46", "[red]x[/red]"):
        assert part in out


def test_json_is_valid_for_everything_measured(tmp_path: Path) -> None:
    values: Mapping[str, Any] = {
        "psnr": float("inf"),
        "low": -float("inf"),
        "nan": float("nan"),
        "array": np.array([1.5, np.inf]),
        "scalar": np.float32(2),
        "path": Path("a/b"),
        "nested": {"list": (1, True, None)},
        "report": DemoReport("m", "h", {"x": 1.0}, Path("f.png"), 2.0),
    }
    write_json(tmp_path / "r.json", values)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    assert json.loads((tmp_path / "r.json").read_text(), parse_constant=refuse) == {
        "psnr": "Infinity",
        "low": "-Infinity",
        "nan": None,
        "array": [1.5, "Infinity"],
        "scalar": 2.0,
        "path": "a/b",
        "nested": {"list": [1, True, None]},
        "report": {"method": "m", "headline": "h", "measured": {"x": 1.0}, "figure": "f.png", "seconds": 2.0},
    }


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.json"
    path.write_text("old")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InputError, match="No space left"):
        write_json(path, {"new": 1})
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_figure_shows_the_images(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")
    red = np.zeros((30, 40, 3), np.uint8)
    red[..., 0] = 255
    green = np.zeros((30, 40, 3))
    green[..., 1] = 1.0
    white = np.full((30, 40), 65535, np.uint16)
    path = tmp_path / "new" / "figure.png"
    pyplot_was_there = "matplotlib.pyplot" in sys.modules
    figure_grid([("red", red), ("green", green), ("white", white)], path, title="Colours")
    with pillow.open(path) as figure:
        pixels = np.asarray(figure.convert("RGB")).reshape(-1, 3)
    for colour in ((255, 0, 0), (0, 255, 0)):
        assert (pixels == colour).all(axis=1).mean() > 0.15
    assert ("matplotlib.pyplot" in sys.modules) == pyplot_was_there
    assert [file.name for file in path.parent.iterdir()] == ["figure.png"]


def test_figure_wraps_into_rows(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")
    panels = [(str(index), np.zeros((8, 8))) for index in range(5)]
    sizes = []
    for columns in (5, 2):
        figure_grid(panels, tmp_path / "figure.png", columns=columns)
        with pillow.open(tmp_path / "figure.png") as figure:
            sizes.append(figure.size)
    assert sizes[0][0] > sizes[0][1] * 3
    assert sizes[1][1] > sizes[1][0]


def test_figure_without_panels(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no image"):
        figure_grid([], tmp_path / "figure.png")


def test_figure_in_no_format(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("figure", "figure.txt"):
        with pytest.raises(InputError, match=r"a figure is written as \.png"):
            figure_grid([("black", np.zeros((8, 8)))], tmp_path / "new" / name)
    assert not (tmp_path / "new").exists()


def test_demo_report_names_its_figure_relative_to_itself(tmp_path: Path) -> None:
    report = DemoReport("a-method", "Better by 5 dB", {"gain": 5.0}, tmp_path / "figures" / "demo.png", 3.25)
    path = report.save(tmp_path)
    assert path == tmp_path / "report.json"
    assert json.loads(path.read_text()) == {
        "method": "a-method",
        "headline": "Better by 5 dB",
        "measured": {"gain": 5.0},
        "figure": "figures/demo.png",
        "seconds": 3.25,
    }


def test_the_font_of_labels_has_letters_of_many_languages_and_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.font_manager", None)
    large, small = label_font(30), label_font(15.5)
    shapes = {bytes(large.getmask(letter)) for letter in "Aéλж\uffff"}
    assert len(shapes) == 5
    assert large.getlength("liver") > 1.8 * small.getlength("liver")


def test_a_font_that_lies_elsewhere_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visioncore.report.fonts.find_spec", lambda name: None)
    assert label_font(15).getname()[0] == "DejaVu Sans"
