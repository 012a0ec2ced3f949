"""Glances of a drive: from frames to glances, their measures, figures and report, and the commands of calibrations."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from gazedptr_gaze.cli import main
from gazedptr_gaze.data.conventions import official_vectors
from gazedptr_gaze.data.zones import COARSE_ZONES
from gazedptr_gaze.evaluation import glance_figures
from gazedptr_gaze.evaluation.glance_tables import dwell_table, glance_table, off_road_table, summary, transition_table
from gazedptr_gaze.evaluation.glances import Drive, GlanceOptions, find_glances
from gazedptr_gaze.inference.bias import read_bias
from gazedptr_gaze.inference.records import FrameGaze, read_all_records, write_records
from gazedptr_gaze.inference.zones import read_zones
from visioncore.testing.refusals import one_line

STEP = 0.1
ROAD, RIGHT, MIRROR, WHEEL = 8, 9, 2, 5
NAMES = {"w": ROAD, "r": RIGHT, "m": MIRROR, "s": WHEEL}


def frames(signs: str, source: str = "a.mp4", cabin: bool = False) -> list[FrameGaze]:
    """A record for each sign, 0.1 s apart: w, r, m, s are zones, - has no face, ? no zone, and a space is no frame."""
    found = []
    for frame, sign in enumerate(signs):
        if sign in "-?":
            found.append(FrameGaze(source, frame, frame * STEP, -1 if sign == "-" else 0))
        elif sign != " ":
            vector = tuple(official_vectors([NAMES[sign] / 10, frame / 100]))
            zone = {"cabin_zone": f"own {sign}"} if cabin else {"region": NAMES[sign]}
            found.append(FrameGaze(source, frame, frame * STEP, 0, vector=vector, **zone))
    return found


def glances(drive: Drive) -> str:
    """The glances as text: zone, first and last frame."""
    letters = {COARSE_ZONES[zone]: sign for sign, zone in NAMES.items()}
    spans = (f"{round(g.start / STEP)}-{round(g.end / STEP) - 1}" for g in drive.glances)
    return " ".join(f"{letters[g.zone]}{span}" for g, span in zip(drive.glances, spans, strict=True))


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        ("wwwmmm", "w0-2 m3-5"),
        # too short a stay is the way to the next zone, and back to the same one it changes nothing
        ("wwwsmmm", "w0-2 m3-6"),
        ("wwwsmrrr", "w0-2 r3-7"),
        ("wwwswww", "w0-6"),
        ("swww", "w0-3"),
        # at the end, or before a break, gaze is on its way nowhere
        ("wwws", "w0-3"),
        ("wwws-----mm", "w0-3 m9-10"),
        ("www--s--mmm", "w0-2 m8-10"),
        ("s", ""),
        # a blink does not break a glance, anything longer does
        ("www---www", "w0-8"),
        ("www----www", "w0-2 w7-9"),
        ("www?-?www", "w0-8"),
        ("www---mmm", "w0-2 m6-8"),
        ("------", ""),
        # frames that are missing are time without data, not a long look at the last zone
        ("www      mmm", "w0-2 m9-11"),
        ("www    www", "w0-2 w7-9"),
        ("www  www", "w0-7"),
    ],
)
def test_glances_of_frames(signs: str, expected: str) -> None:
    records = [*frames(signs), *frames("rrrr", "b.mp4")]
    if len(records) == 5:
        records += [FrameGaze("a.mp4", 1, STEP)]
    drive = find_glances(records)
    assert glances(drive) == f"{expected} r0-3".strip()
    counted = drive.glance_seconds
    assert 0 <= counted <= drive.seconds + 1e-9


def test_shortest_and_bridged_are_options() -> None:
    records = frames("wwwsmmm--mm")
    assert glances(find_glances(records, GlanceOptions(shortest=0))) == "w0-2 s3-3 m4-10"
    assert glances(find_glances(records, GlanceOptions(shortest=0, bridged=0))) == "w0-2 s3-3 m4-6 m9-10"
    assert glances(find_glances(records, GlanceOptions(shortest=0.25, bridged=0))) == "w0-2 m3-6"


def test_other_faces_do_not_count() -> None:
    passenger = [FrameGaze("a.mp4", i, i * STEP, 1, region=WHEEL) for i in range(8)]
    both = [*frames("wwww--ww"), *passenger]
    for records in (both, both[::-1]):
        drive = find_glances(records)
        assert glances(drive) == "w0-7"
        assert (drive.frames, drive.without_face) == (8, 2)
    assert glances(find_glances(both, GlanceOptions(face=1))) == "s0-7"


def test_measures() -> None:
    signs = "w" * 10 + "m" * 5 + "s" * 25 + "r" * 20 + "-" * 10 + "m" * 10 + "?" * 5 + "w" * 15
    drive = find_glances([*frames(signs), *frames("m" * 50, "b.mp4")])
    found = summary(drive)
    assert found["s"] == pytest.approx(15)
    assert found["s_without_data"] == pytest.approx(1.5)
    assert (found["frames"], found["glances"], found["transitions"]) == (150, 7, 3)
    assert found["percent_frames_without_face"] == pytest.approx(100 * 10 / 150)
    assert found["percent_frames_without_zone"] == pytest.approx(100 * 5 / 150)
    assert found["eyes_off_road_s"] == pytest.approx(9)
    assert found["eyes_off_road_percent"] == pytest.approx(100 * 9 / 13.5)
    # mirror and wheel in one go, the mirror after a break, and that of another source
    assert [g.duration for g in drive.off_road()] == pytest.approx([3, 1, 5])
    assert (found["longest_off_road_s"], found["mean_off_road_s"]) == pytest.approx((5, 3))
    assert (found["times_off_road"], found["times_off_road_over_2_s"]) == (3, 2)
    rows = {row[0]: row[1:] for row in dwell_table(drive).rows}
    assert list(rows) == list(COARSE_ZONES)
    minutes = 13.5 / 60
    assert rows["rear-view mirror"] == pytest.approx(("no", 3, 6.5, 6.5 / 3, 5, 100 * 6.5 / 13.5, 3 / minutes))
    assert rows["left-side windshield"] == pytest.approx(("yes", 2, 2.5, 1.25, 1.5, 100 * 2.5 / 13.5, 2 / minutes))
    assert rows["handbrake"] == ("no", 0, 0, None, None, 0, 0)
    table = transition_table(drive)
    assert table.columns == ("from", *(COARSE_ZONES[zone] for zone in (MIRROR, WHEEL, ROAD, RIGHT)))
    assert [row[1:] for row in table.rows] == [(0, 1, 0, 0), (0, 0, 0, 1), (1, 0, 0, 0), (0, 0, 0, 0)]
    assert [row[2] for row in off_road_table(drive, most=2).rows] == pytest.approx([5, 3])
    assert glance_table(drive).rows[1] == ("a.mp4", "rear-view mirror", 1, 1.5, pytest.approx(0.5))


def test_glances_off_the_road_go_on_over_a_blink() -> None:
    drive = find_glances(frames("ww" + "m" * 10 + "--" + "s" * 10 + "ww"))
    assert [g.duration for g in drive.off_road()] == pytest.approx([2.2])
    assert summary(drive)["eyes_off_road_s"] == pytest.approx(2)
    assert drive.transitions()[MIRROR, WHEEL] == 1


def test_another_road() -> None:
    drive = find_glances(frames("wwwmmmsss"), GlanceOptions(("rear-view mirror",)))
    assert [g.duration for g in drive.off_road()] == pytest.approx([0.3, 0.3])


def test_zones_of_an_own_cabin() -> None:
    drive = find_glances(frames("wwwmmm", cabin=True), GlanceOptions(("own w",)), ["elsewhere", "own x", "own w"])
    assert drive.names == ("elsewhere", "own x", "own w", "own m")
    assert [g.zone for g in drive.glances] == ["own w", "own m"]
    told = one_line(find_glances, frames("www", cabin=True))
    assert "no zone 'left-side windshield', which should count as the road; there are elsewhere, own w" in told


def test_no_frames_looked_at_anything() -> None:
    drive = find_glances([*frames("---"), *frames("w?", "b.mp4")], GlanceOptions(shortest=0.5))
    assert drive.glances == ()
    found = summary(drive)
    assert (found["eyes_off_road_percent"], found["longest_off_road_s"], found["glances"]) == (0, 0, 0)
    assert transition_table(drive).rows == []


def test_records_that_are_no_drive() -> None:
    assert "no record has a zone" in one_line(find_glances, frames("??-"))
    told = one_line(find_glances, frames("www"), GlanceOptions(face=5))
    assert told == "no record is of face 5; there are 0"
    assert "a.mp4: a single frame; glances need the frames of a video" in one_line(find_glances, frames("w"))
    twice = [*frames("www"), *frames("w")]
    assert "a.mp4: face 0 is twice in frame 0" in one_line(find_glances, twice)
    back = [FrameGaze("a.mp4", i, time, 0, region=8) for i, time in enumerate((0, 0.2, 0.1))]
    assert "a.mp4: time goes from 0.2 to 0.1 s; it should grow with the frames" in one_line(find_glances, back)
    assert "no zone counts as the road" in one_line(GlanceOptions, ())
    assert "shortest is -1; it should be 0 to 10 seconds" in one_line(GlanceOptions, shortest=-1)
    assert "bridged is nan" in one_line(GlanceOptions, bridged=float("nan"))


def test_figures() -> None:
    """Bars stand where the glances are; gaze has gaps where the driver's face is not seen, whoever else is."""
    passenger = [FrameGaze("a.mp4", i, i * STEP, 1, vector=(0, 0, -1), region=WHEEL) for i in range(8)]
    records = [*frames("wwmm--ww"), *passenger]
    drive = find_glances(records, GlanceOptions(bridged=0))
    (axis,) = glance_figures.timeline(drive).axes
    bars = [[path.get_extents().intervalx for path in bars.get_paths()] for bars in axis.collections]
    _, road, mirror = bars
    np.testing.assert_allclose(road, [(0, 0.2), (0.6, 0.8)])
    np.testing.assert_allclose(mirror, [(0.2, 0.4)])
    (axis,) = glance_figures.gaze_over_time(drive, records).axes
    yaw, pitch = (np.asarray(line.get_ydata(), dtype=float) for line in axis.lines)
    np.testing.assert_allclose(yaw[[0, 2]], np.degrees([0.8, 0.2]))
    np.testing.assert_allclose(pitch[3], np.degrees(0.03))
    assert np.isnan(yaw).tolist() == [False] * 4 + [True] * 2 + [False] * 2
    axis = glance_figures.dwell(drive).axes[0]
    assert [bar.get_width() for bar in axis.patches] == pytest.approx([0.4, 0.2])  # type: ignore[attr-defined]
    many = find_glances([record for i in range(25) for record in frames("wwmm", f"{i}.mp4")])
    assert len(glance_figures.timeline(many).axes) == glance_figures.MOST


