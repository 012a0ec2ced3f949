"""What is learnt from a user's labelled frames: zones of a cabin, and the bias of a person's gazes."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gazedptr_gaze.data.conventions import official_angles, official_vectors
from gazedptr_gaze.evaluation.find_bias import POINT, find_bias
from gazedptr_gaze.inference.bias import GazeBias, read_bias
from gazedptr_gaze.inference.labelled_frames import LabelledFrame, read_labelled_frames
from gazedptr_gaze.inference.records import FrameGaze
from gazedptr_gaze.inference.zone_classifier import ZoneClassifier, train_zone_classifier
from gazedptr_gaze.inference.zones import read_zones, with_cabin_zones
from visioncore.testing.fuzzing import Sample, fuzz
from visioncore.testing.refusals import one_line, refusal

CENTRES = {"mirror": (0.3, -0.4), "display": (0.5, 0.3), "elsewhere": (-0.6, 0.0)}
BIAS = (0.08, -0.05)


def gazes(count: int, centres: Any = CENTRES, origin: bool = True) -> list[LabelledFrame]:
    """Frames that are labelled with zones, ``count`` of each, with gazes about the zone's angles."""
    rng = np.random.default_rng(0)
    frames: list[LabelledFrame] = []
    for zone, angles in centres.items():
        for vector in official_vectors(np.array(angles) + rng.normal(scale=0.05, size=(count, 2))):
            where = tuple(rng.normal((0, 0, 600), 20)) if origin else None
            record = FrameGaze("a.mp4", len(frames), len(frames) / 30, 0, vector=tuple(vector), origin=where)
            frames.append(LabelledFrame(f"labels.csv, line {len(frames) + 2}", {"zone": zone}, record))
    return frames


def points(bias: Sequence[float], count: int, noise: float = 0.0, labels: Sequence[str] = POINT) -> list[LabelledFrame]:
    """Frames with gazes at points 600 mm from the face that miss them by a bias."""
    rng = np.random.default_rng(1)
    origin = np.array([20.0, -10.0, 650.0])
    frames: list[LabelledFrame] = []
    for angles in rng.uniform(-0.5, 0.5, size=(count, 2)):
        target = angles if tuple(labels) != POINT else origin + 600 * official_vectors(angles)
        vector = tuple(official_vectors(angles - bias + rng.normal(scale=noise, size=2)))
        record = FrameGaze("a.mp4", len(frames), 0, 0, vector=vector, origin=tuple(origin))
        label = {name: repr(float(value)) for name, value in zip(labels, target, strict=True)}
        frames.append(LabelledFrame(f"points.csv, line {len(frames) + 2}", label, record))
    return frames


def test_zones_are_learnt_and_applied(tmp_path: Path) -> None:
    trained = train_zone_classifier(gazes(20))
    assert trained.frames == 60
    assert trained.accuracy > 0.95
    trained.save(tmp_path / "zones.json")
    zones = read_zones(tmp_path / "zones.json")
    assert zones == trained
    assert zones.names == ("elsewhere", "display", "mirror")
    vectors = official_vectors(list(CENTRES.values()))
    ids, probabilities = zones.of(vectors, np.full((3, 3), (0, 0, 600)))
    assert [zones.names[i] for i in ids] == list(CENTRES)
    assert (probabilities > 0.99).all()
    found = with_cabin_zones([frame.record for frame in gazes(20)], zones)
    assert np.mean([r.cabin_zone == f.label["zone"] for r, f in zip(found, gazes(20), strict=True)]) > 0.95
    assert "learnt with gaze origins" in one_line(zones.of, vectors, None)


def test_probabilities_are_those_of_gaussians() -> None:
    """By Bayes' rule with equal priors: the densities' quotient, even where a zone is far rarer than another."""
    frames = gazes(30, {"left": (-0.1, 0.0), "right": (0.1, 0.0)}, origin=False)
    trained = train_zone_classifier(frames[:50])
    assert not trained.needs_origins
    covariance = np.linalg.inv(np.array(trained.precision))
    vectors = np.array([frame.record.vector for frame in frames])
    ids, probabilities = trained.of(vectors, None)
    densities = np.stack(
        [
            np.exp(-0.5 * ((vectors - mean) @ np.linalg.inv(covariance) * (vectors - mean)).sum(1))
            for mean in trained.means
        ]
    )
    np.testing.assert_array_equal(ids, densities.argmax(axis=0) + 1)
    np.testing.assert_allclose(probabilities, densities.max(axis=0) / densities.sum(axis=0), rtol=1e-6)


