"""The corpus: the entities that regions are named by, as a file that can be edited without training anything anew."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from visioncore.errors import InputError, some
from visioncore.files import read_json_lines, write_text

from ..network.config import MOST_ENTITIES
from ..network.corpus import label_text
from .entities import COMMON, Entity, common_entities, read_entity
from .lesk import fitting_sense, label_context
from .nouns import noun_phrases
from .wordnet import WordNet

_SHORT = 3
"""Words of a label that may be the name of an action."""
NEAR = 0.98
"""Cosine of two embeddings above which two entities are nearly the same to a network."""


@dataclass(frozen=True)
class Corpus:
    """Entities, each unit once.

    Attributes:
        entities: in the order of the rows of their embeddings.
        notes: what happened to those that were left out, one line each.
    """

    entities: tuple[Entity, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.entities)

    def __iter__(self) -> Iterator[Entity]:
        return iter(self.entities)

    @property
    def units(self) -> tuple[str, ...]:
        """The words and phrases."""
        return tuple(entity.unit for entity in self.entities)

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each, which the text encoder is given."""
        return tuple(entity.text for entity in self.entities)

    @classmethod
    def of(cls, entities: Iterable[Entity], most: int = MOST_ENTITIES) -> Corpus:
        """Return the corpus of entities, the first of each unit; its labels are those of all of them.

        Args:
            entities: the most important first.
            most: how many are kept.

        Raises:
            InputError: if there is none.
        """
        kept, twice = _merged(entities)
        corpus = cls._limited(kept, most)
        if not twice:
            return corpus
        told = f"{len(twice)} units are there more than once and were merged: {some(twice)}"
        return replace(corpus, notes=(told, *corpus.notes))

    @classmethod
    def _limited(cls, entities: Sequence[Entity], most: int) -> Corpus:
        if not entities:
            raise InputError("a corpus without entities; it needs at least one")
        left_out = len(entities) - most
        told = f"{left_out} of {len(entities)} entities were left out; a corpus has at most {most}"
        return cls(tuple(entities[:most]), (told,) if left_out > 0 else ())

    @classmethod
    def build(
        cls,
        labels: Iterable[str],
        *,
        given: Corpus | None = None,
        wordnet: WordNet | None = None,
        common: bool = True,
        most: int = MOST_ENTITIES,
    ) -> Corpus:
        """Return the corpus of action labels, without a network or a language model.

        Nouns and noun phrases of the labels come first, then the bundled parts of the body, people, scenes and objects.

        Args:
            labels: as they are in a list.
            given: entities of your own, such as a language model's; they come before all others, and what they say of a
                unit counts.
            wordnet: names what each noun is, by the sense that fits its label, leaves out what cannot be seen, and adds
                the things in the definition of an action.
            common: take the bundled ones too.
            most: how many are kept.

        Raises:
            InputError: if there is nothing.
        """
        found = list(given or ())
        for label in labels:
            found += _plain_entities(label) if wordnet is None else _defined_entities(label, wordnet)
        # that labels share entities, among themselves and with the bundled ones, is no fault
        entities, _ = _merged((*found, *(common_entities() if common else ())))
        return cls._limited(entities, most)

    @classmethod
    def read(cls, path: str | Path) -> Corpus:
        """Read a file with a JSON object on each line: ``unit``, and perhaps ``description``, ``kind``, ``labels``.

        Raises:
            InputError: if it cannot be read, is empty, or a line is not what it should be.
        """
        lines = read_json_lines(Path(path), "a corpus")
        if not lines:
            raise InputError(f"{path}: a corpus without entities; it needs at least one")
        return cls.of(read_entity(values, f"{path}, line {number}") for number, values in lines)

    def save(self, path: str | Path) -> None:
        """Write the file that `read` reads.

        Raises:
            InputError: if it cannot be written.
        """
        write_text(path, "".join(json.dumps(entity.plain(), ensure_ascii=False) + "\n" for entity in self.entities))

    def edited(self, add: Iterable[Entity] = (), remove: Iterable[str] = ()) -> Corpus:
        """Return the corpus with some entities added, or replaced, and others removed; the rest keep their order.

        Args:
            add: at the end, or in the place of those with their unit.
            remove: units.

        Raises:
            InputError: if a unit to be removed is not there, or none would be left.
        """
        gone = [" ".join(unit.lower().split()) for unit in remove]
        if unknown := [unit for unit in gone if unit not in self.units]:
            raise InputError(f"not in the corpus: {some(unknown)}")
        entities = {entity.unit: entity for entity in self.entities if entity.unit not in gone}
        entities.update({entity.unit: entity for entity in add})
        return Corpus.of(entities.values())


