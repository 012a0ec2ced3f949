"""The card of weights: what they are for, what they were trained on, what was measured, under which licence.

It lies in ``card.json`` beside the weights, and names the files it is about by their digests, so that it is never taken
for that of others. Training, ``convert`` and ``weights get`` write it; ``info`` shows it.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError, one_line
from ..files import write_text
from ..methods import Checkpoint, Method
from .places import digest_of_file, digests_of, place_of_weights

CARD_FILE = "card.json"
FORMAT = 1
"""Version of the file, stored in it as ``card``."""
UNSTATED = "not stated"


@dataclass(frozen=True)
class Measured:
    """A figure that was measured.

    Attributes:
        what: such as ``PSNR``.
        value: the figure.
        unit: such as ``dB``; empty for none.
        on: on which data, and how.
    """

    what: str
    value: float
    unit: str
    on: str


@dataclass(frozen=True)
class Card:
    """The card of weights.

    Attributes:
        intended_use: what they are for, and what not.
        trained_on: the data.
        licence: of the weights.
        measured: their quality; empty if nobody here has measured it.
        training: how they were trained, where they were trained here: recipe, counts, steps.
        source: where they come from, where others published them: address, terms, digest of that file.
        files: SHA-256 of the files that the card is about, by where they lie beside it.
    """

    intended_use: str
    trained_on: str
    licence: str
    measured: tuple[Measured, ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write the card into the folder of its weights, with the digests of the files that lie there.

        Raises:
            InputError: if it cannot be written.
        """
        about = dataclasses.asdict(dataclasses.replace(self, files=digests_of(folder, settings=False)))
        write_text(folder / CARD_FILE, json.dumps({"card": FORMAT, **about}, indent=2, default=str) + "\n")

    def is_of(self, place: Path) -> bool:
        """Return whether the weights at a place are those that the card is about."""
        found = digests_of(place, settings=False)
        return bool(found) and found.items() <= self.files.items()


def read_card(place: Path) -> Card | None:
    """Return the card beside weights; None if there is none, or the one that lies there is of others.

    Args:
        place: their folder, or a file of theirs.

    Raises:
        InputError: if the file is damaged or no card.
    """
    path = (place if place.is_dir() else place.parent) / CARD_FILE
    if not path.is_file():
        return None
    try:
        card = card_from(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path}: no card of weights ({one_line(error)}); remove it, or make the weights anew"
        ) from error
    return card if card.is_of(place) else None


def card_from(values: Mapping[str, Any]) -> Card:
    """Return the card that plain values, as those of the file, describe.

    Raises:
        TypeError, ValueError, LookupError, AttributeError: if they describe none.
    """
    given = dict(values)
    if given.pop("card", FORMAT) != FORMAT:
        raise ValueError(f"its format is another than {FORMAT}; update visioncore")
    card = Card(**{**given, "measured": tuple(Measured(**each) for each in given.get("measured", ()))})
    for texts, kind in (
        ((card.intended_use, card.trained_on, card.licence), str),
        ((card.training, card.source, card.files), Mapping),
    ):
        if not all(isinstance(each, kind) for each in texts):
            raise TypeError("a field is of another kind")
    return card


def card_of(method: Method, weights: str | Path) -> Card | None:
    """Return the card of weights that a command of a method takes; None if they have none.

    Of a file of the authors it is made of what the record of the method says.

    Raises:
        InputError: as `read_card`.
    """
    with place_of_weights(method, weights) as place:
        if place is None:
            return None
        card = read_card(place)
        return published_card(method, place) if card is None and is_authors_file(place) else card


def is_authors_file(place: Path) -> bool:
    """Return whether weights are one file in a format in which only authors publish."""
    return place.is_file() and place.suffix.lower() != ".safetensors"


def published_card(method: Method, file: Path, checkpoint: Checkpoint | None = None, digest: str = "") -> Card:
    """Return the card of weights that the authors published.

    Args:
        method: whose they are.
        file: as they published it.
        checkpoint: which it is; by default the one with its digest.
        digest: of the file, if it is known.
    """
    digest = digest or digest_of_file(file)
    known = checkpoint or next(
        (each for each in method.checkpoints if each.sha256 and digest.startswith(each.sha256)), None
    )
    source = {"file": file.name, "sha256": digest}
    use = f"what the authors of {method.title} made it for: {method.task}"
    if known is None:
        return Card(use, f"{UNSTATED}; a file that the record of this method does not name", UNSTATED, source=source)
    about = {"name": known.name, "address": known.address, "terms": known.terms}
    return Card(use, known.what, known.licence, source={**about, **source})


def measured_in_training(metrics: Mapping[str, float], step: int) -> tuple[Measured, ...]:
    """Return the figures of a validation, those that are no numbers left out."""
    on = f"validation of the training, after step {step}"
    return tuple(Measured(name, value, "", on) for name, value in metrics.items() if math.isfinite(value))


def as_lines(card: Card) -> dict[str, str]:
    """Return a card as lines for people."""
    figures = (
        f"{each.what} {each.value:.4g}{f' {each.unit}' if each.unit else ''} ({each.on})" for each in card.measured
    )
    return {
        "purpose": card.intended_use,
        "trained on": card.trained_on,
        "measured": "; ".join(figures) or "nothing",
        "terms": _with_terms(card),
    }


def _with_terms(card: Card) -> str:
    terms = card.source.get("terms", "")
    return f"{card.licence} ({terms})" if terms else card.licence


def counted(facts: Mapping[str, Any]) -> str:
    """Return counts of data as text, such as ``380 images``."""
    return ", ".join(f"{count} {name}" for name, count in facts.items() if isinstance(count, int)) or UNSTATED


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as they are in JSON."""
    found: dict[str, Any] = json.loads(json.dumps(dict(values), default=str))
    return found


def by_name(cards: Iterable[tuple[str, Card | None]]) -> list[dict[str, Any]]:
    """Return names of weights, each with its card, as plain values."""
    return [{"name": name, "card": None if card is None else plain(dataclasses.asdict(card))} for name, card in cards]
