"""An entity of a corpus: a thing that can be seen, what it is, and which labels it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, get_args
from typing import Literal as Choice

from visioncore.errors import InputError

from ..method import PACKAGE

Kind = Choice["object", "body", "scene", "role", "action", "other"]
KINDS: tuple[str, ...] = get_args(Kind)
COMMON: tuple[Kind, ...] = ("body", "role", "scene", "object")
"""Kinds of which lists are bundled."""
_FIELDS = ("unit", "description", "kind", "labels")


@dataclass(frozen=True)
class Entity:
    """A thing that can be seen in a region of an image.

    Attributes:
        unit: the word or phrase for it, in small letters.
        description: what it is or looks like; empty for none.
        kind: one of `KINDS`.
        labels: of actions that it takes part in; none for what may be anywhere.

    Capitals of the unit, and blanks beside and between words are taken away: they are no difference between entities.
    """

    unit: str
    description: str = ""
    kind: Kind = "other"
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", " ".join(self.unit.lower().split()))
        object.__setattr__(self, "description", " ".join(self.description.split()))

    @property
    def text(self) -> str:
        """The unit with its description, which the text encoder is given."""
        return f"{self.unit}: {self.description}" if self.description else self.unit

    def plain(self) -> dict[str, Any]:
        """Return the entity as a line of a corpus file holds it."""
        return {
            "unit": self.unit,
            "description": self.description or None,
            "kind": self.kind,
            "labels": list(self.labels),
        }


def read_entity(values: Mapping[str, Any], where: str) -> Entity:
    """Return the entity that a line of a corpus file describes.

    Args:
        values: its fields; all but ``unit`` may be missing.
        where: the line, for messages.

    Raises:
        InputError: if a field is unknown, missing or not what it should be.
    """
    if unknown := [name for name in values if name not in _FIELDS]:
        raise InputError(f"{where}: unknown field {unknown[0]!r}; known are {', '.join(_FIELDS)}")
    unit, description = values.get("unit"), values.get("description") or ""
    if not isinstance(unit, str) or not unit.strip():
        raise InputError(f"{where}: unit is {unit!r}; it should be a word or phrase")
    if not isinstance(description, str):
        raise InputError(f"{where}: description is {description!r}; it should be text or null")
    kind, labels = values.get("kind", "other"), values.get("labels") or []
    if kind not in KINDS:
        raise InputError(f"{where}: kind is {kind!r}; it should be one of {', '.join(KINDS)}")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise InputError(f"{where}: labels is {labels!r}; it should be a list of text")
    return Entity(unit, description, kind, tuple(labels))


@cache
def common_entities() -> tuple[Entity, ...]:
    """Return the bundled entities that take part in many actions: parts of the body, people, scenes, objects."""
    found = []
    for kind in COMMON:
        text = (files(PACKAGE) / "assets" / "entities" / f"{kind}.txt").read_text(encoding="utf-8")
        for line in text.splitlines():
            unit, _, description = line.partition(": ")
            found.append(Entity(unit, description, kind))
    return tuple(found)
