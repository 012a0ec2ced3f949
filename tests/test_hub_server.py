"""Models go to the Hub and come from it, through its own client and a small server that answers as the Hub does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from brighter_photo import Brighter
from visioncore.testing.hub_server import TOKEN, Hub, Repository, local_hub
from visioncore.weights.model_card import model_card

SESSION = Path(__file__).with_name("hub_session.py")


def session(home: Path, kind: str, address: str, **more: str) -> dict[str, Any]:
    """Return what comes of a session with the Hub at an address, whose files are kept in a folder."""
    variables = {"HF_ENDPOINT": address, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "OMP_NUM_THREADS": "1"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")} | variables | more
    command = [sys.executable, str(SESSION), kind]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=home, timeout=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def online(home: Path) -> tuple[dict[str, Any], Hub]:
    with local_hub() as hub:
        hub.repositories["someone/strangers-secret"] = Repository(private=True)
        settings = b'{"model": "Brighter", "visioncore": 1, "channels": 3}'
        for name, files in {"unfinished": {"README.md": b"#"}, "half": {"config.json": settings}}.items():
            hub.repositories[f"someone/{name}"] = Repository()
            hub.repositories[f"someone/{name}"].commit(files)
        return session(home, "online", hub.address, THE_TOKEN=TOKEN), hub


def test_a_model_goes_there_and_comes_back(online: tuple[dict[str, Any], Hub]) -> None:
    found, hub = online
    assert found["address"] == f"{hub.address}/someone/brighter"
    names = [".gitattributes", "README.md", "card.json", "config.json", "model.safetensors"]
    assert sorted(list(hub.repositories["someone/brighter"].commits.values())[1]) == names
    assert (found["newest"], found["of a revision"], found["private"]) == (3, 2, 4)
    assert hub.repositories["someone/secret"].private
    assert found["card kept"]


def test_a_paper_that_is_not_on_arxiv_is_named_without_a_link() -> None:
    text = model_card(Brighter, "someone/brighter", None)
    assert "The method is that of " in text
    assert "arxiv.org" not in text


def test_the_model_card(online: tuple[dict[str, Any], Hub]) -> None:
    found, _ = online
    _, head, text = found["card"].split("---\n", 2)
    metadata = yaml.safe_load(head)
    (index,) = metadata.pop("model-index")
    assert metadata == {
        "library_name": "brighter-photo",
        "license": "apache-2.0",
        "pipeline_tag": "image-to-image",
        "tags": ["brighter-photo", "visioncore"],
    }
    assert index["name"] == "brighter"
    assert [result["task"]["type"] for result in index["results"]] == ["image-to-image"] * 2
    figures = {
        result["dataset"]["name"]: [(metric["type"], metric["name"], metric["value"]) for metric in result["metrics"]]
        for result in index["results"]
    }
    squares = [("psnr", "PSNR (dB)", 31.5), ("ssim", "SSIM", 0.9)]
    assert figures == {"two squares": squares, "a circle": [("psnr", "PSNR (dB)", 28.0)]}
    command = "brighter-photo predict colours.png --weights someone/brighter --out results"
    assert f"```bash\npip install brighter-photo\n{command}\n```\n" in text
    assert "## Purpose\n\nto try it\n" in text
    assert "@inproceedings{" in text
    assert found["snippet"] == 2, "what the Python lines of the card load"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (
            "private without a token",
            "someone/strangers-secret: no such file or folder here, and on the Hugging Face Hub",
        ),
        ("private without a token", "or a private one: for that, log in (hf auth login) or give a token that may read"),
        ("a repository that is not there", "someone/none: no such file or folder here, and on the Hugging Face Hub"),
        ("a revision that is not there", "someone/brighter: has no branch, tag or commit v9 on the Hugging Face Hub"),
        ("no configuration", "someone/unfinished: the repository has no config.json, which push_to_hub writes"),
        ("no weights", "someone/half: the repository has no model.safetensors, which push_to_hub writes"),
        ("push without a token", "someone/new: not uploaded to the Hugging Face Hub (Client error '401 Unauthorized'"),
        ("push to others", "You don't have the rights to create a model under this namespace"),
    ],
)
def test_errors_are_one_line(online: tuple[dict[str, Any], Hub], what: str, words: str) -> None:
    said = online[0][what]
    assert words in said
    assert "\n" not in said


def test_offline_with_a_copy(online: tuple[dict[str, Any], Hub], home: Path) -> None:
    found = session(home, "offline", "http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert found["newest"] == 3
    assert "\n" not in found["not there"]
    assert "HF_HUB_OFFLINE" in found["not there"]