def test_covariance_of_many_frames() -> None:
    """With many frames little is left of the regularisation: the covariance is that within zones."""
    frames = gazes(1000)
    trained = train_zone_classifier(frames[:30] + frames[1000:1030] + frames[2000:2030])
    many = np.array([[*(f.record.vector or ()), *(f.record.origin or ())] for f in frames]).reshape(3, 1000, 6)
    within = (many - many.mean(axis=1, keepdims=True)).reshape(-1, 6)
    expected, found = within.T @ within / len(within), np.linalg.inv(np.array(trained.precision))
    scale = np.sqrt(np.diag(expected))
    assert np.abs((found - expected) / np.outer(scale, scale)).max() < 0.35
    assert found[3:, 3:].diagonal() == pytest.approx(400, rel=0.35)


def test_accuracy_is_of_frames_left_out() -> None:
    """Labels that say nothing of the gaze are named right by chance, though a classifier has seen them."""
    rng = np.random.default_rng(3)
    frames = gazes(40, {"one": (0, 0), "two": (0, 0)})
    trained = train_zone_classifier(frames)
    assert 0.3 < trained.accuracy < 0.7
    few = [frames[i] for i in rng.permutation(80)[:12]]
    ids, _ = train_zone_classifier(few).of(
        [frame.record.vector for frame in few], [frame.record.origin for frame in few]
    )
    seen = np.mean([("", "one", "two")[i] == f.label["zone"] for i, f in zip(ids, few, strict=True)])
    assert train_zone_classifier(few).accuracy < seen


def test_frames_that_are_all_alike() -> None:
    same = FrameGaze("a", 0, 0, 0, vector=(0, 0, -1), origin=(0, 0, 600))
    other = FrameGaze("a", 1, 0, 0, vector=(0.6, 0, -0.8), origin=(0, 0, 600))
    frames = [LabelledFrame("", {"zone": zone}, r) for zone, r in (("a", same), ("b", other)) for _ in range(2)]
    trained = train_zone_classifier(frames)
    assert trained.accuracy == 1
    ids, _ = trained.of([(0.05, 0, -0.9987), (0.55, 0, -0.835)], [(3, 0, 600), (0, 3, 600)])
    assert ids.tolist() == [1, 2]


def test_too_few_labels() -> None:
    frames = gazes(3)
    assert "all labelled frames are of one zone; there should be" in one_line(train_zone_classifier, frames[:3])
    assert "no frame is labelled; there should be" in one_line(train_zone_classifier, [])
    assert "zone 'mirror': 1 frame is labelled; there should be 2" in one_line(train_zone_classifier, frames[2:])
    unlabelled = LabelledFrame("labels.csv, line 9", {}, frames[0].record)
    assert "labels.csv, line 9: no zone" in one_line(train_zone_classifier, [*frames, unlabelled])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"zones": ["a", "b"]}, "means and precision do not fit"),
        ({"zones": ["a", "a", "b"]}, "zones should be names, each once"),
        ({"precision": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}, "means and precision do not fit"),
        ({"precision": np.eye(6)[:5].tolist()}, "means and precision do not fit"),
        ({"precision": (-np.eye(6)).tolist()}, "symmetric, positive definite"),
        ({"precision": (np.eye(6) + np.eye(6, k=1) / 4).tolist()}, "symmetric, positive definite"),
        ({"frames": "many"}, "frames should be a whole number"),
        ({"means": [[float("nan")] * 6] * 3}, "means should be a list"),
        ({"colour": 1}, "unknown field colour"),
    ],
)
def test_wrong_files_of_zones(tmp_path: Path, changed: dict[str, Any], told: str) -> None:
    path = tmp_path / "zones.json"
    train_zone_classifier(gazes(5)).save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    assert told in refusal(read_zones, path)


