"""The vectors of labels and of a background list, made once; and the text tower, loaded when it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from visioncore.errors import InputError, some

from ..data.labels import Labels, as_labels, read_labels
from ..network.corpus import Encode, embed_labels, label_text
from ..network.model import ALT
from ..network.text import CLIPTextEncoder

GivenLabels = str | Path | Sequence[str] | Labels
"""A file of labels, or labels themselves."""


@dataclass(frozen=True, eq=False)
class LabelVectors:
    """The labels that videos are compared with.

    Attributes:
        names: of the actions, C.
        background: labels of what is none of these, B; none where there is no such list.
        vectors: (C + B, D), of length 1, the background last.
    """

    names: tuple[str, ...]
    background: tuple[str, ...]
    vectors: Tensor


class Texts:
    """Makes vectors of texts, by a text tower that is loaded when it is first needed.

    Args:
        model: the network whose vectors they are compared with.
        clip: CLIP's weights with the text tower; default: those that the network names.
        encode: from texts to vectors, in place of CLIP's text tower.
    """

    def __init__(self, model: ALT, clip: str | Path | None = None, encode: Encode | None = None) -> None:
        self.config, self.stored, self._encode = model.config, model.label_features, encode
        self._clip = clip or self.config.clip

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Return vectors (n, D) of texts.

        Raises:
            InputError: if there is no text tower, or it cannot be loaded.
        """
        if self._encode is None:
            if not self._clip:
                stored = f" ({some(self.config.labels, 12)})" if self.config.labels else ""
                raise InputError(
                    f"labels and entities other than the stored ones{stored} need a text tower; give clip, the weights "
                    "of the CLIP that the network was made from"
                )
            self._encode = CLIPTextEncoder.from_clip(self._clip, beside=self.config)
        return self._encode(texts)

    def labels(
        self,
        given: GivenLabels | None,
        background: GivenLabels | None = None,
        templates: Sequence[str] = (),
    ) -> LabelVectors:
        """Return the vectors of labels; those that are stored need no text tower.

        Args:
            given: the labels; default: the stored ones, which may be none.
            background: labels of what is none of these.
            templates: prompts with ``{label}``; default: the network's.

        Raises:
            InputError: if labels cannot be read, or are there twice.
        """
        if given is None and not self.config.labels:
            return LabelVectors((), (), self.stored.float())
        labels = as_labels(self.config.labels) if given is None else labels_of(given)
        others = () if background is None else labels_of(background).texts
        if both := [text for text in others if text in labels.by_text]:
            raise InputError(f"background: {both[0]!r} is a label too; it can be only one of both")
        vectors = [self._vectors(texts, tuple(templates)) for texts in (labels.texts, others) if texts]
        return LabelVectors(labels.names, others, torch.cat(vectors))

    def _vectors(self, texts: Sequence[str], templates: Sequence[str]) -> Tensor:
        """Return the vectors (n, D) of labels in plain words, on the CPU."""
        wanted = templates or self.config.templates
        stored = {label_text(label): place for place, label in enumerate(self.config.labels)}
        if wanted == self.config.templates and all(text in stored for text in texts):
            return self.stored[[stored[text] for text in texts]].float().cpu()
        vectors = embed_labels(self.encode, texts, _checked(wanted))
        if vectors.shape[1] != self.config.tower.embed_dim:
            raise InputError(
                f"labels: their vectors have length {vectors.shape[1]}; those of the network have "
                f"{self.config.tower.embed_dim}"
            )
        return vectors


def labels_of(given: GivenLabels) -> Labels:
    """Return labels from a file, or as they are.

    Raises:
        InputError: if they cannot be read, are there twice, or there are none.
    """
    if isinstance(given, Labels):
        return given
    return read_labels(given) if isinstance(given, str | Path) else as_labels(given)


def _checked(templates: Sequence[str]) -> Sequence[str]:
    for template in templates:
        if "{label}" not in template:
            raise InputError(f"template {template!r} lacks {{label}}, the place of the label")
    return templates
