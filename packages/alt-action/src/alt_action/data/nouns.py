"""Nouns and noun phrases of action labels, by rules and without a dictionary."""

from __future__ import annotations

import re

from ..network.corpus import label_text


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FUNCTION = _words(
    """a an the this that these those some any no not other another each own his her its their my your our it them
    and or nor but so then with without of on in into onto at to from by for as off up down out over under above below
    behind beside between among across through along around about against near next toward towards away back forward
    backward backwards upright together apart again more less very too just only until while when where who which what
    is are was were be been being has have had do does did can could will would may cannot it's than like except one
    two three four five someone somebody something somewhere anything everything others people person human left right
    front top bottom side sides end ends edge middle pieces piece part parts thing things way kind lot lots bit both
    air upwards downwards sideways there here same different multiple several single full half similar
    already little closer nothing upside number happen happens deflected colliding filming"""
)
_VERBS = _words(
    """apply attach bend blow box brush build bury burn call carry cast catch chew clap clean climb close collide comb
    cook cover crawl cry cut dance deform dig dip dive draw dribble drink drive drop eat enter exit fail fall feed fight
    fill find fix flic flip fold follow get give go grab handle hang hit hold hug jerk jog jump keep kick kiss knit
    laugh launch lay lean let lift lie look lower lunge make mix mop move open pack paint peel pet pick place play plug
    point poke pour pretend pull punch push put raise read release remove ride roll rotate row rub run scoop serve set
    sew shake shave shoot show sing sit skate ski slice slide smile smoke sniff spill spin split spray spread sprinkle
    squeeze stack stand stir stuff surf sweep swim swing take talk tap tear throw tie tilt touch trim tune turn twist
    type uncover unfold use walk wash watch wave wear wipe wrap write yawn"""
)
"""That may begin a label, or follow "to" or "it"."""
_NAMED = _words("ceiling clothing earring king morning painting ring string swing wing building")
"""Nouns that end in -ing."""
_IRREGULAR = {
    **{"men": "man", "women": "woman", "children": "child", "feet": "foot", "mice": "mouse", "geese": "goose"},
    **{"knives": "knife", "leaves": "leaf", "loaves": "loaf", "shelves": "shelf", "wolves": "wolf", "wives": "wife"},
}
_ONLY_PLURAL = _words(
    """clothes trousers scissors glasses goggles teeth stairs dice drums skis noodles vegetables cards shoes gloves
    pants jeans shorts tongs pliers headphones binoculars hurdles rings bars skates dishes eggs bubbles"""
)


def is_function_word(word: str) -> bool:
    """Return whether a word names nothing, such as a preposition."""
    return word in _FUNCTION


def singular(word: str) -> str:
    """Return the singular of a noun, or the noun itself where it is one, or has none."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in _ONLY_PLURAL or len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("ches", "shes", "sses", "xes", "zes")) else word[:-1]


def noun_phrases(label: str) -> list[str]:
    """Return the nouns and noun phrases of a label, each once, the last word in the singular.

    A phrase of several words is followed by its last word, as ``bass guitar`` by ``guitar``. What a rule cannot tell
    from a noun, such as an adjective, stays in the phrase.

    Args:
        label: as it is in a list.
    """
    text = re.sub(r"\([^)]*\)", " ", label_text(label))
    found: list[str] = []
    for part in re.split(r"[,;:/&]|\band\b|\bor\b", text):
        words = [word for word in re.findall(r"[a-z0-9][a-z0-9'-]*", part.replace("’", "'")) if len(word) > 1]
        found += _phrases(words)
    return list(dict.fromkeys(found))


def _phrases(words: list[str]) -> list[str]:
    found: list[str] = []
    phrase: list[str] = []
    for place, word in enumerate(words):
        owner = word.endswith(("'s", "s'"))
        word = re.sub(r"('s|')$", "", word)
        last = place == len(words) - 1
        gerund = len(word) > 4 and word.endswith("ing") and word not in _NAMED
        # of two in a row the second describes a noun: hitting a punching bag
        describes = gerund and place > 0 and not phrase and not last
        acts = word in _VERBS and (place == 0 or words[place - 1] in ("to", "it"))
        if word in _FUNCTION or word.endswith("ly") or acts or (gerund and not describes):
            found += _finished(phrase)
            phrase = []
        else:
            phrase.append(word)
            if owner:
                found += _finished(phrase)
                phrase = []
    return found + _finished(phrase)


def _finished(phrase: list[str]) -> list[str]:
    if not phrase or phrase[-1].isdecimal():
        return []
    *before, last = phrase
    head = singular(last)
    return [" ".join([*before, head])] + ([head] if before else [])