def test_files_that_are_no_calibration(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    for content, told in (
        ("{", "not JSON"),
        ("[1]", "not an object"),
        ("[" * 20_000, "not JSON"),
        ("{}", "must be given"),
    ):
        path.write_text(content)
        assert told in refusal(read_zones, path)
        assert told in refusal(read_bias, path)


@pytest.mark.parametrize("labels", [POINT, ("yaw", "pitch")])
def test_bias_is_found(tmp_path: Path, labels: Sequence[str]) -> None:
    bias = find_bias(points(BIAS, 9, labels=labels))
    assert (bias.yaw, bias.pitch) == pytest.approx(BIAS)
    assert (bias.points, bias.outliers) == (9, 0)
    assert bias.error_before == pytest.approx(np.degrees(np.hypot(*BIAS)), rel=0.1)
    assert bias.error_after < 1e-6
    bias.save(tmp_path / "bias.json")
    assert read_bias(tmp_path / "bias.json") == bias


def test_bias_is_measured_on_points_left_out() -> None:
    """What is measured is what points that were not seen gain, here by the plain formula."""
    frames = points(BIAS, 7, noise=0.01)
    bias = find_bias(frames)
    offsets = np.array(
        [
            official_angles(np.array(frame.numbers(*POINT)) - np.array(frame.record.origin))
            - official_angles(np.array(frame.record.vector))
            for frame in frames
        ]
    )
    assert (bias.yaw, bias.pitch) == pytest.approx(offsets.mean(axis=0))
    errors = []
    for i, frame in enumerate(frames):
        corrected = official_vectors(
            official_angles(np.array(frame.record.vector)) + np.delete(offsets, i, axis=0).mean(axis=0)
        )
        true = np.array(frame.numbers(*POINT)) - np.array(frame.record.origin)
        errors.append(np.degrees(np.arccos(corrected @ true / np.linalg.norm(true))))
    assert bias.error_after == pytest.approx(np.mean(errors))


def test_outliers_do_not_count() -> None:
    frames = points(BIAS, 9, noise=0.005)
    blink = FrameGaze("a.mp4", 99, 0, 0, vector=(0, 0.6, -0.8), origin=(20, -10, 650))
    wrong = LabelledFrame("", frames[0].label | {"x": "-100.5"}, blink)
    bias = find_bias([*frames, wrong])
    assert (bias.yaw, bias.pitch) == pytest.approx(BIAS, abs=0.006)
    assert (bias.points, bias.outliers) == (10, 1)


def test_frames_of_one_point_count_once() -> None:
    frames = points(BIAS, 4)
    assert "4 points were looked at; there should be 5 to 20" in one_line(find_bias, frames * 3)
    odd = points((0.0, 0.0), 5)
    bias = find_bias([*points(BIAS, 5), *odd[:1] * 20])
    assert (bias.yaw, bias.pitch) == pytest.approx(BIAS)


def test_bias_is_applied() -> None:
    bias = GazeBias(0.1, -0.05, 5, 0, 3.0, 1.0)
    angles = np.array([[0.2, 0.1], [-0.4, 0.0]])
    np.testing.assert_allclose(bias.apply(angles), [[0.3, 0.05], [-0.3, -0.05]])


def test_offsets_across_the_half_turn() -> None:
    frames = points((0.0, 0.0), 6, labels=("yaw", "pitch"))
    away = [
        LabelledFrame("", {"yaw": "3.1", "pitch": str(i / 10)}, FrameGaze("a", i, 0, 0, vector=tuple(vector)))
        for i, vector in enumerate(official_vectors([[-3.1, i / 10] for i in range(6)]))
    ]
    assert find_bias(away).yaw == pytest.approx(6.2 - 2 * np.pi)
    assert find_bias(frames).yaw == pytest.approx(0)


def test_wrong_targets() -> None:
    frames = points(BIAS, 6)

    def told(label: dict[str, str], **record: Any) -> str:
        changed = FrameGaze("a", 9, 0, 0, **{"vector": (0, 0, -1), "origin": (0, 0, 600)} | record)
        return one_line(find_bias, [*frames, LabelledFrame("points.csv, line 9", label, changed)])

    assert "points.csv, line 9: no target; it should have x, y, z in mm, or yaw, pitch" in told({})
    assert "points.csv, line 9: z is ''; it should be a number" in told({"x": "1", "y": "2"})
    assert "points.csv, line 9: pitch is 'up'; it should be a number" in told({"yaw": "0.1", "pitch": "up"})
    assert "points.csv, line 9: x is 'nan'" in told({"x": "nan", "y": "2", "z": "3"})
    assert "they should be radians" in told({"yaw": "12", "pitch": "0.1"})
    assert "the gaze has no origin" in told({"x": "1", "y": "2", "z": "3"}, origin=None)
    assert "the point is where the gaze starts from" in told({"x": "0", "y": "0", "z": "600"})
    assert "the bias is 57 degrees in yaw" in one_line(find_bias, points((1.0, 0.0), 6))


def labels_file(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_labelled_frames(tmp_path: Path) -> None:
    records = [FrameGaze("a.mp4", i, i / 30, i % 2, vector=(0, 0, -1)) for i in range(4)]
    records.append(FrameGaze("a.mp4", 0, 0, 3, vector=(0, 0, -1)))
    path = labels_file(tmp_path / "labels.csv", [("Zone", "frame"), ("mirror", 2), ("display", 0)])
    found = read_labelled_frames(path, ("zone",), "a list", records)
    assert [(frame.label["zone"], frame.record.frame) for frame in found] == [("mirror", 2), ("display", 0)]
    assert (found[1].where, found[1].record.face) == (f"{path}, line 3", 0)
    labels_file(path, [("frame", "zone", "source"), (1, "mirror", "a.mp4"), (1, "display", "b.mp4")])
    two = [*records, FrameGaze("b.mp4", 1, 0, 1, vector=(0, 0, -1))]
    found = read_labelled_frames(path, ("zone",), "a list", two, face=1)
    assert [frame.record.source for frame in found] == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (("two", "mirror"), "line 3: frame is 'two'; it should be the number of a frame"),
        (("", "mirror"), "line 3: frame is ''"),
        (("-1", "mirror"), "line 3: frame is '-1'"),
        (("7", "mirror"), "line 3: no gaze of face 0 in frame 7 of 'a.mp4' is in the records"),
        (("1", "mirror"), "line 3: no gaze of face 0 in frame 1"),
        (("2", "mirror"), "line 3: no gaze of face 0 in frame 2"),
        (("4", "mirror"), "line 3: no gaze of face 0 in frame 4"),
        (("0", "mirror"), "line 3: frame 0 is labelled already in line 2"),
        (("3", "mirror", "b.mp4"), "line 3: no gaze of face 0 in frame 3 of 'b.mp4'"),
        (("3", "mirror", "a.mp4", "more"), "line 3: 4 columns"),
    ],
)
def test_wrong_lines_of_labels(tmp_path: Path, row: Sequence[str], told: str) -> None:
    records = [
        FrameGaze("a.mp4", 0, 0, 0, vector=(0, 0, -1)),
        FrameGaze("a.mp4", 1, 0.1),
        FrameGaze("a.mp4", 2, 0.2, 0),
        FrameGaze("a.mp4", 3, 0.3, 0, vector=(0, 0, -1)),
        FrameGaze("a.mp4", 4, 0.4, 1, vector=(0, 0, -1)),
    ]
    path = labels_file(tmp_path / "labels.csv", [("frame", "zone", "source"), (0, "mirror"), row])
    assert told in refusal(lambda each: read_labelled_frames(each, ("zone",), "a list", records), path)


