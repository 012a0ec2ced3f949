"""The commands of this method, from one to the next."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from alt_action.data.people import PEOPLE_ACTIONS
from visioncore.testing.suites.base import Run, refuses

ACTIONS = PEOPLE_ACTIONS[:4]

PACKAGE = "alt_action"
CPU = ("--device", "cpu")


def test_train_predict_and_measure(run: Run, videos: Path, tmp_path: Path) -> None:
    best, results = tmp_path / "run" / "best", tmp_path / "results"
    steps = ("--set.loop.steps", 2, "--set.loop.batch_size", 2)
    code, said, told = run(
        "train", "--recipe", "demo", "--out", best.parent, "--data", videos, "--validation", videos, *steps
    )
    assert code == 0
    assert said.startswith("2 steps, best top1 ")
    assert "8 of 8 listed videos found" in told
    assert run("predict", videos, "--weights", best, "--out", results, "--views", 3, *CPU)[0] == 0
    measured = []
    for made_by in (("--weights", best, *CPU), ("--results", results)):
        code, said, _ = run("evaluate", "--data", videos, *made_by, "--out", tmp_path / "tables")
        assert code == 0
        assert "8 of 8 listed videos found; 8 scored" in said
        report = json.loads((tmp_path / "tables" / "full" / "report.json").read_text())
        measured.append([report["top1"], report["splits"][0]["top5"]])
    assert measured[0] == measured[1]


def test_lists_of_several_splits(run: Run, tiny_weights: Path, videos: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("\n".join(["id,name", *(f"{n},{name}" for n, name in enumerate(ACTIONS))]))
    for number in (1, 2):
        lines = [f"{action}/00{number - 1}.mp4 {place}" for place, action in enumerate(ACTIONS)]
        (tmp_path / f"test{number}.txt").write_text("\n".join([*lines, "gone.mp4 0"]))
    words = ("evaluate", "--data", tmp_path / "test*.txt", "--labels", tmp_path / "labels.csv", "--videos", videos)
    how = ("--weights", tiny_weights, "--protocols", "zero-shot", "few-shot", "--out", tmp_path / "out", *CPU)
    code, said, told = run(*words, *how)
    assert code == 0
    for fact in ("test1.txt", "deviation", "4 of 5 listed videos found; missing are gone.mp4; 4 scored"):
        assert fact in said
    assert "4 of 4 labels are stored with the weights" in told
    assert (tmp_path / "out" / "few-shot" / "per_class.csv").exists()
    assert json.loads((tmp_path / "out" / "zero-shot" / "report.json").read_text())["top1_deviation"] >= 0


def test_labels_corpus_and_background_of_ones_own(
    run: Run, tiny_weights: Path, tiny_clip: Path, clip: Path, tmp_path: Path
) -> None:
    pytest.importorskip("open_clip")
    (tmp_path / "labels.txt").write_text("juggling balls\nriding a bike\n")
    (tmp_path / "none.txt").write_text("an empty room\n")
    (tmp_path / "mine.jsonl").write_text('{"unit": "torch"}\n{"unit": "torch", "description": "a flame"}\n')
    corpus = tmp_path / "corpus.jsonl"
    words = ("--labels", tmp_path / "labels.txt", "--given", tmp_path / "mine.jsonl", "--no-common")
    code, said, told = run("corpus", *words, "--clip", tiny_clip, "--out", corpus)
    assert (code, said) == (0, f"3 entities, 2 of the labels: {corpus}\n")
    assert "were merged: torch" in told
    assert [json.loads(line)["unit"] for line in corpus.read_text().splitlines()] == ["torch", "ball", "bike"]
    told = run("corpus", *words[:2], "--clip", tiny_clip, "--out", tmp_path / "common.jsonl")[2]
    assert told.count("nearly the same: ") == 20
    assert re.search(r"^and \d+ further pairs that are less alike$", told, flags=re.MULTILINE)
    more = ("--corpus", corpus, "--background", tmp_path / "none.txt", "--clip", tiny_clip)
    code, _, told = run(
        *("predict", clip, "--weights", tiny_weights, "--labels", tmp_path / "labels.txt", *more),
        *("--out", tmp_path / "out", "--annotate", "--regions", *CPU),
    )
    assert (code, told) == (0, "")
    report = json.loads((tmp_path / "out" / "000.json").read_text())
    assert {each["label"] for each in report["top"]} == {"juggling balls", "riding a bike"}
    assert 0 <= report["none"] <= 1
    assert {each["unit"] for each in report["entities"]} <= {"torch", "ball", "bike"}
    with np.load(tmp_path / "out" / "000_regions.npz") as saved:
        assert saved["units"].tolist() == ["torch", "ball", "bike"]


def test_windows_and_vectors(run: Run, tiny_weights: Path, clip: Path, tmp_path: Path) -> None:
    more = ("--weights", tiny_weights, *CPU)
    assert run("predict", clip, *more, "--out", tmp_path / "out", "--window", 0.4, "--stride", 0.2)[0] == 0
    windows = json.loads((tmp_path / "out" / "000.json").read_text())["windows"]
    assert [round(window["start"], 6) for window in windows] == [0, 0.2, 0.4, 0.5]
    code, said, _ = run("features", clip, *more, "--out", tmp_path / "vectors.npz")
    assert (code, said) == (0, f"1 videos done, 0 failed; vectors: {tmp_path / 'vectors.npz'}\n")
    with np.load(tmp_path / "vectors.npz") as saved:
        assert saved["vectors"].shape == (1, 32)


def test_bad_input_is_one_line(run: Run, tiny_weights: Path, tiny_clip: Path, videos: Path, tmp_path: Path) -> None:
    weights, out = ("--weights", tiny_weights), ("--out", tmp_path / "out")
    for name, text in (("empty.txt", ""), ("twice.txt", "run\nsit\nRun\n"), ("ids.txt", f"{ACTIONS[0]}/000.mp4 9\n")):
        (tmp_path / name).write_text(text)
    (tmp_path / "corpus.jsonl").write_text("")
    (tmp_path / "gone.txt").write_text("gone.mp4 0\n")
    (tmp_path / "four.txt").write_text("\n".join(ACTIONS))
    labels, predict = ("--labels", tmp_path / "four.txt"), ("predict", videos, *weights, *out, *CPU)
    evaluate = ("evaluate", *weights, *out, *CPU)
    for words, told in (
        ((*predict, "--labels", tmp_path / "empty.txt"), "no labels; it should have one on each line"),
        ((*predict, "--labels", tmp_path / "twice.txt"), "twice.txt, line 3: labels are there twice: run"),
        ((*predict, "--labels", tmp_path / "none.txt"), "none.txt: not a list of labels"),
        ((*predict, "--labels", tmp_path / "twice.txt", "--clip", videos / ACTIONS[0] / "000.mp4"), "labels are there"),
        ((*predict, "--corpus", tmp_path / "corpus.jsonl"), "a corpus without entities"),
        ((*predict, "--templates", "a photo"), "lacks {label}"),
        ((*predict, "--stride", 1), "stride is 1.0, which is for windows; give window too"),
        ((*predict, "--window", -1), "both must be seconds, at least 0"),
        ((*predict, "--frames", -1), "frames is -1"),
        ((*predict, "--crops", 2), "crops"),
        (("evaluate", "--data", videos, *out), "give either --weights or --results"),
        ((*evaluate, "--data", videos, "--protocols", "one-shot"), "protocols"),
        (
            (*evaluate, "--data", tmp_path / "ids.txt", *labels, "--videos", videos),
            "class 9 is not one of the 4 labels",
        ),
        ((*evaluate, "--data", tmp_path / "gone.txt", *labels, "--videos", videos), "none of its 1 videos is in"),
        ((*evaluate, "--data", tmp_path / "ids.txt", "--videos", videos), "give the file of labels too"),
        (("train", "--recipe", "demo", *out, "--data", tmp_path / "none"), "no such file or folder"),
        (("train", "--recipe", "demo", *out, "--data", videos, "--clip", tmp_path / "four.txt"), "four.txt"),
        (("corpus", "--out", tmp_path / "c.jsonl"), "nothing to build a corpus of"),
        (("corpus", *labels, "--out", tmp_path / "c.jsonl", "--wordnet", tmp_path), "not WordNet's database"),
        (("features", videos, *weights, "--out", tmp_path / "a.csv", *CPU), "vectors are written as .npz"),
    ):
        refuses(run, *words, told=told)
    assert not (tmp_path / "c.jsonl").exists()


def test_clip_of_another_tower(run: Run, tiny_weights: Path, tmp_path: Path) -> None:
    """Its vectors have another length than the network's."""
    pytest.importorskip("open_clip")
    import torch

    from visioncore.backbones.clip_transformer import CLIPText, CLIPTextConfig, CLIPViT, CLIPViTConfig

    text = CLIPText(CLIPTextConfig(width=64, layers=1, heads=1, embed_dim=24))
    tower = CLIPViT(CLIPViTConfig(width=64, layers=1, heads=1, patch=8, image_size=32, embed_dim=24))
    state = {f"visual.{name}": tensor for name, tensor in tower.state_dict().items()} | dict(text.state_dict())
    sizes = {"input_resolution": 32, "context_length": 77, "vocab_size": 49408}
    torch.save(state | {name: torch.tensor(size) for name, size in sizes.items()}, tmp_path / "other.pt")
    (tmp_path / "labels.txt").write_text("jumping\n")
    (tmp_path / "clip.mp4").write_bytes(b"not looked at")
    words = ("predict", tmp_path / "clip.mp4", "--weights", tiny_weights, "--clip", tmp_path / "other.pt", *CPU)
    told = "vectors of length 24; the network has 8, 64 and 32"
    refuses(run, *words, "--out", tmp_path / "out", "--labels", tmp_path / "labels.txt", told=told)


