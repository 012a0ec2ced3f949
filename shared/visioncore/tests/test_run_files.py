"""The record beside the results of a command, and what it leaves alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from visioncore.commands.run_files import records_its_run, weights_of
from visioncore.inference.batch import Summary
from visioncore.inference.run_record import write_run
from visioncore.methods import find_methods
from visioncore.weights.places import digest_of_file

METHOD = find_methods()[0][0]


def record(out: Path, name: str = "run.json") -> dict[str, Any]:
    about: dict[str, Any] = json.loads((out / name).read_text())
    return about


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def predict(out: Path) -> Callable[..., Any]:
    def predict(inputs: tuple[str, ...], out: Path, weights: str = "demo") -> Summary:
        return Summary([out / "a.png"], [], {Path("b"): "b: broken"})

    return records_its_run(METHOD, predict)


def test_what_was_asked_for_and_what_came_of_it(predict: Callable[..., Any], out: Path) -> None:
    assert predict(inputs=("a", "b"), weights="demo", out=out).exit_code == 1
    about = record(out)
    assert (about["command"], about["inputs"], about["done"]) == ("predict", ["a", "b"], ["a.png"])
    assert about["failed"] == {"b": "b: broken"}
    assert about["options"]["weights"] == about["weights"]["weights"]["given"] == "demo"
    assert list(about["weights"]["weights"]["sha256"]) == ["config.json", "model.safetensors"]
    assert about["seconds"] >= 0


def test_of_several_processes_each_writes_its_own(
    predict: Callable[..., Any], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, name in (("0", "run.json"), ("1", "run-1.json")):
        monkeypatch.setenv("RANK", rank)
        predict(inputs=("a",), weights="demo", out=out)
        assert record(out, name)["done"] == ["a.png"]


def test_a_single_file_has_no_record(predict: Callable[..., Any], tmp_path: Path) -> None:
    predict(inputs=("a",), weights="demo", out=tmp_path / "out" / "a.png")
    assert list(tmp_path.rglob("run.json")) == []


def test_a_result_of_the_name_of_the_record_stays(out: Path) -> None:
    def predict(inputs: tuple[str, ...], out: Path) -> Summary:
        made = out / Path(inputs[0]).with_suffix(".json").name
        made.write_text('{"top": []}')
        return Summary([made], [], {})

    call = records_its_run(METHOD, predict)
    for name, record_name in (("run.mp4", "run.record.json"), ("a.mp4", "run.record.json")):
        call(inputs=(name,), out=out)
        assert record(out, record_name)["inputs"] == [name]
    assert record(out) == {"top": []}


def test_commands_without_inputs_are_left_alone(out: Path) -> None:
    def prepare(data: Path, out: Path) -> Summary:
        return Summary([out / "a"], [], {})

    records_its_run(METHOD, prepare)(data=out, out=out)
    assert not (out / "run.json").exists()


def test_what_a_command_tells_itself_is_kept(out: Path) -> None:
    def mix(inputs: tuple[str, ...], out: Path) -> Summary:
        summary = Summary([out / "a.png"], [], {})
        write_run(METHOD, out, {"steps": 4}, summary, images=[{"seed": 1}])
        return summary

    write_run(METHOD, out, {}, Summary(), old=1)
    records_its_run(METHOD, mix)(inputs=("a",), out=out)
    about = record(out)
    assert (about["settings"], about["images"]) == ({"steps": 4}, [{"seed": 1}])
    assert (about["command"], "old" in about) == ("mix", False)


def test_weights_of_further_options(tmp_path: Path) -> None:
    file = tmp_path / "clip.safetensors"
    file.write_bytes(b"clip")
    options = {"clip": str(file), "prompt": "demo", "inputs": (str(file),), "steps": 3, "mask": ""}
    assert weights_of(METHOD, options) == {
        "clip": {"given": str(file), "sha256": {"clip.safetensors": digest_of_file(file)}}
    }
