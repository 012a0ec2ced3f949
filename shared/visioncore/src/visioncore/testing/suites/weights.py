"""The behaviour of ``--weights`` with good and bad files, the same in every method."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ...errors import InputError
from ...methods import Checkpoint, Method
from .base import Run, Suite, refuses


class Harmful:
    """An object that would make a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.path,)


def checkpoint_faults(method: Method) -> list[str]:
    """Return one line for each thing wrong with the table of a method's checkpoints."""
    names = [checkpoint.name for checkpoint in method.checkpoints]
    found = [f"{name} is named twice" for name in sorted(set(names)) if names.count(name) > 1]
    for checkpoint in method.checkpoints:
        found += [f"{checkpoint.name}: {fault}" for fault in _faults(method, checkpoint)]
    return found


def _faults(method: Method, checkpoint: Checkpoint) -> list[str]:
    known = {other.name: other for other in method.checkpoints}
    beside = checkpoint.companions
    on_drive, in_folder = "//drive.google.com/" in checkpoint.address, "/drive/folders/" in checkpoint.address
    faults = {
        "the name should be small letters, digits and -": not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", checkpoint.name),
        "a variant of the network, or demo, has this name": checkpoint.name in (*method.network.variants, "demo"),
        "the address should begin with https://": not checkpoint.address.startswith("https://"),
        "an address on Google Drive should end with /uc?id=ID, or with /drive/folders/ID": on_drive
        and not re.search(r"/(uc\?id=|drive/folders/)[\w-]+$", checkpoint.address),
        "a folder on Google Drive wants the place of the file inside": in_folder != bool(checkpoint.inside),
        "what, licence and terms should be given": not (checkpoint.what and checkpoint.licence and checkpoint.terms),
        "the size should be the number of bytes": checkpoint.size is not None and checkpoint.size < 1,
        "sha256 should be hexadecimal": not re.fullmatch(r"[0-9a-f]{0,64}", checkpoint.sha256),
        "a companion should be a backbone of the table": not all(known[n].reads for n in beside.values() if n in known)
        or not set(beside.values()) <= known.keys(),
        "an argument of a companion should be one of the network's": not set(beside) <= set(method.network.companions),
        "a backbone has an option of its own": bool(checkpoint.reads) == (checkpoint.option == "weights"),
        "only a backbone can be a network alone": checkpoint.alone and not checkpoint.reads,
        "reads should be a function": bool(checkpoint.reads) and not callable(method.load(checkpoint.reads or ":")),
    }
    return [fault for fault, there in faults.items() if there]


class WeightsSuite(Suite):
    """The tests of ``load_model`` and of the command ``weights``.

    It expects a fixture ``tiny_weights``, the folder of a small network.
    """

    @pytest.fixture(autouse=True)
    def _nothing_fetched(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Keep what the user of this machine has fetched out of the tests."""
        monkeypatch.setenv("VISIONCORE_CACHE", str(tmp_path / "cache"))

    @property
    def method(self) -> Method:
        """The record of the package."""
        found: Method = self.module("method").METHOD
        return found

    def refused(self, weights: Path, told: str) -> None:
        """Check that loading ends in one line that names the file and says ``told``."""
        with pytest.raises(InputError) as caught:
            self.public.load_model(weights)
        message = str(caught.value)
        assert "\n" not in message
        assert str(weights) in message
        assert told in message, message

    @pytest.fixture
    def copy(self, tiny_weights: Path, tmp_path: Path) -> Path:
        """A copy of the small network's folder, to be damaged."""
        return Path(shutil.copytree(tiny_weights, tmp_path / "copy"))

    def test_a_folder_and_its_file_hold_the_same(self, tiny_weights: Path) -> None:
        load = self.public.load_model
        folder, file = load(tiny_weights), load(str(tiny_weights / "model.safetensors"))
        assert not folder.training
        state = file.state_dict()
        assert all(torch.equal(tensor, state[name]) for name, tensor in folder.state_dict().items())

    def test_what_is_not_there(self, tmp_path: Path) -> None:
        self.refused(tmp_path / "none", "no such file or folder")
        self.refused(tmp_path, "no config.json in this folder")

    def test_files_that_are_no_checkpoint(self, tmp_path: Path) -> None:
        path = tmp_path / "model.pth"
        path.write_bytes(b"")
        self.refused(path, "empty")
        path.write_text("<html>quota exceeded</html>")
        self.refused(path, "not a checkpoint")

    def test_a_truncated_file(self, copy: Path) -> None:
        path = copy / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(InputError, match=r"model\.safetensors: .*(truncated|damaged)"):
            self.public.load_model(copy)

    def test_the_configuration_of_another_network(self, copy: Path) -> None:
        config = json.loads((copy / "config.json").read_text())
        (copy / "config.json").write_text(json.dumps({**config, "number_of_wheels": 4}))
        with pytest.raises(InputError, match="number_of_wheels"):
            self.public.load_model(copy)

    def test_weights_of_another_method(self, tmp_path: Path) -> None:
        torch.save({"wheel.weight": torch.zeros(1)}, tmp_path / "other.pth")
        with pytest.raises(InputError, match=r"other\.pth: not an? .*checkpoint"):
            self.public.load_model(tmp_path / "other.pth")

    def test_the_table_of_checkpoints(self) -> None:
        assert checkpoint_faults(self.method) == []

    def test_the_list_of_checkpoints(self, run: Run) -> None:
        code, said, complaints = run("weights", "list")
        assert (code, complaints) == (0, "")
        assert ("no weights are published" in said) == (not self.method.checkpoints)
        facts = json.loads(run("weights", "list", "--json")[1])
        assert [entry["name"] for entry in facts] == [checkpoint.name for checkpoint in self.method.checkpoints]
        assert not any(entry["fetched"] for entry in facts)

    def test_checkpoints_that_are_not_fetched(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        refuses(
            run, "weights", "get", "no-such-name", "--accept", told="no published weights are called 'no-such-name'"
        )
        for checkpoint in self.method.checkpoints:
            command = f"not fetched yet; run: {self.method.name} weights get {checkpoint.name}"
            refuses(run, "weights", "path", checkpoint.name, told=command)
            backbone = checkpoint.reads and not checkpoint.alone
            told = f"it is given as --{checkpoint.option}" if backbone else command
            refuses(run, "info", "--weights", checkpoint.name, told=told)
            # terms are for people to accept: the tests have no terminal
            refuses(run, "weights", "get", checkpoint.name, told="--accept says that you accept licence and terms")
        assert not (tmp_path / "cache").exists()

    def test_a_file_at_hand_that_is_no_checkpoint(self, run: Run, tmp_path: Path) -> None:
        page = tmp_path / "page.pth"
        page.write_text("<!DOCTYPE html><html>quota exceeded</html>")
        for checkpoint in self.method.checkpoints:
            if not checkpoint.companions:
                refuses(
                    run, "weights", "get", checkpoint.name, "--file", page, told=f"{page}: a web page came in place"
                )
        assert not list(tmp_path.glob("cache/weights/*/*/config.json"))

    def test_a_pickled_object_is_refused_and_not_run(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "model.pth"
        torch.save({"state_dict": {}, "extra": Harmful(tmp_path / "run")}, path)
        self.refused(path, "holds pickled objects")
        refuses(run, *self.convert_words(path), "--out", tmp_path / "out", told="nothing in it was run")
        assert not (tmp_path / "run").exists()
        assert not (tmp_path / "out").exists()
