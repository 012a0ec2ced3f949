"""Prediction: a clip -> which action it shows, and the entities that decided it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visioncore.errors import InputError
from visioncore.inference.predictor import BasePredictor

from ..data.corpus import Corpus
from ..data.decoding import Decoder, check_decoder
from ..data.sampling import frame_numbers
from ..network.config import MOST_FRAMES
from ..network.corpus import Encode, corpus_digest
from ..network.fast import for_inference
from ..network.model import ALT
from ..network.published import is_clip
from ..network.weights import load_model
from .frame_cache import FrameCache, TowerFrame
from .frame_tower import FrameTower, Place
from .opened import GivenClip, OpenClip
from .result import Result
from .texts import GivenLabels, Texts
from .views import each_number, look, mean_vector

MOST_VIEWS = 100
"""Temporal ones; published protocols take up to ten."""


class Predictor(BasePredictor):
    """Recognises the action in clips.

    Args:
        model: the network, or the weights that `load_model` takes; later changes of a network are not seen.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``float32``; ``bfloat16`` or ``float16`` for more speed at a small cost in accuracy; or such a type of
            PyTorch; ``auto`` is bfloat16 on GPUs that have it and float32 elsewhere.
        labels: of the actions: a file, see `read_labels`, or the labels; default: those stored with the weights.
        background: labels of what is none of these, in the same way.
        templates: prompts with ``{label}``, whose vectors are averaged; default: the network's.
        corpus: a file of entities, see `Corpus.read`, or a corpus; default: the stored one.
        clip: CLIP's weights with the text tower, for other labels and entities than the stored ones, and for an
            adapter that was saved alone; default: the model itself, if it is CLIP's own, or those that it names.
        encode: from texts to vectors, in place of CLIP's text tower.
        frames: of a temporal view, 1 to 256; default: as many as the network was trained on.
        views: temporal ones, 1 to 100, over which probabilities are averaged.
        crops: 1, the middle; or 3.
        batch: frames on the device at a time.
        decoder: of videos: ``pyav``; or ``torchcodec`` for the same frames sooner, where it is installed.
        cache_mb: megabytes of frames that are kept as the tower saw them; 0 keeps none.
        notify: told, in one line, what is to be known of the weights; default: a warning.

    Raises:
        InputError: if an option is not what it should be, or labels, corpus or text tower cannot be read.
    """

    def __init__(
        self,
        model: ALT | str | Path,
        device: str | torch.device = "auto",
        *,
        dtype: str | torch.dtype = "float32",
        labels: GivenLabels | None = None,
        background: GivenLabels | None = None,
        templates: Sequence[str] = (),
        corpus: str | Path | Corpus | None = None,
        clip: str | Path | None = None,
        encode: Encode | None = None,
        frames: int | None = None,
        views: int = 1,
        crops: int = 1,
        batch: int = 32,
        cache_mb: int = 512,
        decoder: Decoder = "pyav",
        notify: Callable[[str], None] = warnings.warn,
    ) -> None:
        if isinstance(model, str | Path):
            clip = clip or (model if is_clip(model) else None)
            model = load_model(model, clip=clip)
        super().__init__(model, device, dtype=dtype, batch=batch, notify=notify)
        self.frames = model.config.frames if frames is None else frames
        self.views, self.crops = views, crops
        for name, given, most in (("frames", self.frames, MOST_FRAMES), ("views", views, MOST_VIEWS)):
            if not 1 <= given <= most:
                raise InputError(f"{name} is {given}; it must be from 1 to {most}; a long video is taken by windows")
        if cache_mb < 0 or crops not in (1, 3):
            raise InputError(f"cache_mb is {cache_mb} and crops {crops}; they must be at least 0, and 1 or 3")
        check_decoder(decoder)
        self.decoder: Decoder = decoder
        self.texts = Texts(model, clip, encode)
        self.set_labels(labels, background, templates)
        self.network = for_inference(model, self.device, self.dtype)
        self.config = self.network.config
        if corpus is not None:
            self.set_corpus(corpus)
        cache = FrameCache(cache_mb * 2**20)
        self.tower = FrameTower(self.network, self.device, crops, batch, cache, notify)

    def settings(self) -> dict[str, Any]:
        known = {name: value for name, value in super().settings().items() if name in ("device", "dtype", "batch")}
        return known | {name: getattr(self, name) for name in ("frames", "views", "crops", "decoder")}

    def recorded(self) -> dict[str, Any]:
        labels = corpus_digest((*self.labels.names, *self.labels.background), self.labels.vectors)
        return super().recorded() | {"labels": labels, "corpus": self.config.digest}

    @torch.inference_mode()
    def __call__(self, clip: GivenClip) -> Result:
        """Return which action a clip shows.

        Args:
            clip: a video, or its frames (N, H, W, 3) of uint8.

        Raises:
            InputError: if it cannot be read or has no frame, there are no labels, or the output is not finite.
        """
        self.check_labels()
        self.tell_notice()
        opened = OpenClip(clip, self.decoder)
        views = self._views(opened)
        return self.decide(opened, views, self.tower(opened, each_number(views)))

    def check_labels(self) -> None:
        """Validate that there are labels to choose from.

        Raises:
            InputError: if there are none.
        """
        if not self.labels.names:
            raise InputError("these weights have no labels; give labels, a file with one on each line")

    def set_labels(
        self, labels: GivenLabels | None, background: GivenLabels | None = None, templates: Sequence[str] = ()
    ) -> None:
        """Take other labels; no frame is looked at again for them.

        Args:
            labels: as for `Predictor`.
            background: as for `Predictor`.
            templates: as for `Predictor`.

        Raises:
            InputError: if they cannot be read, or there is no text tower.
        """
        self.labels = self.texts.labels(labels, background, templates)

    def set_corpus(self, corpus: str | Path | Corpus) -> None:
        """Take another corpus; no frame is looked at again for it.

        Args:
            corpus: as for `Predictor`.

        Raises:
            InputError: if it cannot be read, or there is no text tower.
        """
        given = corpus if isinstance(corpus, Corpus) else Corpus.read(corpus)
        for note in given.notes:
            self.notify(note)
        if not self.network.adapter.gamma.any():
            self.notify("the adapter is not trained: entities are shown, and the mean of the frames decides")
        self.network.set_corpus(given, self.texts.encode)
        self.config = self.network.config

    @torch.inference_mode()
    def features(self, clip: GivenClip) -> NDArray[np.float32]:
        """Return the vector (D,) of a clip, of length 1: alike clips have a high cosine; no labels are needed.

        Raises:
            InputError: if it cannot be read or has no frame, or the network's output is not finite.
        """
        self.tell_notice()
        opened = OpenClip(clip, self.decoder)
        views = self._views(opened)
        found = self.tower(opened, each_number(views))
        videos, _ = look(self.network, opened, views, found, self.crops)
        return mean_vector(videos)

    def run(self, frames: Tensor) -> Tensor:
        """Return the vectors (B, D) of videos, on the device where they were; of one, without the batch, (D,).

        Args:
            frames: (B, T, 3, S, S), normalised as the configuration says.
        """
        if frames.ndim == 4:
            return self.run(frames[None])[0]
        self.tell_notice()
        if not len(frames):
            return frames.new_zeros(0, self.config.tower.embed_dim)
        video: Tensor = self.network(frames.to(self.device))
        return video.float().to(frames.device)

    def probabilities(self, video: Tensor) -> NDArray[np.float64]:
        """Return the probabilities (..., C + B) of all labels, those of the background last, for videos (..., D)."""
        vectors = self.labels.vectors.to(video.device, video.dtype)
        return self.network.scores(video, vectors).double().softmax(dim=-1).cpu().numpy()

    def _views(self, clip: OpenClip) -> list[list[int]]:
        return [frame_numbers(len(clip), self.frames, view, self.views) for view in range(self.views)]

    def decide(self, clip: OpenClip, views: Sequence[Sequence[int]], found: Mapping[Place, TowerFrame]) -> Result:
        """Return which action a clip shows, averaged over views.

        Args:
            clip: the clip.
            views: numbers of the frames of each.
            found: their frames, as the tower saw them.

        Raises:
            InputError: if the network's output is not finite.
        """
        videos, seen = look(self.network, clip, views, found, self.crops)
        return Result(
            labels=self.labels.names,
            background=self.labels.background,
            probabilities=self.probabilities(videos).mean(axis=0).astype(np.float32),
            video=mean_vector(videos),
            frames=tuple(seen),
            units=self.config.units,
            pixels=tuple(found[frame.number, self.crops // 2].pixels for frame in seen),
            source=clip.source,
            notice=self.notice,
        )
