"""Models as folders and as single files: whole or not at all, and one line when something is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from visioncore.errors import InputError
from visioncore.weights import pretrained as hub
from visioncore.weights.places import CONFIG_FILE, WEIGHTS_FILE
from visioncore.weights.pretrained import Pretrained
from visioncore.weights.state_dicts import write_state_dict


@dataclass(frozen=True)
class TinyConfig:
    width: int = 4
    heads: tuple[int, ...] = (1, 2)
    window: tuple[float, float] = (0.5, 2)
    norm: Literal["layer", "batch"] = "layer"
    slope: float | None = None

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width should be at least 1, not {self.width}")


class Tiny(Pretrained):
    """A network with a tied parameter and a buffer."""

    config_class = TinyConfig
    config: TinyConfig

    def __init__(self, config: TinyConfig | None = None) -> None:
        super().__init__()
        self.config = config or TinyConfig()
        self.first = nn.Linear(self.config.width, self.config.width)
        self.second = nn.Linear(self.config.width, self.config.width)
        self.second.weight = self.first.weight
        self.norm = nn.BatchNorm1d(self.config.width)

    def forward(self, rows: Tensor) -> Tensor:
        result: Tensor = self.norm(self.second(self.first(rows)))
        return result


class Other(Tiny):
    """Another model with the same tensors."""


CONFIG = TinyConfig(width=3, heads=(1, 2, 4), norm="batch", slope=0.25)


@pytest.fixture
def model() -> Tiny:
    torch.manual_seed(0)
    model = Tiny(CONFIG)
    model.train()(torch.randn(8, 3))
    return model.eval()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assert_equal(found: Tiny, wanted: Tiny) -> None:
    assert type(found) is type(wanted)
    assert found.config == wanted.config
    assert not found.training
    assert found.second.weight is found.first.weight
    rows = torch.randn(5, wanted.config.width)
    assert torch.equal(found(rows), wanted(rows))


def load_error(source: Path | str) -> str:
    with pytest.raises(InputError) as caught:
        Tiny.from_pretrained(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_round_trip_through_a_folder(tmp_path: Path, model: Tiny) -> None:
    folder = tmp_path / "runs" / "tiny"
    model.save_pretrained(folder)
    assert files(folder) == [CONFIG_FILE, WEIGHTS_FILE]
    assert files(folder.parent) == ["tiny"]
    assert_equal(Tiny.from_pretrained(folder), model)
    assert_equal(Tiny.from_pretrained(str(folder)), model)
    assert json.loads((folder / CONFIG_FILE).read_text()) == {
        "model": "Tiny",
        "visioncore": 1,
        "width": 3,
        "heads": [1, 2, 4],
        "window": [0.5, 2],
        "norm": "batch",
        "slope": 0.25,
    }


def test_round_trip_through_a_file(tmp_path: Path, model: Tiny) -> None:
    model.save_file(tmp_path / "tiny.safetensors")
    assert files(tmp_path) == ["tiny.safetensors"]
    assert_equal(Tiny.from_pretrained(tmp_path / "tiny.safetensors"), model)


def test_saving_again_keeps_other_files(tmp_path: Path, model: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log.jsonl").write_text("kept")
    Tiny().save_pretrained(tmp_path)
    monkeypatch.chdir(tmp_path)
    model.save_pretrained(".")
    assert files(tmp_path) == [CONFIG_FILE, "log.jsonl", WEIGHTS_FILE]
    assert_equal(Tiny.from_pretrained("."), model)


def test_a_write_that_fails_leaves_the_previous_folder(
    tmp_path: Path, model: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.save_pretrained(tmp_path / "old")
    before = {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()}

    def full(path: Path, *_: Any) -> None:
        path.write_bytes(b"half")
        raise InputError(f"{path}: could not be written (No space left on device)")

    monkeypatch.setattr(hub, "write_state_dict", full)
    for name in ("old", "new"):
        with pytest.raises(InputError, match=r"No space left on device") as caught:
            Tiny(TinyConfig(width=7)).save_pretrained(tmp_path / name)
        assert str(caught.value).startswith(f"{tmp_path / name / WEIGHTS_FILE}: ")
    assert files(tmp_path) == ["old"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()} == before


def test_nothing_is_touched_before_everything_is_written(
    tmp_path: Path, model: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a kill in the middle leaves the previous folder as it was."""
    model.save_pretrained(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    seen = []

    def watch(path: Path, state: dict[str, Tensor], metadata: dict[str, str]) -> None:
        write_state_dict(path, state, metadata)
        seen.append({name: (tmp_path / name).read_bytes() for name in before})

    monkeypatch.setattr(hub, "write_state_dict", watch)
    Tiny(TinyConfig(width=7)).save_pretrained(tmp_path)
    assert seen == [before]
    assert Tiny.from_pretrained(tmp_path).config.width == 7
    assert files(tmp_path) == [CONFIG_FILE, WEIGHTS_FILE]


def test_a_folder_that_is_a_file(tmp_path: Path, model: Tiny) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(InputError, match="taken: could not be written"):
        model.save_pretrained(tmp_path / "taken")
    assert files(tmp_path) == ["taken"]
    assert (tmp_path / "taken").read_text() == "mine"


def test_tuples_come_back_as_tuples(tmp_path: Path, model: Tiny) -> None:
    model.save_pretrained(tmp_path)
    config = Tiny.from_pretrained(tmp_path).config
    assert isinstance(config.heads, tuple)
    assert isinstance(config.window, tuple)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"depth": 3}, "unknown field depth"),
        ({"width": "wide"}, "width should be a whole number"),
        ({"norm": "group"}, "norm should be one of layer, batch"),
        ({"heads": 3}, "heads should be a list"),
        ({"width": 0}, "width should be at least 1"),
        ({"model": "Other"}, "describes the model Other, not Tiny"),
        ({"visioncore": 2}, "has format 2"),
        ({"visioncore": True}, "has format True"),
        ({"width": 5}, "misshapen (first.weight is 3x3, not 5x5"),
    ],
)
def test_a_configuration_that_is_wrong(tmp_path: Path, model: Tiny, changes: dict[str, Any], words: str) -> None:
    model.save_pretrained(tmp_path)
    values = json.loads((tmp_path / CONFIG_FILE).read_text()) | changes
    (tmp_path / CONFIG_FILE).write_text(json.dumps(values))
    text = load_error(tmp_path)
    assert words in text
    assert text.startswith(str(tmp_path))