def test_commands_on_clip_s_own_weights_by_their_name(
    run: Run, tiny_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISIONCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    weights = ("--weights", "clip-vit-b-16")
    refuses(run, "bench", *weights, told="not fetched yet; run: alt-action weights get clip-vit-b-16")
    place = tmp_path / "cache" / "weights" / "alt-action" / "clip-vit-b-16" / "ViT-B-16.pt"
    place.parent.mkdir(parents=True)
    shutil.copy(tiny_clip, place)
    code, said, _ = run("info", *weights)
    assert code == 0
    assert "CLIP's image tower of 2 blocks, width 64" in said
    assert run("bench", *weights, "--rounds", 1, "--dtypes", "float32", "--out", "bench.json", *CPU)[0] == 0
    assert run("export", *weights, "--out", "exported", "--format", "pt2")[0] == 0
    assert (tmp_path / "exported" / "model.pt2").is_file()


def test_entities_that_do_not_match_their_digest(run: Run, tiny_weights: Path, clip: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    from alt_action import Corpus, Entity, load_model

    model = load_model(tiny_weights)
    model.set_corpus(Corpus.of(map(Entity, model.config.units)), lambda texts: model.entities)
    model.save_pretrained(tmp_path / "mine")
    state = load_file(tmp_path / "mine" / "model.safetensors")
    state["entities"] = state["entities"].flip(0).contiguous()
    save_file(state, tmp_path / "mine" / "model.safetensors")
    told = "the entities are not those that config.json names"
    refuses(run, "predict", clip, "--weights", tmp_path / "mine", "--out", tmp_path / "out", *CPU, told=told)
