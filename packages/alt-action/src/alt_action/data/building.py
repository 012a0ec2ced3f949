"""A corpus built of files: labels, entities of one's own, WordNet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from visioncore.errors import InputError

from .corpus import Corpus
from .labels import read_labels
from .wordnet import find_wordnet

NO_WORDNET, INSTALLED = "none", "installed"


def build_corpus(
    labels: str | Path | None,
    given: Iterable[str | Path] = (),
    wordnet: str | Path = NO_WORDNET,
    *,
    common: bool = True,
) -> Corpus:
    """Return the corpus of files.

    Args:
        labels: a file of action labels.
        given: files of entities, which come first.
        wordnet: ``none``, ``installed``, or the folder of its database.
        common: take the bundled entities too.

    Raises:
        InputError: if a file cannot be read, WordNet is not there, or there is nothing to build of.
    """
    own = [Corpus.read(path) for path in given]
    if labels is None and not own:
        raise InputError("nothing to build a corpus of; give labels, or given, files of entities")
    net = None if wordnet == NO_WORDNET else find_wordnet(None if wordnet == INSTALLED else wordnet)
    first = Corpus.of(entity for corpus in own for entity in corpus) if own else None
    names = () if labels is None else read_labels(labels).names
    built = Corpus.build(names, given=first, wordnet=net, common=common)
    notes = [note for corpus in (*own, *([first] if first else [])) for note in corpus.notes]
    return replace(built, notes=tuple(dict.fromkeys((*notes, *built.notes))))