@pytest.mark.parametrize("text", ["{", "[1]", "{}", '{"architectures": ["ResNet"]}', "\x00"])
def test_a_configuration_of_something_else(tmp_path: Path, model: Tiny, text: str) -> None:
    model.save_pretrained(tmp_path)
    (tmp_path / CONFIG_FILE).write_text(text)
    words = "not a configuration of Tiny" if text.startswith(("[", "{}", '{"')) else "not JSON"
    assert words in load_error(tmp_path)


def test_a_field_given_twice(tmp_path: Path, model: Tiny) -> None:
    model.save_pretrained(tmp_path)
    config = tmp_path / CONFIG_FILE
    config.write_text(config.read_text().replace("{", '{"width": 4, ', 1))
    assert load_error(tmp_path) == f"{config}: width is there twice; each only once"


def test_missing_and_damaged_files(tmp_path: Path, model: Tiny) -> None:
    assert "no config.json in this folder" in load_error(tmp_path)
    model.save_pretrained(tmp_path)
    weights = tmp_path / WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes()[:-5])
    assert "truncated" in load_error(tmp_path)
    weights.unlink()
    assert f"{weights}: no such file" in load_error(tmp_path)
    (tmp_path / CONFIG_FILE).write_bytes(b"\xff\xfe")
    assert "not text in UTF-8" in load_error(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
@pytest.mark.parametrize("name", [CONFIG_FILE, WEIGHTS_FILE])
def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path, model: Tiny, name: str) -> None:
    model.save_pretrained(tmp_path)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=f"{name}: a pipe or a device"):
        Tiny.from_pretrained(tmp_path)


