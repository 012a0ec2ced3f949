"""Label files as they are shared, and plain words."""

from __future__ import annotations

from pathlib import Path

import pytest

from alt_action.data.labels import as_labels, read_labels
from alt_action.data.nouns import noun_phrases, singular
from alt_action.network.corpus import label_text
from visioncore.errors import InputError


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("ApplyEyeMakeup", "apply eye makeup"),
        ("YoYo", "yo yo"),
        ("brush_hair", "brush hair"),
        ("brush hair", "brush hair"),
        ("Holding [something] next to [something]", "holding something next to something"),
        ("massaging person's head", "massaging person's head"),
        ("Swiping Left", "swiping left"),
    ],
)
def test_plain_words(label: str, text: str) -> None:
    assert label_text(label) == text


def test_every_kind_of_file(tmp_path: Path) -> None:
    files = {
        "labels.txt": "brush_hair\ncartwheel\n\ncatch\n",
        "k600.csv": "id,name\n0,abseiling\n1,acting in play\n2,air drumming\n",
        "classInd.txt": "1 ApplyEyeMakeup\n2 ApplyLipstick\n3 Archery\n",
        "labels.json": '{"Approaching [something]": "0", "Bending [something]": "1", "Burying": "2"}',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = {name: read_labels(tmp_path / name) for name in files}
    assert found["labels.txt"].names == ("brush_hair", "cartwheel", "catch")
    assert found["k600.csv"].names == ("abseiling", "acting in play", "air drumming")
    assert found["classInd.txt"].ids == (1, 2, 3)
    assert found["classInd.txt"].by_id[3] == 2
    assert found["labels.json"].texts[0] == "approaching something"
    assert {labels.ids for name, labels in found.items() if name != "classInd.txt"} == {(0, 1, 2)}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.txt", "", "no labels; it should have one on each line"),
        ("a.txt", " \n\n", "no labels"),
        ("a.txt", "brush hair\nclap\nbrush_hair\n", "line 3: labels are there twice: brush hair; each only once"),
        ("a.txt", "[]\n", r"line 1: '\[\]' has no word"),
        ("a.txt", "\0", "not text in UTF-8"),
        ("a.csv", "id,name\nx,clap\n", "line 2: 'x,clap'; it should be an id and a name"),
        ("a.csv", "id,name\n1,clap\n1,sit\n", "ids are there twice: 1"),
        ("a.json", "[1", "not JSON"),
        ("a.json", "[1]", "should be an object of label and id"),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=told) as caught:
        read_labels(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name))


def test_missing_file_and_labels_in_memory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt: not a list of labels \(No such file"):
        read_labels(tmp_path / "none.txt")
    with pytest.raises(InputError, match="labels: no labels"):
        as_labels([])


@pytest.mark.parametrize(
    ("label", "nouns"),
    [
        ("playing bass guitar", ["bass guitar", "guitar"]),
        ("ApplyEyeMakeup", ["eye makeup", "makeup"]),
        ("massaging person's head", ["head"]),
        ("cutting watermelons", ["watermelon"]),
        ("catching or throwing baseball", ["baseball"]),
        ("passing American football (in game)", ["american football", "football"]),
        ("hitting a punching bag", ["punching bag", "bag"]),
        ("draw_sword", ["sword"]),
        ("kick", []),
        ("abseiling", []),
        ("Putting [something] into [something]", []),
        ("Pretending to close [something]", []),
        ("brushing teeth", ["teeth"]),
        ("golf swing", ["golf swing", "swing"]),
    ],
)
def test_nouns_by_rules(label: str, nouns: list[str]) -> None:
    assert noun_phrases(label) == nouns


def test_singular() -> None:
    words = ("knives", "children", "boxes", "cherries", "grass", "bus", "trousers", "dogs", "gas")
    assert [singular(word) for word in words] == [
        *("knife", "child", "box", "cherry", "grass", "bus", "trousers", "dog", "gas"),
    ]
