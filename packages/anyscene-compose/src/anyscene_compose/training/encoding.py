"""Outputs of frozen networks: latents by the base's auto-encoder, captions by its text encoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from visioncore.data.kept_features import BATCH, Which
from visioncore.devices import with_backoff
from visioncore.diffusion.latents import encoded_distribution
from visioncore.diffusion.remarks import without_remarks
from visioncore.errors import some
from visioncore.inference.batch import progress
from visioncore.weights.fingerprint import fingerprint

from ..data.preparation import Squares
from ..data.samples import SceneSamples, planes
from ..data.texts import Texts
from ..data.words import places_of
from ..inference.prompts import check_encoders
from ..inference.words import tokens_of
from ..network.model import Injector

TEXTS = 32
"""Captions that are encoded at a time."""


class SceneEncoder:
    """Latents of scenes.

    Args:
        vae: the base's auto-encoder.
        device: where it runs.
    """

    def __init__(self, vae: Any, device: torch.device) -> None:
        self.vae, self.device = vae, device

    def made_with(self, side: int) -> dict[str, object]:
        """Return all that the latents of an image depend on beside its content."""
        return {"vae": fingerprint(self.vae), "scaling": float(self.vae.config.scaling_factor), "side": side}

    @torch.no_grad()
    def __call__(self, scenes: Tensor) -> dict[str, Tensor]:
        """Return ``mean`` and ``deviation`` of the latents (B, 4, h, w) of scenes (B, 3, H, W), uint8."""
        mean, deviation = encoded_distribution(self.vae, scenes.float() / 255)
        return {"mean": mean, "deviation": deviation}

    def of_middles(self, squares: Squares, part: Sequence[Which]) -> dict[str, Tensor]:
        """Return the latents of the middle of some scenes, on the CPU, by fewer at a time where memory is short."""
        scenes = torch.stack([planes(squares.middle(index, mirror=mirror).scene) for index, mirror in part])

        def encoded(batch: int) -> dict[str, Tensor]:
            found = [self(each.to(self.device)) for each in scenes.split(batch)]
            return {name: torch.cat([each[name] for each in found]).cpu() for name in found[0]}

        return with_backoff(encoded, BATCH)


class TextEncoder:
    """Encoded captions, as the base's own pipeline makes them.

    Args:
        base: the pipeline.
        device: where it runs.
        half: keep them in half precision, in half the room.

    Raises:
        InputError: if it lacks one.
    """

    def __init__(self, base: Any, device: torch.device, half: bool = False) -> None:
        check_encoders(base)
        self.base, self.device, self.dtype = base, device, torch.float16 if half else torch.float32

    @property
    def tokenizers(self) -> list[Any]:
        """Of all text encoders; XL has two."""
        second = getattr(self.base, "tokenizer_2", None)
        return [self.base.tokenizer, *([] if second is None else [second])]

    def made_with(self) -> dict[str, object]:
        """Return all that an encoded caption depends on beside its text."""
        encoders = [self.base.text_encoder, getattr(self.base, "text_encoder_2", None)]
        return {
            "encoders": [fingerprint(each) for each in encoders if each is not None],
            "words": [len(each) for each in self.tokenizers],
            "dtype": str(self.dtype),
        }

    @torch.no_grad()
    def __call__(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """Return ``text`` (B, L, context) of captions, all of them empty or none, and of XL ``pooled`` (B, P)."""
        # without guidance the first half of what is found; an empty caption is as no prompt is at inference
        empty = not any(captions)
        options = {"num_images_per_prompt": 1, "do_classifier_free_guidance": empty}
        found = self.base.encode_prompt(list(captions), device=self.device, **options)[int(empty) :: 2]
        return {name: value.to("cpu", self.dtype) for name, value in zip(("text", "pooled"), found, strict=False)}

    def cut(self, captions: Sequence[str]) -> list[str]:
        """Return the captions that have more tokens than there are places."""
        tokenizer = self.base.tokenizer
        counts = [len(ids) for ids in tokenizer(list(captions), verbose=False).input_ids]
        return [text for text, count in zip(captions, counts, strict=True) if count > tokenizer.model_max_length]


class TokenNames:
    """Finds the tokens of words in captions, as the first text encoder takes them.

    Args:
        tokenizer: of the base.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def __call__(self, caption: str, words: tuple[str, ...]) -> Tensor:
        """Return which tokens (L,) of a caption are of words; of words that it lacks, none."""
        named = torch.zeros(self.tokenizer.model_max_length, dtype=torch.bool)
        for span in (span for word in words for span in places_of(caption, word)):
            begin, end = tokens_of(self.tokenizer, caption, span)
            named[begin:end] = True
        # the last place is that of the end, whatever was cut
        named[-1] = False
        return named


@torch.no_grad()
def element_features(injector: Injector, samples: SceneSamples, part: Sequence[Which], half: bool) -> dict[str, Tensor]:
    """Return ``features`` (B, P, D) of looks of elements that are to be kept, on the CPU.

    Args:
        injector: has the encoder.
        samples: with their looks.
        part: places of the looks, and whether the scenes are mirrored.
        half: in half precision.
    """
    crops = torch.stack([samples.seen_crop(place, mirror=mirror) for place, mirror in part])
    found = injector.features(crops.float() / 255)
    return {"features": found.to("cpu", torch.float16 if half else torch.float32)}


def keep_texts(texts: Texts, captions: Sequence[str], encoder: TextEncoder) -> str:
    """Keep encoded captions, those that are not there yet, and return a line on such as were cut; empty for none.

    Raises:
        InputError: if one cannot be written.
    """
    missing = texts.missing(captions)
    with progress(len(missing), "captions encoded") as advance, without_remarks():
        # the empty one by itself, which comes first
        begin = int(missing[:1] == [""])
        parts = [missing[:begin], *(missing[start : start + TEXTS] for start in range(begin, len(missing), TEXTS))]
        for part in filter(None, parts):
            found = encoder(part)
            for place, caption in enumerate(part):
                texts.keep(caption, {name: value[place] for name, value in found.items()})
                advance()
    cut = encoder.cut(missing) if missing else []
    return f"{len(cut)} captions are too long and are cut: {some(cut, 1)}" if cut else ""