class Page(HTMLParser):
    """Collects tags, text and whatever a page refers to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.found: list[str] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.found += [value for name, value in attrs if name in ("src", "href", "srcset", "data") and value]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    path = tmp_path / "drive.csv"
    write_records(path, [*frames("wwwmmmss--rrr", "<b>a$\\frac$.mp4"), *frames("wwmm", "b.mp4")])
    return path


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_command_and_report(drive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run("glances", drive, "--out", out, "--shortest", 0.1) == 0
    assert "eyes off the road 0.7 s (46.7 % of all glances), at most 0.5 s at a time" in capsys.readouterr().out
    names = {"dwell.csv", "dwell.md", "transitions.csv", "transitions.md", "glances.csv", "glances.md"}
    assert {path.name for path in out.iterdir()} == names | {"glances.png", "report.html", "report.json"}
    assert len(list(csv.reader((out / "glances.csv").open()))) == 1 + 6
    report = json.loads((out / "report.json").read_text())
    assert report["options"]["shortest"] == 0.1
    assert report["summary"]["glances"] == 6
    page = Page(out / "report.html")
    assert page.tags.count("img") == 4
    assert all(found.startswith("data:image/png;base64,") for found in page.found)
    assert not {"script", "link", "b", "iframe"} & set(page.tags)
    assert "url(" not in (out / "report.html").read_text()
    for text in ("<b>a$\\frac$.mp4", "rear-view mirror", "46.7 %", "left-side windshield, right-side windshield"):
        assert text in page.text


def test_report_of_nothing_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    write_records(path, frames("w---"))
    assert run("glances", path, "--out", tmp_path / "out") == 0
    assert Page(tmp_path / "out" / "report.html").tags.count("img") == 4


def test_command_with_a_cabin(drive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cabin = tmp_path / "cabin.yaml"
    cabin.write_text("zones: {right half: {plane: {point: [100, 0, 0], normal: [1, 0, 0]}}}")
    assert run("calibrate-zones", "--cabin", cabin) == 0
    assert "right half" in capsys.readouterr().out
    words = ["glances", drive, "--cabin", cabin, "--road", "right half", "--out", tmp_path / "out"]
    assert run(*words) == 2
    assert "the gaze has no origin" in capsys.readouterr().err
    placed = tmp_path / "placed.csv"
    write_records(placed, [FrameGaze("a", i, i / 10, 0, vector=(0.6, 0, -0.8), origin=(0, 0, 600)) for i in range(5)])
    words[1] = placed
    assert run(*words) == 0
    assert "right half" in (tmp_path / "out" / "dwell.csv").read_text()


def lists(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_commands_of_calibration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    angles = np.concatenate([rng.normal(centre, 0.05, size=(10, 2)) for centre in (-0.5, 0.5)])
    vectors = official_vectors(angles - (0.1, 0))
    records = tmp_path / "records.csv"
    write_records(records, [FrameGaze("a", i, i / 10, 0, vector=tuple(v)) for i, v in enumerate(vectors)])
    labels = lists(
        tmp_path / "labels.csv", [("frame", "zone"), *((i, "left" if i < 10 else "right") for i in range(20))]
    )
    assert run("calibrate-zones", records, "--labels", labels, "--out", tmp_path / "zones.json") == 0
    assert "2 zones of 20 frames; 100.0 % right" in capsys.readouterr().out
    assert read_zones(tmp_path / "zones.json").names == ("elsewhere", "left", "right")
    targets = lists(tmp_path / "targets.csv", [("frame", "yaw", "pitch"), *((i, *angles[i]) for i in range(8))])
    assert run("calibrate", records, "--targets", targets, "--out", tmp_path / "bias.json") == 0
    told, complaints = capsys.readouterr()
    assert complaints == ""
    assert "bias of 8 points, 0 of them outliers: yaw +5.73, pitch +0.00 degrees" in told
    assert "after, on points left out" in told
    assert read_bias(tmp_path / "bias.json").yaw == pytest.approx(0.1)
    # of other frames: no one offset fits
    others = angles[::-1] - (0.1, 0)
    swapped = lists(tmp_path / "swapped.csv", [("frame", "yaw", "pitch"), *((i, *others[i]) for i in range(4, 16))])
    assert run("calibrate", records, "--targets", swapped, "--out", tmp_path / "swapped.json") == 0
    assert "does not help on points left out; are yaw and pitch" in capsys.readouterr().err
    before = records.read_text()
    assert run("calibrate", records, "--targets", targets, "--out", records) == 2
    assert f"{records}: the result is a .json file; name it so" in capsys.readouterr().err
    assert records.read_text() == before
    few = lists(tmp_path / "few.csv", [("frame", "yaw", "pitch"), *((i, *angles[i]) for i in range(4))])
    assert run("calibrate", records, "--targets", few, "--out", tmp_path / "no.json") == 2
    assert "4 points were looked at; there should be 5 to 20" in capsys.readouterr().err
    assert not (tmp_path / "no.json").exists()


@pytest.mark.parametrize(
    "words",
    [[], ["--labels", "labels.csv"], ["records.csv"], ["--cabin", "a.yaml", "--labels", "b.csv", "records.csv"]],
)
def test_zones_are_checked_or_learnt(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("calibrate-zones", *words) == 2
    assert "give either --cabin, or records and --labels" in capsys.readouterr().err


def test_sources_are_read_once(drive: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.csv"
    write_records(again, frames("ww", "b.mp4"))
    assert "which" in one_line(read_all_records, [drive, again])
    again.write_text(again.read_text().replace("b.mp4", "c.mp4"))
    assert {record.source for record in read_all_records([drive, again])} == {"<b>a$\\frac$.mp4", "b.mp4", "c.mp4"}
