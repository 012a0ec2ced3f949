"""The commands that every method shares, on these networks, and what they say of bad input: one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from gazedptr_gaze import VARIANTS, GazeConfig, load_model
from gazedptr_gaze.cli import main
from gazedptr_gaze.method import METHOD
from gazedptr_gaze.network.model import NETWORKS
from gazedptr_gaze.network.published import to_published
from gazedptr_gaze.network.trunk import Trunk, read_imagenet
from gazedptr_gaze.network.weights import AnyGaze
from visioncore.commands.description import measure
from visioncore.commands.export import FORMATS
from visioncore.errors import InputError
from visioncore.testing.suites.base import Run, refuses, tells


@pytest.fixture
def run(run_program: Callable[..., tuple[int, str, str]]) -> Run:
    return partial(run_program, main)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of GazeDPTR-V2 in the authors' layout."""
    path = tmp_path_factory.mktemp("theirs") / "Iter_80_trans6.pt"
    torch.manual_seed(0)
    torch.save(to_published(AnyGaze(VARIANTS["gazedptr_v2"])), path)
    return path


@pytest.mark.parametrize(
    ("variant", "parameters", "giga"),
    [("gazeptr", 12_492_620, 1.868), ("gazedptr", 26_248_732, 3.738), ("gazedptr_v2", 27_161_610, 3.747)],
)
def test_networks_are_as_large_as_published(variant: str, parameters: int, giga: float) -> None:
    with torch.device("meta"):
        network = AnyGaze(VARIANTS[variant])
    # what is never used is held, but not trained
    unused = sum(part.numel() for name, part in network.named_buffers() if "feed." in name or "unused_head" in name)
    size = measure(METHOD, VARIANTS[variant])
    assert size.parameters + unused == parameters
    assert size.multiply_accumulates / 1e9 == pytest.approx(giga, rel=0.002)


def test_convert_and_info(run: Run, theirs: Path, tmp_path: Path) -> None:
    code, said, _ = run("convert", theirs, "--out", tmp_path / "ours")
    assert code == 0
    assert said.startswith("network: gazedptr_v2 (")
    assert said.endswith(f"weights in {tmp_path / 'ours'}\n")
    assert type(load_model(tmp_path / "ours")) is NETWORKS["gazedptr_v2"]
    for weights in ("ours", theirs):
        code, said, _ = run("info", "--weights", tmp_path / weights)
        assert code == 0
        tells(said, "gazedptr_v2 (", "normalised 1x3x224x224", "origin 1x3", "@inproceedings{cheng2024ivgaze,")
    about = json.loads(run("info", "--weights", "gazedptr_v2", "--json")[1])
    assert about["outputs"] == {"gaze": [1, 2], "zone_logits": [3, 1, 122], "points": [3, 1, 3]}


def test_weights_of_the_authors_are_fetched_by_hand(
    run: Run, theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISIONCORE_CACHE", str(tmp_path / "cache"))
    refuses(run, "weights", "get", "ivgaze", "--accept", told="only a person can fetch this file")
    assert run("weights", "get", "ivgaze", "--accept", "--file", theirs)[0] == 0
    assert load_model("ivgaze").config == VARIANTS["gazedptr_v2"]


def test_export_says_how_far_it_is_from_eager(
    run: Run, tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes its time, the exporters, is in test_export.py."""
    model, seen = load_model(tiny_weights), list[Any]()
    monkeypatch.setattr(torch.export, "export", lambda *_, **shapes: seen.append(shapes))
    monkeypatch.setitem(FORMATS, "pt2", (lambda *_: b"file", lambda path, inputs: [model(**inputs).gaze]))
    words = ("export", "--weights", tiny_weights, "--out", tmp_path / "out", "--format", "pt2")
    code, said, complaints = run(*words)
    assert (code, complaints) == (0, "")
    assert said == f"{tmp_path / 'out' / 'model.pt2'}: largest difference from eager 0.00e+00\n"
    (size,) = seen[0]["dynamic_shapes"][0][0].values()
    assert size.__name__ == "batch"


def test_trunks_of_imagenet(tmp_path: Path) -> None:
    config = GazeConfig()
    state = Trunk(config.widths, config.blocks).state_dict()
    old = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    torch.save(old | {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}, tmp_path / "resnet18.pth")
    found = read_imagenet(tmp_path / "resnet18.pth").state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())
    torch.save(old | {"layer5.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"layer5\.weight"):
        read_imagenet(tmp_path / "other.pth")


def test_bad_input_is_one_line(run: Run, tiny_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no checkpoint")
    torch.save({"bnorm.other": torch.zeros(1)}, tmp_path / "half.pt")
    weights, out = ("--weights", tiny_weights), ("--out", tmp_path / "out")
    for words, told in (
        (("predict", *weights, *out), "at least one is needed, or --live 0"),
        (("predict", tmp_path / "file", *weights, *out, "--live", 0), "give inputs or --live, not both"),
        (("predict", tmp_path / "file", *weights, *out, "--zone-head", 4), "zone-head"),
        (("predict", tmp_path / "file", *weights, *out, "--faces", "nobody"), "nobody: no face finder"),
        (("convert", tmp_path / "file", *out), "not a checkpoint"),
        (("convert", tmp_path / "half.pt", *out), f"{tmp_path / 'half.pt'}: "),
        (("export", *weights, *out, "--format", "tflite"), "tflite"),
        (("bench", *weights, "--out", tmp_path / "b.json", "--rounds", 0), "rounds is 0"),
        (("info", "--weights", "gazedptr_v3"), "gazedptr_v3: no such file or folder"),
        (("train", "--recipe", "gazedptr_v3", *out), "unknown recipe 'gazedptr_v3'"),
    ):
        refuses(run, *words, told=told)
    assert not (tmp_path / "out").exists()