def _merged(entities: Iterable[Entity]) -> tuple[list[Entity], list[str]]:
    """Return the first entity of each unit, with the labels of all of them, and the units that were there again."""
    kept: dict[str, Entity] = {}
    twice: dict[str, None] = {}
    for entity in entities:
        if (first := kept.get(entity.unit)) is not None:
            twice[entity.unit] = None
            labels = tuple(dict.fromkeys((*first.labels, *entity.labels)))
            entity = replace(first, description=first.description or entity.description, labels=labels)
        kept[entity.unit] = entity
    return list(kept.values()), list(twice)


def near_duplicates(corpus: Corpus, embeddings: Tensor, above: float = NEAR) -> list[tuple[str, str, float]]:
    """Return pairs of units whose embeddings are nearly the same, and their cosines, the highest first.

    Args:
        corpus: the entities.
        embeddings: (M, D), of length 1.
        above: the cosine from which on.
    """
    rows = embeddings.detach().double().cpu().numpy()
    found: list[tuple[str, str, float]] = []
    for first in range(0, len(rows), 512):
        cosines = rows[first : first + 512] @ rows.T
        for i, j in np.argwhere(cosines > above).tolist():
            if first + i < j:
                found.append((corpus.units[first + i], corpus.units[j], float(cosines[i, j])))
    return sorted(found, key=lambda pair: -pair[2])


def _plain_entities(label: str) -> Iterator[Entity]:
    """Yield the entities of a label by rules alone, with what the bundled lists say of them."""
    for unit in noun_phrases(label):
        yield replace(_common(unit) or Entity(unit, kind="object"), labels=(label,))


def _common(unit: str) -> Entity | None:
    return next((entity for entity in common_entities() if entity.unit == unit), None)


def _defined_entities(label: str, net: WordNet) -> Iterator[Entity]:
    """Yield the entities of a label that WordNet knows as things to be seen, each with the definition that fits.

    A label that names none, such as ``abseiling``, has those in the definition of what is done.
    """
    words = label_text(label).split()
    found = 0
    for unit in noun_phrases(label):
        for entity in _defined(unit, label, [word for word in words if word not in unit.split()], net):
            yield entity
            found += 1
    if found or len(words) > _SHORT:
        return
    for word in dict.fromkeys((" ".join(words), *words)):
        acts = [sense for sense in net.senses(word)[:1] if sense.kind == "action"] or net.senses(word, "verb")[:1]
        for unit in noun_phrases(acts[0].definition) if acts else ():
            yield from _defined(unit, label, words, net)


def _defined(unit: str, label: str, others: list[str], net: WordNet) -> Iterator[Entity]:
    """Yield the entity of a unit beside the other words of its label, if WordNet knows it as a thing to be seen.

    What is bundled has its everyday meaning, which Lesk's algorithm often misses in so few words.
    """
    if (common := _common(unit)) is not None:
        yield replace(common, labels=(label,))
    elif senses := net.senses(unit):
        sense = fitting_sense(senses, label_context(others, net))
        if sense.kind in COMMON:
            yield Entity(unit, sense.definition, sense.kind, (label,))
