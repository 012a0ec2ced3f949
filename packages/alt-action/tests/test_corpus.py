"""The corpus: built, read, edited, and what is told of duplicates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from alt_action import load_model
from alt_action.data.building import build_corpus
from alt_action.data.corpus import Corpus, near_duplicates
from alt_action.data.entities import KINDS, Entity, common_entities
from alt_action.data.lesk import content_words, fitting_sense, label_context
from alt_action.data.wordnet import WordNet, find_wordnet
from visioncore.errors import InputError

LABELS = ("playing bass guitar", "ApplyEyeMakeup", "abseiling")


def write_database(folder: Path) -> Path:
    """WordNet's files with a few words of our own: bass is a fish first, and an instrument after that."""
    senses: dict[str, list[tuple[int, tuple[str, ...], str]]] = {
        "noun": [
            (5, ("bass", "perch"), 'a fish of lakes and rivers; "he caught a bass"'),
            (6, ("bass", "bass guitar"), "an instrument of low notes with thick strings"),
            (6, ("guitar",), "a wooden instrument with strings"),
            (4, ("abseiling",), "going down a cliff or wall on a rope"),
            (17, ("cliff",), "a steep face of rock"),
            (6, ("rope",), "a strong line"),
            (7, ("depth",), "how deep something is"),
            (18, ("Bach",), "a composer"),
        ],
        "verb": [(30, ("play",), "make music with an instrument"), (35, ("catch",), "take a fish from a lake")],
    }
    for part, lines in senses.items():
        data, index = "  1 a licence\n", dict[str, list[int]]()
        for file, words, gloss in lines:
            offset = len(data)
            for word in words:
                index.setdefault(word.lower().replace(" ", "_"), []).append(offset)
            listed = " ".join(f"{word.replace(' ', '_')} 0" for word in words)
            data += f"{offset:08d} {file:02d} {part[0]} {len(words):02x} {listed} 000 | {gloss}  \n"
        (folder / f"data.{part}").write_text(data)
        entries = [
            f"{lemma} {part[0]} {len(offsets)} 0 {len(offsets)} 0 {' '.join(f'{each:08d}' for each in offsets)}  "
            for lemma, offsets in sorted(index.items())
        ]
        (folder / f"index.{part}").write_text("\n".join(["  1 a licence", *entries]) + "\n")
    return folder


@pytest.fixture
def net(tmp_path: Path) -> WordNet:
    """A small database."""
    return WordNet(write_database(tmp_path))


def test_what_is_built_without_a_network_or_a_dictionary() -> None:
    built = Corpus.build(LABELS)
    assert built.units[:4] == ("bass guitar", "guitar", "eye makeup", "makeup")
    own = {entity.unit: entity for entity in built if entity.labels}
    assert own["bass guitar"].labels == ("playing bass guitar",)
    assert own["bass guitar"].description == "a long electric instrument with four thick strings"
    assert own["eye makeup"].text == "eye makeup"
    assert {"head", "foot", "kitchen", "ball", "child"} <= set(built.units)
    assert len(built) == len({*built.units})
    assert built.notes == ()
    alone = Corpus.build(LABELS, common=False)
    assert alone.units == ("bass guitar", "guitar", "eye makeup", "makeup")
    with pytest.raises(InputError, match="without entities"):
        Corpus.build(["abseiling"], common=False)


def test_bundled_entities_are_whole() -> None:
    every = common_entities()
    assert len(every) > 350
    assert len({entity.unit for entity in every}) == len(every)
    for entity in every:
        assert entity.unit == entity.unit.lower().strip()
        assert entity.description
        assert entity.kind in KINDS


def test_wordnet_names_each_noun_by_the_sense_that_fits(net: WordNet) -> None:
    by_label = {
        label: {e.unit: e for e in Corpus.build([label], wordnet=net, common=False)}
        for label in ("playing bass", "catching bass", "abseiling")
    }
    assert by_label["playing bass"]["bass"].description == "an instrument of low notes with thick strings"
    assert by_label["playing bass"]["bass"].kind == "object"
    assert by_label["catching bass"]["bass"].description == "a fish of lakes and rivers"
    # of an action without a noun, what its definition names
    assert list(by_label["abseiling"]) == ["cliff", "wall", "rope"]
    assert by_label["abseiling"]["cliff"].description == "a high steep wall of rock"
    with pytest.raises(InputError, match="without entities"):
        Corpus.build(["measuring depth", "hearing Bach"], wordnet=net, common=False)


def test_lesk(net: WordNet) -> None:
    fish, instrument = net.senses("bass")
    assert fish.examples == ("he caught a bass",)
    assert fitting_sense([fish, instrument], content_words("a river")) is fish
    assert fitting_sense([fish, instrument], content_words("thick strings")) is instrument
    assert fitting_sense([fish, instrument], ["nothing"]) is fish
    assert "music" in label_context(["playing"], net)
    assert [sense.words[0] for sense in net.senses("guitars")] == ["guitar"]
    assert net.senses("unheard") == []


def test_a_database_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"not WordNet's database \(index\.noun: No such file"):
        WordNet(tmp_path)
    write_database(tmp_path)
    (tmp_path / "index.noun").write_text("bass n x\n")
    with pytest.raises(InputError, match=r"index\.noun: 'bass n x'"):
        WordNet(tmp_path)
    write_database(tmp_path)
    (tmp_path / "data.noun").write_text("short\n")
    with pytest.raises(InputError, match=r"data\.noun at \d+"):
        WordNet(tmp_path).senses("rope")
    monkeypatch.setattr("alt_action.data.wordnet._places", lambda: [tmp_path / "none"])
    with pytest.raises(InputError, match="WordNet is not installed; name the folder"):
        find_wordnet()


