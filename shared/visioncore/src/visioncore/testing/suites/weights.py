"""The behaviour of ``--weights`` with good and bad files, the same in every method."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ...errors import InputError
from .base import Run, Suite, refuses


class Harmful:
    """An object that would make a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.path,)


class WeightsSuite(Suite):
    """The tests of ``load_model``; expects a fixture ``tiny_weights``, the folder of a small network."""

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

    def test_a_pickled_object_is_refused_and_not_run(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "model.pth"
        torch.save({"state_dict": {}, "extra": Harmful(tmp_path / "run")}, path)
        self.refused(path, "holds pickled objects")
        refuses(run, *self.convert_words(path), "--out", tmp_path / "out", told="nothing in it was run")
        assert not (tmp_path / "run").exists()
        assert not (tmp_path / "out").exists()
