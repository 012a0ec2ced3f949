"""The sense of a word that fits its label: Lesk's algorithm (1986), by the words that definitions share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .nouns import is_function_word, singular
from .wordnet import Sense, WordNet


def fitting_sense(senses: Sequence[Sense], context: Iterable[str]) -> Sense:
    """Return the sense whose definition and examples share most words with a context; of equals the most frequent.

    Args:
        senses: of the word, the most frequent first; at least one.
        context: words, see `content_words`.
    """
    around = set(context)

    def shared(sense: Sense) -> int:
        own = set(content_words(" ".join((sense.definition, *sense.examples, *sense.words))))
        return len(own & around)

    return max(senses, key=shared)


def label_context(words: Iterable[str], net: WordNet) -> set[str]:
    """Return the words around the others of a label: the words themselves, and those of their definitions.

    Args:
        words: of the label, without the one whose sense is looked for.
        net: has the definitions.
    """
    context: set[str] = set()
    for word in words:
        senses = (*net.senses(word, "verb"), *net.senses(word))
        context.update(content_words(word), *(content_words(sense.definition) for sense in senses))
    return context


def content_words(text: str) -> list[str]:
    """Return the words of a text that mean something, in the singular and in small letters."""
    words = re.findall(r"[a-z]+", text.lower())
    return [singular(word) for word in words if len(word) > 2 and not is_function_word(word)]