def test_another_model_in_a_file_and_files_without_configuration(tmp_path: Path, model: Tiny) -> None:
    Other(CONFIG).save_file(tmp_path / "other.safetensors")
    assert "describes the model Other, not Tiny" in load_error(tmp_path / "other.safetensors")
    write_state_dict(tmp_path / "bare.safetensors", model.state_dict())
    assert "without a configuration" in load_error(tmp_path / "bare.safetensors")
    torch.save(model.state_dict(), tmp_path / "theirs.pth")
    assert "safetensors file is expected" in load_error(tmp_path / "theirs.pth")


def test_an_unknown_device(tmp_path: Path, model: Tiny) -> None:
    model.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="unknown device"):
        Tiny.from_pretrained(tmp_path, device="gpu")


@pytest.mark.parametrize("source", ["none", "./none/model", "/none/model", "a/b/c", "model.safetensors"])
def test_paths_that_are_no_hub_ids_never_reach_the_hub(
    source: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def reached(*_: Any, **__: Any) -> None:
        raise AssertionError("asked the Hub")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.snapshot_download", reached)
    assert "no such file or folder" in load_error(source)


OFFLINE = """
import sys
import visioncore.weights.pretrained
assert "huggingface_hub" not in sys.modules, "importing visioncore.weights.pretrained imported huggingface_hub"
try:
    visioncore.weights.pretrained.Pretrained.from_pretrained(sys.argv[1], revision="v2")
except ValueError as error:
    print(error)
"""


def test_a_hub_id_offline_is_one_line_that_names_what_was_tried(tmp_path: Path) -> None:
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    command = [sys.executable, "-c", OFFLINE, "weights/tiny"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith("weights/tiny at v2: no such file or folder here")
    assert "id on the Hugging Face Hub" in done.stdout
    assert "HF_HUB_OFFLINE" in done.stdout


def test_from_the_hub(tmp_path: Path, model: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    model.save_pretrained(tmp_path / "cache")
    asked: list[Any] = []

    def download(repo_id: str, **options: Any) -> str:
        asked.extend([repo_id, options["revision"], options["allow_patterns"]])
        return str(tmp_path / "cache")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert_equal(Tiny.from_pretrained("someone/tiny", revision="v2"), model)
    assert asked == ["someone/tiny", "v2", [CONFIG_FILE, WEIGHTS_FILE, "card.json"]]


class FakeApi:
    """Keeps what is uploaded."""

    endpoint = "https://hub.example"
    card_exists = False
    uploaded: dict[str, bytes]

    def __init__(self, token: str | None = None) -> None:
        FakeApi.uploaded = {}

    def create_repo(self, repo_id: str, private: bool, exist_ok: bool) -> None:
        if repo_id == "not/mine":
            raise PermissionError("403 Forbidden:\nyou may not")

    def file_exists(self, repo_id: str, name: str) -> bool:
        return FakeApi.card_exists

    def upload_folder(self, repo_id: str, folder_path: str, commit_message: str) -> None:
        FakeApi.uploaded = {path.name: path.read_bytes() for path in Path(folder_path).iterdir()}


def test_push(tmp_path: Path, model: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.HfApi", FakeApi)
    assert model.push_to_hub("someone/tiny") == "https://hub.example/someone/tiny"
    assert sorted(FakeApi.uploaded) == ["README.md", CONFIG_FILE, WEIGHTS_FILE]
    assert b'Tiny.from_pretrained("someone/tiny")' in FakeApi.uploaded["README.md"]
    monkeypatch.setattr(FakeApi, "card_exists", True)
    model.push_to_hub("someone/tiny")
    assert sorted(FakeApi.uploaded) == [CONFIG_FILE, WEIGHTS_FILE]
    with pytest.raises(InputError, match=r"^not/mine: not uploaded .*403 Forbidden: you may not\)$"):
        model.push_to_hub("not/mine")
