"""Prediction: an image and who looks at it -> scanpaths in its own pixels."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visioncore.errors import InputError, some
from visioncore.inference.image_inputs import GivenImage, as_image
from visioncore.inference.predictor import BasePredictor

from ..data.features import extractor_for
from ..data.inputs import category_index, rgb
from ..data.observer_vectors import ObserverVectors
from ..data.preparation import prepare
from ..network.actions import Actions
from ..network.base import ISP
from ..network.config import MEAN_OBSERVER, ChenLSTMConfig, GazeformerConfig
from ..network.fast import for_inference
from ..network.observers import MEAN
from ..network.scanpaths import Frame
from ..network.weights import load_model
from .result import Result
from .running import run_network
from .sampling import Spread, check_sampling, decode, draw, likeliest

Extract = Callable[[NDArray[np.uint8]], Tensor]
"""An RGB image (H, W, 3) of 8 bit -> the features (P, F) that a Gazeformer was trained on."""


class Predictor(BasePredictor):
    """Predicts scanpaths on images of any size.

    Args:
        model: either network, or the weights that `load_model` takes; later changes of a network are not seen.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``float32``; ``bfloat16`` or ``float16`` for more speed at a small cost in accuracy; or such a type of
            PyTorch; ``auto`` is bfloat16 on GPUs that have it and float32 elsewhere.
        samples: drawn of each observer's scanpath.
        seed: from which samples of every image are drawn, so that they do not depend on other images.
        deterministic: the likeliest action and the median duration of each step, instead of samples.
        min_length: steps before which no scanpath stops.
        temperature: below 1 samples keep closer to what is likely.
        spread: of durations, see `sampling.draw`.
        extract: makes the features for a Gazeformer; default: what was named so, see `extractor_for`.
        batch: observers on the device at a time.
        notify: told, in one line, what is to be known of the weights; default: a warning.

    Raises:
        InputError: if an option is not what it should be, or what a Gazeformer needs for its features is missing.
    """

    def __init__(
        self,
        model: ISP | str | Path,
        device: str | torch.device = "auto",
        *,
        dtype: str | torch.dtype = "float32",
        samples: int = 1,
        seed: int = 0,
        deterministic: bool = False,
        min_length: int = 1,
        temperature: float = 1.0,
        spread: Spread = "published",
        extract: Extract | None = None,
        batch: int = 64,
        notify: Callable[[str], None] = warnings.warn,
    ) -> None:
        model = load_model(model) if isinstance(model, str | Path) else model
        super().__init__(model, device, dtype=dtype, batch=batch, notify=notify)
        self.config = model.config
        if isinstance(self.config, GazeformerConfig) and extract is None:
            extract = extractor_for(self.config, self.device)
        if samples < 1 or seed < 0:
            raise InputError(f"samples is {samples} and seed {seed}; they must be at least 1 and at least 0")
        check_sampling(samples, min_length, temperature)
        if deterministic and samples > 1:
            raise InputError(f"samples is {samples}; a deterministic prediction is one")
        self.samples, self.seed, self.deterministic, self.spread = samples, seed, deterministic, spread
        self.min_length, self.temperature, self.extract = min_length, temperature, extract
        self.network = for_inference(model, self.device, self.dtype)

    def settings(self) -> dict[str, Any]:
        names = ("samples", "seed", "deterministic", "min_length", "temperature", "spread")
        known = {name: value for name, value in super().settings().items() if name in ("device", "dtype", "batch")}
        return known | {name: getattr(self, name) for name in names}

    @torch.no_grad()
    def __call__(
        self,
        image: GivenImage,
        *,
        observers: Sequence[int | str] | None = None,
        task: str = "",
        guidance: NDArray[np.float32] | None = None,
        text: Tensor | None = None,
        vectors: Tensor | ObserverVectors | None = None,
        probabilities: bool = False,
    ) -> Result:
        """Predict where observers look.

        Args:
            image: a file, an `Image`, an image of Pillow, or an array (H, W, 3) of uint8 or uint16.
            observers: indices from 0, or names: those in the weights, or the indices where the weights hold none, and
                ``mean`` for the average observer; default: all.
            task: the target category, for networks of COCO-Search18.
            guidance: where the task leads the eye at first, (h, w) on the grid of a ChenLSTM; default: nowhere.
            text: embedding of the task (text channels,), for a Gazeformer; default: zeros.
            vectors: of observers that are not in the network, such as adapted ones, behind the others: with their
                names, or (n, E).
            probabilities: keep where each observer looks at each step.

        Raises:
            InputError: if the image cannot be read, an observer is unknown or there twice, or the task or a size is not
                what it should be.
        """
        given = as_image(image)
        self.tell_notice()
        names, who = self.observers(observers, vectors)
        actions = self._run(rgb(given.pixels), who, task, guidance, text)
        if not all(value.isfinite().all() for value in (actions.logits, actions.mu, actions.sigma2)):
            raise InputError(
                "the network's output is not finite; use weights that are, or a higher precision (float32)"
            )
        if self.deterministic:
            sampled = likeliest(actions, min_length=self.min_length)
        else:
            sampled = draw(
                actions,
                self.samples,
                torch.Generator().manual_seed(self.seed),
                min_length=self.min_length,
                temperature=self.temperature,
                spread=self.spread,
            )
        height, width = given.pixels.shape[:2]
        paths = decode(sampled, self.config.grid, Frame(width, height)).to_list()
        maps = actions.probabilities[0, ..., 1:].unflatten(-1, self.config.grid) if probabilities else None
        return Result(
            image=given,
            observers=names,
            scanpaths=tuple(tuple(paths[place :: len(names)]) for place in range(len(names))),
            probabilities=None if maps is None else maps.float().cpu().numpy(),
            source=Path(image) if isinstance(image, str | Path) else None,
            notice=self.notice,
        )

    def run(self, images: Tensor, observers: Tensor | None = None, *others: Tensor | None) -> Tensor:
        """Return the probabilities of the actions (B, n, T, 1 + HW): those of `outputs`.

        One image may lack the batch; without ``observers`` all observers look.
        """
        single = 2 if isinstance(self.config, GazeformerConfig) else 3
        if images.ndim == single:
            each = (None if other is None else other[None] for other in (observers, *others))
            return self.run(images[None], *each)[0]
        if observers is None:
            observers = torch.arange(self.config.observers).expand(len(images), -1)
        return self.outputs(images, observers, *others).probabilities

    @torch.no_grad()
    def outputs(self, images: Tensor, observers: Tensor, *others: Tensor | None) -> Actions:
        """Return the distributions of all steps, in float32 or better, on the device where the images were.

        Args:
            images: prepared ones (B, 3, H, W) for a ChenLSTM, features (B, P, F) for a Gazeformer.
            observers: who looks at each image: indices (B, n), or vectors (B, n, E).
            others: further arguments of the network's ``forward``.

        Raises:
            InputError: if a shape is another.
        """
        self.tell_notice()
        given = (None if other is None else other.to(self.device) for other in others)
        actions = self.network(images.to(self.device), observers.to(self.device), *given)
        return Actions(*(value.to(images.device) for value in actions))

    def observers(
        self, wanted: Sequence[int | str] | None = None, vectors: Tensor | ObserverVectors | None = None
    ) -> tuple[tuple[str, ...], Tensor]:
        """Return names and vectors (n, E) of observers; arguments and errors as for `__call__`."""
        chosen = range(self.config.observers) if wanted is None and vectors is None else wanted or ()
        indices = [self._index(name) for name in chosen]
        if not indices and vectors is None:
            raise InputError("no observer was given; leave observers out for all")
        own = self.network.network.observers(torch.tensor(indices, dtype=torch.long, device=self.device))
        known = (*(self.config.names or map(str, range(self.config.observers))), MEAN_OBSERVER)
        names = tuple(known[index] for index in indices)
        if isinstance(vectors, Tensor):
            vectors = ObserverVectors(tuple(f"new {place + 1}" for place in range(len(vectors))), vectors)
        if vectors is not None:
            vectors.check_fits(self.config.observer_channels, self.weights)
            names, own = names + vectors.names, torch.cat([own, vectors.vectors.to(own)])
        if twice := [name for name, number in Counter(names).items() if number > 1]:
            raise InputError(f"observers are there twice: {some(twice)}; each only once")
        return names, own

    def _index(self, observer: int | str) -> int:
        """Return the index of an observer, -1 for the mean."""
        number, names = self.config.observers, self.config.names
        known: Sequence[str] = names or [str(place) for place in range(number)]
        if observer == MEAN_OBSERVER:
            return MEAN
        if isinstance(observer, str) and observer in known:
            return known.index(observer)
        if not isinstance(observer, str) and 0 <= observer < number:
            return int(observer)
        told = some(names, None) if names else f"0 to {number - 1}"
        raise InputError(f"no observer {observer!r}; known are {told} and {MEAN_OBSERVER}")

    def _run(
        self,
        pixels: NDArray[np.uint8],
        observers: Tensor,
        task: str,
        guidance: NDArray[np.float32] | None,
        text: Tensor | None,
    ) -> Actions:
        config, device = self.config, self.device
        if task and not config.categories and text is None:
            advice = "; a Gazeformer takes its embedding, as text" if isinstance(config, GazeformerConfig) else ""
            raise InputError(f"task is {task!r}; these weights know no tasks by name{advice}")
        if isinstance(config, ChenLSTMConfig):
            tasks = None
            if config.categories:
                tasks = torch.tensor([category_index(task, config.categories)], device=device)
            led = None if guidance is None else torch.from_numpy(guidance)[None].float().to(device)
            images = prepare(pixels, config.image_size)
            given = {"images": images[None], "guidance": led, "tasks": tasks}
        else:
            assert self.extract is not None
            text = torch.zeros(config.text_channels) if text is None else text
            given = {"features": self.extract(pixels)[None], "task": text[None].float()}
        there = {name: value.to(device) for name, value in given.items() if value is not None}
        return run_network(self.network, {**there, "observers": observers[None]}, self.batch)
