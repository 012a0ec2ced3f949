"""The card of weights: written with them, found again beside them, and never taken for that of others."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import nn

from visioncore.errors import InputError
from visioncore.methods import Checkpoint, find_methods
from visioncore.training.config import LoopConfig
from visioncore.training.trained_weights import card_of_run
from visioncore.weights.card import CARD_FILE, Card, Measured, as_lines, card_of, published_card, read_card
from visioncore.weights.model_card import model_card
from visioncore.weights.places import digest_of_file, digests_of, place_of_weights
from visioncore.weights.pretrained import Pretrained

METHOD = find_methods()[0][0]
CARD = Card("to try it", "ten squares", "Apache-2.0", (Measured("PSNR", 31.5, "dB", "two squares"),))


@dataclass(frozen=True)
class Config:
    width: int = 2


class Model(Pretrained):
    config_class = Config

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config or Config()
        self.layer = nn.Linear(self.config.width, 1)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    Model().save_pretrained(tmp_path / "weights", card=CARD)
    return tmp_path / "weights"


def test_it_is_found_beside_its_weights(weights: Path) -> None:
    for place in (weights, weights / "model.safetensors"):
        found = read_card(place)
        assert found is not None
        assert replace(found, files={}) == CARD
        assert found.files == digests_of(weights, settings=False)
    assert list(digests_of(weights)) == ["config.json", "model.safetensors"]
    Model.from_pretrained(weights)


def test_it_is_not_taken_for_that_of_others(weights: Path) -> None:
    card = (weights / CARD_FILE).read_bytes()
    Model().save_pretrained(weights)
    assert not (weights / CARD_FILE).exists()
    (weights / CARD_FILE).write_bytes(card)
    assert read_card(weights) is None
    assert read_card(weights.parent) is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"card": 2}', '{"card": 1, "intended_use": 3, "trained_on": "", "licence": ""}', "\xff"]
)
def test_a_damaged_card(weights: Path, text: str) -> None:
    (weights / CARD_FILE).write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"card\.json: no card of weights") as caught:
        read_card(weights)
    assert "\n" not in str(caught.value)


def test_lines_for_people() -> None:
    assert as_lines(CARD) == {
        "purpose": "to try it",
        "trained on": "ten squares",
        "measured": "PSNR 31.5 dB (two squares)",
        "terms": "Apache-2.0",
    }
    assert as_lines(replace(CARD, measured=()))["measured"] == "nothing"
    assert as_lines(replace(CARD, source={"terms": "ask"}))["terms"] == "Apache-2.0 (ask)"


def test_of_a_file_that_authors_published(tmp_path: Path) -> None:
    file = tmp_path / "authors.pth"
    file.write_bytes(b"published")
    digest = digest_of_file(file)
    unknown = published_card(METHOD, file)
    assert (unknown.licence, unknown.source["sha256"], unknown.measured) == ("not stated", digest, ())
    checkpoint = Checkpoint("net", "trained on rain", "https://a.b/net.pth", "MIT", "cite it", sha256=digest[:8])
    card = card_of(replace(METHOD, checkpoints=(checkpoint,)), file)
    assert card is not None
    assert (card.trained_on, card.licence, card.source["address"]) == ("trained on rain", "MIT", "https://a.b/net.pth")


def test_of_a_run() -> None:
    about = {"method": "m", "recipe": {"crop": 32, "photos": Path("a")}, "images": 380, "weights": "demo"}
    card = card_of_run(about, LoopConfig(steps=9, batch_size=4), 7, {"psnr": 30.0, "lost": float("nan")})
    assert card.trained_on == "380 images"
    assert [(each.what, each.value) for each in card.measured] == [("psnr", 30.0)]
    assert "step 7" in card.measured[0].on
    assert (card.training["steps"], card.training["batch_size"], card.training["recipe"]["crop"]) == (7, 4, 32)
    assert card.licence == "not stated"
    json.dumps(dict(card.training))


def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with place_of_weights(METHOD, "demo") as place:
        assert place is not None
        assert list(digests_of(place)) == ["config.json", "model.safetensors"]
    for given, option in (("none", "weights"), ("../demo", "weights"), ("owner/none", "weights"), ("demo", "prompt")):
        with place_of_weights(METHOD, given, option) as place:
            assert place is None, given
    torch.save({}, "net.pth")
    with place_of_weights(METHOD, "net.pth", "clip") as place:
        assert place == Path("net.pth")


def test_cards_need_no_torch() -> None:
    lines = "import sys, visioncore.weights.card\nassert not {'torch', 'numpy'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", lines], check=False).returncode == 0


@pytest.mark.parametrize(
    ("licence", "wanted"),
    [
        ("CC-BY-NC-4.0", "\nlicense: cc-by-nc-4.0\ntags:"),
        ("GPL-3.0-only", "\nlicense: gpl-3.0\ntags:"),
        ("not stated", "\nlicense: unknown\ntags:"),
        ("Our own terms!", "\nlicense: other\nlicense_name: our-own-terms\ntags:"),
    ],
)
def test_the_licence_of_a_model_card(licence: str, wanted: str) -> None:
    assert wanted in model_card(Model, "someone/model", replace(CARD, licence=licence))
