"""The protocols: golden scores, splits, results in files, and how many videos were found."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from alt_action import Predictor, load_model
from alt_action.data.people import PEOPLE_ACTIONS
from alt_action.data.splits import read_splits
from alt_action.data.video_lists import VideoList, read_videos
from alt_action.evaluation.protocols import PROTOCOLS, Protocol, evaluate
from alt_action.evaluation.scores import mean_and_deviation, ranks, top_k
from alt_action.inference.files import predict_files
from visioncore.errors import InputError
from visioncore.testing.golden import GoldenCase, made_input

ACTIONS = PEOPLE_ACTIONS[:4]


def encode(texts: Sequence[str]) -> torch.Tensor:
    """Vectors that follow from the letters of texts."""
    rows = [np.random.default_rng([ord(sign) for sign in text]).normal(size=32) for text in texts]
    return torch.tensor(np.array(rows), dtype=torch.float32)


def test_golden_scores() -> None:
    case = GoldenCase.read(Path(__file__).parent / "data", "scores_and_sampling")
    inputs = {name: made_input(spec) for name, spec in case.about["inputs"].items()}
    video, text = (torch.nn.functional.normalize(inputs[name], dim=-1) for name in ("video", "text"))
    logits = 10 * video @ text.T
    case.close("logits", logits)
    views = logits.softmax(dim=-1)
    case.close("rank_mean_prob", views.mean(dim=1))
    labels = inputs["label"].numpy()
    for name, probabilities in (("top1_top5", views.mean(dim=1)), ("top1_top5_single_view", views[:, 0])):
        rank = ranks(probabilities.numpy(), labels)
        case.close(name, np.array([top_k(rank, 1), top_k(rank, 5)]) / 100)
    accuracies = (100 * inputs["split_accuracy"]).tolist()
    case.close("zero_shot_mean_std", np.array(mean_and_deviation(accuracies)))


def test_ranks() -> None:
    probabilities = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.9, -1, -1]])
    assert ranks(probabilities, np.array([2, 1, 2])).tolist() == [1, 1, 3]
    assert top_k(np.array([0, 4, 5, 0]), 1) == 50
    assert top_k(np.array([0, 4, 5, 0]), 5) == 75


@pytest.fixture
def split(videos: Path) -> VideoList:
    """The drawn videos."""
    return read_videos(videos)


def made_by(weights: Path) -> object:
    return lambda protocol: Predictor(
        weights, "cpu", encode=encode, views=protocol.views, crops=protocol.crops, frames=protocol.frames
    )


def test_a_protocol_is_a_way_of_looking(tiny_weights: Path, split: VideoList) -> None:
    """The scores by hand, from the predictor that the protocol asks for."""
    measured = evaluate([split], made_by(tiny_weights), protocols=["full", "few-shot"])  # type: ignore[arg-type]
    assert list(measured) == ["full", "few-shot"]
    for name, evaluation in measured.items():
        how = PROTOCOLS[name]  # type: ignore[index]
        labels = split.labels.names
        predictor = Predictor(tiny_weights, "cpu", labels=labels, encode=encode, views=how.views, frames=how.frames)
        right = [predictor(video.path).top[0][0] == labels[video.label] for video in split.videos]
        (row,) = evaluation.summary().rows
        assert list(row) == [split.name, 100 * np.mean(right), 100.0, 8, 8]
    assert PROTOCOLS["full"] == Protocol(views=3, crops=1)
    assert PROTOCOLS["few-shot"].frames == 32


def test_a_second_split_of_other_labels_costs_no_video(
    tiny_weights: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{action}/00{number}.mp4 {place}" for place, action in enumerate(ACTIONS) for number in (0, 1)]
    for number, extra in enumerate(("walking", "sitting"), start=1):
        (tmp_path / f"split{number}.txt").write_text("\n".join(lines))
        names = [*ACTIONS, extra]
        text = "\n".join(["id,name", *(f"{place},{name}" for place, name in enumerate(names))])
        (tmp_path / f"labels{number}.csv").write_text(text)
    splits = read_splits(tmp_path / "split*.txt", tmp_path / "labels*.csv", videos)
    made = made_by(tiny_weights)
    evaluation = evaluate(splits, made, protocols=["zero-shot"])["zero-shot"]  # type: ignore[arg-type]
    assert [len(each.given.labels) for each in evaluation.splits] == [5, 5]
    rows = evaluation.summary().rows
    assert [row[0] for row in rows] == ["split1.txt", "split2.txt", "mean", "deviation"]
    assert rows[2][1] == pytest.approx((rows[0][1] + rows[1][1]) / 2)  # type: ignore[operator]
    assert rows[3][1] == pytest.approx(abs(rows[0][1] - rows[1][1]) / 2)  # type: ignore[operator]
    # the network's own labels are among those of both
    assert "4 of 5 labels are stored with the weights, which may have been trained on them" in evaluation.notes[0]


def test_tables(tiny_weights: Path, split: VideoList, tmp_path: Path) -> None:
    evaluation = evaluate([split], made_by(tiny_weights))["full"]  # type: ignore[arg-type]
    evaluation.save(tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["splits"][0]["listed"] == report["splits"][0]["scored"] == 8
    assert report["top1"] == evaluation.summary().rows[0][1]
    with (tmp_path / "out" / "per_video.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    assert 100 * np.mean([row["rank"] == "1" for row in rows]) == report["top1"]
    assert all((row["rank"] == "1") == (row["label"] == row["predicted"]) for row in rows)
    with (tmp_path / "out" / "per_class.csv").open() as file:
        by_class = list(csv.DictReader(file))
    assert [row["videos"] for row in by_class] == ["2"] * 4
    assert np.mean([float(row["top-1 %"]) for row in by_class]) == report["top1"]


def test_videos_that_are_missing_or_broken_are_told(tiny_weights: Path, videos: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_text("no video")
    lines = [*(f"{videos}/{action}/000.mp4 {place}" for place, action in enumerate(ACTIONS)), "bad.mp4 0", "none.mp4 1"]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    (tmp_path / "labels.txt").write_text("\n".join(ACTIONS))
    (split,) = read_splits(tmp_path / "list.txt", tmp_path / "labels.txt")
    told: list[str] = []
    evaluation = evaluate([split], made_by(tiny_weights), say=told.append)["full"]  # type: ignore[arg-type]
    assert told[0].startswith(f"failed: {tmp_path / 'bad.mp4'}: ")
    (scores,) = evaluation.splits
    assert scores.found == "5 of 6 listed videos found; missing are none.mp4; 1 could not be read; 4 scored"
    assert evaluation.report()["splits"][0]["missing"] == ["none.mp4"]
    assert list(evaluation.report()["splits"][0]["unread"]) == ["bad.mp4"]
    (tmp_path / "only.txt").write_text("bad.mp4 0\n")
    only = read_splits(tmp_path / "only.txt", tmp_path / "labels.txt")
    with pytest.raises(InputError, match="none of 1 videos could be read"):
        evaluate(only, made_by(tiny_weights), say=told.append)  # type: ignore[arg-type]


def test_results_in_files_measure_the_same(tiny_weights: Path, split: VideoList, videos: Path, tmp_path: Path) -> None:
    model = load_model(tiny_weights)
    predictor = Predictor(model, "cpu", labels=split.labels, views=3)
    predict_files([videos], predictor, tmp_path / "out", say=lambda _: None)
    of_files = evaluate([split], tmp_path / "out")["full"]
    direct = evaluate([split], lambda protocol: Predictor(model, "cpu", views=protocol.views))["full"]
    assert of_files.summary().rows == direct.summary().rows
    assert of_files.made_by == str(tmp_path / "out")
    path = tmp_path / "out" / ACTIONS[0] / "000.json"
    for text, message in (
        ("{", "not JSON"),
        ("{}", "it should have top, a list of labels and probabilities"),
        ('{"top": [{"label": "flying", "probability": 1}]}', "'flying' is not one of the 4 labels"),
        ('{"top": [{"label": "bending forward", "probability": NaN}]}', "is nan; it must be from 0 to 1"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            evaluate([split], tmp_path / "out")
    path.unlink()
    with pytest.raises(InputError, match="no result for 1 of 8 videos"):
        evaluate([split], tmp_path / "out")


def test_unknown_protocols(tiny_weights: Path, split: VideoList) -> None:
    with pytest.raises(InputError, match="unknown protocol many-shot; known are full, few-shot, zero-shot"):
        evaluate([split], made_by(tiny_weights), protocols=["many-shot"])  # type: ignore[arg-type]