def test_the_whole_of_wordnet() -> None:
    try:
        net = find_wordnet()
    except InputError as error:
        pytest.skip(str(error))
    built = Corpus.build(["playing sitar", "kayaking", "juggling balls"], wordnet=net, common=False)
    found = {entity.unit: entity for entity in built}
    assert found["sitar"].description.startswith("a stringed instrument of India")
    assert found["canoe"].labels == ("kayaking",)
    assert found["ball"].kind == "object"


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    corpus = Corpus.build(LABELS)
    corpus.save(tmp_path / "new" / "corpus.jsonl")
    assert Corpus.read(tmp_path / "new" / "corpus.jsonl").entities == corpus.entities


def test_duplicates_are_merged_and_told(tmp_path: Path) -> None:
    lines = [
        {"unit": "Barbell", "labels": ["lifting"]},
        {"unit": "rope", "description": None, "kind": "object"},
        {"unit": " barbell ", "description": "a long bar", "labels": ["pressing"]},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    corpus = Corpus.read(tmp_path / "a.jsonl")
    assert corpus.units == ("barbell", "rope")
    assert corpus.texts == ("barbell: a long bar", "rope")
    assert corpus.entities[0].labels == ("lifting", "pressing")
    assert corpus.notes == ("1 units are there more than once and were merged: barbell",)


def test_capitals_make_no_other_entity() -> None:
    corpus = Corpus.of([Entity("Barbell", "a  bar"), Entity("barbell")])
    assert (corpus.units, corpus.texts) == (("barbell",), ("barbell: a bar",))
    assert corpus.edited(add=[Entity("BARBELL", "a weight")]).texts == ("barbell: a weight",)


def test_no_more_than_a_network_takes() -> None:
    corpus = Corpus.of((Entity(f"thing {number}") for number in range(12)), most=10)
    assert len(corpus) == 10
    assert corpus.notes == ("2 of 12 entities were left out; a corpus has at most 10",)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "a corpus without entities"),
        ("{", "line 1: not JSON"),
        ("[1]", "should be a JSON object, {...}"),
        ('{"description": "x"}', "unit is None; it should be a word or phrase"),
        ('{"unit": " "}', "unit is ' '"),
        ('{"unit": "a", "description": 3}', "description is 3"),
        ('{"unit": "a", "kind": "animal"}', "kind is 'animal'; it should be one of object, body"),
        ('{"unit": "a", "labels": "b"}', "labels is 'b'; it should be a list of text"),
        ('{"unit": "a", "size": 3}', "unknown field 'size'; known are unit, description, kind, labels"),
    ],
)
def test_files_that_are_none(tmp_path: Path, line: str, told: str) -> None:
    (tmp_path / "a.jsonl").write_text(line)
    with pytest.raises(InputError) as caught:
        Corpus.read(tmp_path / "a.jsonl")
    assert told in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "a.jsonl"))


def test_editing_trains_nothing_anew(tiny_weights: Path) -> None:
    """Only the rows of entities change, the adapter and the tower stay; one entity is enough."""
    generator = torch.Generator().manual_seed(0)
    known: dict[str, torch.Tensor] = {}

    def encode(texts: Sequence[str]) -> torch.Tensor:
        return torch.stack([known.setdefault(text, torch.randn(32, generator=generator)) for text in texts])

    model = load_model(tiny_weights)
    units = model.config.units
    corpus = Corpus.of(map(Entity, units))
    model.set_corpus(corpus, encode)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    edited = corpus.edited(add=[Entity("rope", "a strong line"), Entity("ball", "round")], remove=["Sky"])
    assert edited.units == ("ball", "box", "ground", "hand", "wall", "rope")
    model.set_corpus(edited, encode)
    for name, tensor in model.state_dict().items():
        assert name == "entities" or torch.equal(tensor, before[name])
    assert torch.equal(model.entities[1], before["entities"][1])
    assert not torch.equal(model.entities[0], before["entities"][0])
    model.set_corpus(Corpus.of([Entity("ball")]), encode)
    assert model.eval()(torch.rand(1, 4, 3, 32, 32)).shape == (1, 32)
    with pytest.raises(InputError, match="not in the corpus: moon"):
        corpus.edited(remove=["moon"])
    with pytest.raises(InputError, match="without entities"):
        corpus.edited(remove=units)


def test_near_duplicates_are_found_across_blocks() -> None:
    rows = torch.nn.functional.normalize(torch.randn(600, 64, generator=torch.Generator().manual_seed(0)), dim=-1)
    rows[599] = torch.nn.functional.normalize(rows[3] + 0.01 * rows[4], dim=-1)
    rows[5] = rows[4]
    corpus = Corpus.of(Entity(f"thing {number}") for number in range(600))
    found = near_duplicates(corpus, rows)
    assert [pair[:2] for pair in found] == [("thing 4", "thing 5"), ("thing 3", "thing 599")]
    assert found[0][2] == pytest.approx(1)


def test_built_of_files(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("playing bass guitar\n")
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"unit": "guitar", "description": f"by {name}"}) + "\n")
    given = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    built = build_corpus(tmp_path / "labels.txt", given, common=False)
    assert built.units == ("guitar", "bass guitar")
    assert built.entities[0].description == "by a"
    assert built.entities[0].labels == ("playing bass guitar",)
    assert built.notes == ("1 units are there more than once and were merged: guitar",)
    assert len(build_corpus(None, given[:1])) == len(common_entities())
    net = build_corpus(tmp_path / "labels.txt", wordnet=write_database(tmp_path), common=False)
    assert net.entities[0].labels == ("playing bass guitar",)
    with pytest.raises(InputError, match="nothing to build a corpus of"):
        build_corpus(None)