def test_several_sources_are_told_apart(tmp_path: Path) -> None:
    records = [FrameGaze(name, 0, 0, 0, vector=(0, 0, -1)) for name in ("a.mp4", "b.mp4")]
    path = labels_file(tmp_path / "labels.csv", [("frame", "zone"), (0, "mirror")])
    told = refusal(lambda each: read_labelled_frames(each, ("zone",), "a list", records), path)
    assert "line 2: no source, but the records are of 2" in told


def test_results_are_written_as_json_alone(tmp_path: Path) -> None:
    """A name given by mistake may be that of the records, which would be lost."""
    for made in (find_bias(points(BIAS, 5)), train_zone_classifier(gazes(5))):
        for name in ("drive.csv", "bias"):
            path = tmp_path / name
            path.write_text("records")
            assert f"{path}: the result is a .json file" in one_line(made.save, path)
            assert path.read_text() == "records"


def test_damage(tmp_path: Path) -> None:
    samples = []
    for name, made, read in (
        ("zones", train_zone_classifier(gazes(5)), read_zones),
        ("bias", find_bias(points(BIAS, 5)), read_bias),
    ):
        made.save(tmp_path / name / f"{name}.json")
        samples.append(Sample(tmp_path / name / f"{name}.json", read, name))
    assert list(fuzz(samples, tmp_path / "damaged", 5, most=150)) == []
    assert isinstance(read_zones(tmp_path / "zones" / "zones.json"), ZoneClassifier)
