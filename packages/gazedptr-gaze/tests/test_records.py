"""Records of gazes: what is written is read again, and every wrong line is named."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gazedptr_gaze.inference.records import COLUMNS, FrameGaze, read_records, write_records
from visioncore.errors import InputError
from visioncore.testing.fuzzing import Sample, fuzz
from visioncore.testing.refusals import one_line, refusal

FACE = FrameGaze(
    'drives/a, "b".mp4',
    12,
    0.4,
    face=0,
    box=(10.25, 20, 110.5, 140),
    score=0.875,
    yaw=0.1,
    pitch=-0.2,
    vector=(0.6, 0.0, -0.8),
    origin=(-12.5, 30.1, 601.7),
    head=(5.0, -3.25, 0.1),
    zone=71,
    zone_probability=1 / 3,
    region=2,
    cabin_zone="rear-view\u2028mirror",
    cabin_probability=0.5,
)
BARE = FrameGaze("a.mp4", 13, 13 / 30, face=1, vector=(0, 0, -1), yaw=0, pitch=0)
NOBODY = FrameGaze("a.mp4", 14, 14 / 30)
SUFFIXES = [".csv", ".jsonl"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trip(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"records{suffix}"
    write_records(path, iter([FACE, BARE, NOBODY]))
    assert read_records(path) == [FACE, BARE, NOBODY]


def test_numbers_of_numpy_become_plain() -> None:
    record = FrameGaze("a", np.int64(1), np.float32(0.5), np.int32(0), vector=np.array([0, 0, -1], np.float32))  # type: ignore[arg-type]
    assert record == FrameGaze("a", 1, 0.5, 0, vector=(0, 0, -1))
    assert type(record.frame) is int
    assert type(record.time) is float
    assert record.vector is not None
    assert type(record.vector[0]) is float


def test_other_order_and_more_columns(tmp_path: Path) -> None:
    path = tmp_path / "records.csv"
    write_records(path, [FACE, NOBODY])
    rows = [[*reversed(row), "note"] for row in csv.reader(path.open(newline=""))]
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([*rows, []])
    assert read_records(path) == [FACE, NOBODY]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"source": ""}, "source is ''; it should be text"),
        ({"cabin_zone": 3}, "cabin_zone is 3; it should be text"),
        ({"frame": -1}, "frame is -1; it should be a whole number from 0"),
        ({"frame": 0.5}, "frame is 0.5; it should be a whole number"),
        ({"frame": True}, "frame is True; it should be a number"),
        ({"time": "soon"}, "time is 'soon'; it should be a number"),
        ({"time": float("nan")}, "time is nan; it should be a number"),
        ({"time": 10**400}, "it should be a number"),
        ({"time": -0.1}, "time is -0.1; it should be 0 or more"),
        ({"time": None}, "time is None; it should be a number"),
        ({"face": -2}, "face is -2; it should be a whole number from -1"),
        ({"box": (1, 2, 3)}, "box is (1, 2, 3); it should be 4 numbers"),
        ({"box": (110, 20, 10, 140)}, "box is (110.0, 20.0, 10.0, 140.0); it must be x0, y0, x1, y1 with x1 above x0"),
        ({"box": (10, 20, 110, 20)}, "and y1 above y0"),
        ({"head": (1, 2, None)}, "head is (1, 2, None); it should be 3 numbers"),
        ({"vector": 1}, "vector is 1; it should be 3 numbers"),
        ({"vector": (0, 0, -2)}, "vector is (0.0, 0.0, -2.0); it must have length 1"),
        ({"zone": -1}, "zone is -1; it should be a whole number from 0"),
        ({"region": 10}, "region is 10; it should be a whole number from 0 to 9"),
        ({"score": 1.5}, "score is 1.5; it should be from 0 to 1"),
        ({"zone_probability": -1}, "zone_probability is -1; it should be from 0 to 1"),
        ({"face": -1}, "box is given, but no face was found"),
    ],
)
def test_wrong_values(changed: dict[str, Any], told: str) -> None:
    assert told in one_line(replace, FACE, **changed)


def test_wrong_lines_of_csv(tmp_path: Path) -> None:
    path = tmp_path / "records.csv"
    write_records(path, [NOBODY])
    header, line = path.read_text().splitlines()
    for content, told in [
        ("", "no column source"),
        (header, "no records"),
        (header.replace("gaze_y", "gaze_why"), "no column gaze_y"),
        (f"{header}\n{line}\n{line},,", f"line 3: {len(COLUMNS) + 2} columns; there should be {len(COLUMNS)}"),
        (f"{header}\n{line.replace('14,', '14.5,', 1)}", "line 2: frame is 14.5"),
        (f'{header}\n{line}\n"{line}', "line 3: not CSV"),
        (f"{header}\n" + line.replace(",-1,", ",0,1,", 1).removesuffix(","), "line 2: box is [1.0, None, None, None]"),
    ]:
        path.write_text(content)
        assert told in refusal(read_records, path)


def test_wrong_lines_of_json(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    write_records(path, [NOBODY])
    line = path.read_text()
    fields = json.loads(line)
    for content, told in [
        ("", "no records"),
        (f"{line}\n{{", "line 3: not JSON"),
        ("[" * 30_000, "line 1: not JSON"),
        (f"{line}[1]", "line 2: [1]; it should be an object"),
        (f"{line}{json.dumps(fields | {'gaze': 1})}", "line 2: unknown field 'gaze'"),
        (f"{line}{json.dumps({'source': 'a', 'frame': 1})}", "line 2: no time"),
        (f"{line}{json.dumps(fields | {'time': '1'})}", "line 2: time is '1'"),
        (f"{line}{json.dumps(fields | {'time': float('nan')})}", "line 2: time is nan"),
    ]:
        path.write_text(content)
        assert told in refusal(read_records, path)


def test_wrong_files(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(read_records, tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes("fenêtre".encode("latin-1"))
    assert "cannot be read" in refusal(read_records, tmp_path / "latin.csv")
    assert "records are .csv or .jsonl files" in refusal(read_records, tmp_path / "records.txt")
    assert "records are .csv or .jsonl files" in refusal(
        lambda path: write_records(path, []), tmp_path / "records.json"
    )


def test_nothing_half_written(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    write_records(path, [FACE])

    def broken() -> Any:
        yield NOBODY
        raise InputError("no more frames")

    with pytest.raises(InputError, match="no more frames"):
        write_records(path, broken())
    assert read_records(path) == [FACE]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "valid" / f"records{suffix}"
    write_records(path, [FACE, BARE, NOBODY])
    assert list(fuzz([Sample(path, read_records, "records")], tmp_path / "damaged", 5, most=300)) == []
