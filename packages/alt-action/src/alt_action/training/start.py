"""The network that a training starts from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import torch

from visioncore.errors import InputError, some

from ..data.corpus import Corpus
from ..data.labels import Labels
from ..network.config import ALTConfig
from ..network.corpus import label_text
from ..network.model import ALT
from ..network.published import is_clip
from ..network.text import CLIPTextEncoder
from ..network.weights import load_model

START_SCALE = math.log(1 / 0.07)
"""Logarithm of the factor of cosines where CLIP's own training began; at its end, 100, little is learned anew."""
BESIDE_SCALE = math.log(50)
"""The same for a new adapter on a tower that has learned, whose texts lie closer together."""
_OF_CLIP = ("tower", "heads", "entities", "units", "digest", "labels", "clip", "clip_digest")
"""Settings that CLIP, the corpus and the labels decide."""
_OF_TOWER = ("tower", "normalisation", "entities", "units", "digest", "templates", "clip", "text_digest")
"""Settings that the image tower and the entities of another network decide."""


def initial_network(
    config: ALTConfig,
    labels: Labels,
    *,
    clip: str | Path | None = None,
    corpus: str | Path | None = None,
    weights: str | Path | None = None,
    start: str = "",
    say: Callable[[str], None] = lambda _: None,
) -> ALT:
    """Return the network that training starts from.

    With weights it goes on from them, and CLIP's text tower is needed for other labels or another corpus alone. With
    CLIP alone the adapter is new, and without a corpus one is built of the labels. With neither, it is new on what the
    recipe starts from, and without that all is random.

    Args:
        config: of the recipe.
        labels: of the classes.
        clip: CLIP's weights, see `find_clip`.
        corpus: a file of entities.
        weights: whatever `load_model` takes.
        start: of the recipe, see `TrainConfig`.
        say: is told of labels that begin with random vectors.

    Raises:
        InputError: if weights, corpus or labels do not fit together.
    """
    given = None if corpus is None else Corpus.read(corpus)
    if weights is not None:
        if is_clip(weights):
            raise InputError(f"{weights}: CLIP's own weights, which have no adapter yet; give them as clip")
        model = load_model(weights, clip=clip)
        _take_texts(model, labels, given, clip, str(weights))
        if not model.config.entities:
            raise InputError(f"{weights}: has no entities, without which no adapter can be trained; give corpus too")
        return model
    if clip is not None:
        settings = {each.name: getattr(config, each.name) for each in fields(config) if each.name not in _OF_CLIP}
        return ALT.from_clip(clip, given or Corpus.build(labels.names), labels.texts, **settings)
    if given is not None:
        raise InputError("corpus needs CLIP's text tower; give clip too")
    if start:
        return _new_adapter(config, labels, load_model(start), say)
    if not config.entities:
        raise InputError("this recipe starts from CLIP, or goes on from trained weights; give clip or weights")
    model = ALT(replace(config, labels=labels.texts))
    torch.nn.init.constant_(model.logit_scale, START_SCALE)
    return model


def _new_adapter(config: ALTConfig, labels: Labels, given: ALT, say: Callable[[str], None]) -> ALT:
    """Return a network with the image tower and the entities of another one; labels that it lacks are random."""
    kept = {name: getattr(given.config, name) for name in _OF_TOWER}
    model = ALT(replace(config, **kept, labels=labels.texts))
    model.visual, model.entities = given.visual, given.entities
    stored = dict(zip(map(label_text, given.config.labels), given.label_features, strict=True))
    if unknown := tuple(text for text in labels.texts if text not in stored):
        say(
            f"no text tower here for {some(unknown)}: learned from random vectors, as classes without a meaning; with "
            "clip, the weights of a CLIP, labels begin with the vectors of their texts"
        )
    for place, text in enumerate(labels.texts):
        model.label_features[place] = stored.get(text, model.label_features[place])
    torch.nn.init.constant_(model.logit_scale, BESIDE_SCALE)
    return model


def _take_texts(model: ALT, labels: Labels, corpus: Corpus | None, clip: str | Path | None, where: str) -> None:
    """Give a network the labels, in their order, and a corpus."""
    stored = [label_text(label) for label in model.config.labels]
    if corpus is None and sorted(stored) == sorted(labels.texts):
        model.label_features = model.label_features[[stored.index(text) for text in labels.texts]]
        model.config = replace(model.config, labels=labels.texts)
        return
    if not (source := clip or model.config.clip):
        raise InputError(f"{where}: other labels or entities need CLIP's text tower; give clip too")
    encode = CLIPTextEncoder.from_clip(source, beside=model.config)
    if corpus is not None:
        model.set_corpus(corpus, encode)
    model.set_labels(labels.texts, encode)
