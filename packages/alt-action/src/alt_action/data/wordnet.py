"""WordNet's own database files: the senses of a noun or verb, with what they say of each.

They are plain text, as Princeton publishes them: Debian's package ``wordnet-base`` has them in ``/usr/share/wordnet``,
NLTK's download in ``corpora/wordnet`` of its folder of data.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from visioncore.errors import InputError

from .nouns import singular

Part = Literal["noun", "verb"]

_KINDS = {5: "object", 6: "object", 8: "body", 13: "object", 15: "scene", 17: "scene", 18: "role", 20: "object"}
"""WordNet's files of nouns for things that can be seen -> our kinds: animals, artefacts, body, food, places, natural
objects, people, plants."""
_ACTS = 4
_ENDINGS = (("ies", "y"), ("es", ""), ("es", "e"), ("s", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", ""))
"""Of verbs, and of their bases."""


@dataclass(frozen=True)
class Sense:
    """One meaning of a word.

    Attributes:
        words: that have it.
        definition: of it.
        examples: of its use.
        kind: ``object``, ``body``, ``scene``, ``role`` or ``action``; empty for what cannot be seen, and for names.
    """

    words: tuple[str, ...]
    definition: str
    examples: tuple[str, ...]
    kind: str


class WordNet:
    """Looks words up in WordNet's database files.

    Args:
        folder: with ``index.noun``, ``data.noun``, ``index.verb`` and ``data.verb``.

    Raises:
        InputError: if a file is missing, cannot be read, or is another.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._index = {part: self._read_index(part) for part in ("noun", "verb")}
        self._data = {part: self._read(f"data.{part}") for part in ("noun", "verb")}

    def senses(self, word: str, part: Part = "noun") -> list[Sense]:
        """Return the senses of a word or phrase, the most frequent first; of an inflected one those of its base."""
        key = word.lower().replace(" ", "_")
        base = next((form for form in _forms(key, part) if form in self._index[part]), None)
        return [] if base is None else [self._sense(part, offset) for offset in self._index[part][base]]

    def _read(self, name: str) -> bytes:
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise InputError(f"{self.folder}: not WordNet's database ({name}: {error.strerror})") from error

    def _read_index(self, part: str) -> dict[str, list[int]]:
        index: dict[str, list[int]] = {}
        for line in self._read(f"index.{part}").decode("ascii", "replace").splitlines():
            if line[:1].isspace():  # the licence
                continue
            try:
                lemma, _, senses, *rest = line.split()
                index[lemma] = [int(offset) for offset in rest[-int(senses) :]]
            except ValueError as error:
                raise InputError(f"{self.folder}: not WordNet's database (index.{part}: {line[:60]!r})") from error
        return index

    def _sense(self, part: str, offset: int) -> Sense:
        end = self._data[part].find(b"\n", offset)
        line = self._data[part][offset:end].decode("ascii", "replace")
        try:
            fields, _, gloss = line.partition(" | ")
            found, file, _, count, *rest = fields.split()
            if int(found) != offset:
                raise ValueError
            words = tuple(word.replace("_", " ") for word in rest[: 2 * int(count, 16) : 2])
            kinds = {} if words[0][:1].isupper() or part == "verb" else {**_KINDS, _ACTS: "action"}
            kind = kinds.get(int(file), "")
        except ValueError as error:
            raise InputError(f"{self.folder}: not WordNet's database (data.{part} at {offset})") from error
        pieces = [piece.strip() for piece in gloss.split(";")]
        examples = tuple(piece.strip('"') for piece in pieces if piece.startswith('"'))
        return Sense(words, "; ".join(piece for piece in pieces if piece and not piece.startswith('"')), examples, kind)


def _forms(key: str, part: Part) -> Iterator[str]:
    yield key
    if part == "noun":
        before, underscore, last = key.rpartition("_")
        yield before + underscore + singular(last)
        return
    for ending, base in _ENDINGS:
        if key.endswith(ending) and len(key) > len(ending) + 2:
            stem = key.removesuffix(ending)
            yield stem + base
            if stem[-1] == stem[-2]:  # running: run
                yield stem[:-1]


def find_wordnet(folder: str | Path | None = None) -> WordNet:
    """Return WordNet from a folder, or from where it is installed.

    Raises:
        InputError: if it is not there.
    """
    if folder is not None:
        return WordNet(folder)
    for place in _places():
        if (place / "data.noun").is_file():
            return WordNet(place)
    raise InputError(
        "WordNet is not installed; name the folder with its data.noun, install Debian's wordnet-base, or run "
        "python -m nltk.downloader -d ~/nltk_data wordnet and unpack it there"
    )


def _places() -> Iterator[Path]:
    for name, below in (("WNSEARCHDIR", ""), ("WNHOME", "dict")):
        if os.environ.get(name):
            yield Path(os.environ[name], below)
    yield Path("/usr/share/wordnet")
    data = [Path(entry) for entry in os.environ.get("NLTK_DATA", "").split(os.pathsep) if entry]
    for root in (*data, Path.home() / "nltk_data", Path("/usr/share/nltk_data"), Path("/usr/local/share/nltk_data")):
        yield root / "corpora" / "wordnet"
