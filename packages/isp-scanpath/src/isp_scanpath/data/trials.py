"""Trials: who looked at which image under which task, and the fixations that were recorded."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from visioncore.errors import InputError, some

from ..network.config import Config
from ..network.scanpaths import Floats, Frame, Scanpaths

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Trial:
    """One observer's scanpath on an image.

    Attributes:
        image: name of the image, its place in the folder of images.
        observer: index of the observer.
        fixations: x and y in pixels of the frame that the data set is recorded in, and seconds (n, 3).
        task: what was to be done, such as the category that was searched for; empty for looking freely.
        split: the part of the data that it belongs to; None for none.
    """

    image: str
    observer: int
    fixations: Floats
    task: str = ""
    split: Split | None = None


@dataclass(frozen=True, eq=False)
class ScanpathData:
    """The trials of a data set.

    Attributes:
        name: of the data set.
        trials: all of them.
        observers: names of the observers, in the order of their indices.
        frame: width and height in pixels that fixations are recorded in, where it is one for all images.
        frames: the same by image, where it is not.
        first_pixel: coordinate of the first pixel: 1 in MATLAB's files, else 0.
        images: folder of the images; None without.
        groups: group of each observer, such as ``asd``; none in general.
        by_order: whether observers have their indices only by who comes first in the file.
        source: the file that the trials came from.
    """

    name: str
    trials: tuple[Trial, ...]
    observers: tuple[str, ...]
    source: Path
    frame: Frame | None = None
    frames: Mapping[str, Frame] = field(default_factory=dict)
    first_pixel: int = 0
    images: Path | None = None
    groups: tuple[str, ...] = ()
    by_order: bool = False

    def __post_init__(self) -> None:
        if not self.trials:
            raise InputError(f"{self.source}: holds no scanpath")
        twice = [
            key for key, number in Counter((t.image, t.task, t.observer) for t in self.trials).items() if number > 1
        ]
        if twice:
            named = (f"{image} by {self.observers[observer]}" for image, _, observer in twice)
            raise InputError(f"{self.source}: {len(twice)} scanpaths are there more than once: {some(named)}")

    def part(self, split: Split) -> list[Trial]:
        """Return the trials of a split, image after image and by observer.

        Raises:
            InputError: if there is none.
        """
        found = [trial for trial in self.trials if trial.split == split]
        if not found:
            there = Counter(trial.split or "in none" for trial in self.trials)
            parts = ", ".join(f"{number} {name}" for name, number in there.items())
            raise InputError(f"{self.source}: the {split} split is empty (scanpaths: {parts})")
        return sorted(found, key=lambda trial: (trial.image, trial.task, trial.observer))

    def training_parts(self, validation: ScanpathData | None = None) -> tuple[list[Trial], list[Trial]]:
        """Return the trials to train on and those to validate on.

        Where no trial has a split, all are for training, but every tenth image if there is no data for validation.

        Args:
            validation: other data of the same observers, all of which is for validation.

        Raises:
            InputError: if either part is empty, or ``validation`` has an observer that this data has not.
        """
        unsplit = all(trial.split is None for trial in self.trials)
        ordered = sorted(self.trials, key=lambda trial: (trial.image, trial.task, trial.observer))
        if validation is not None:
            index = [self.observer_index(name) for name in validation.observers]
            theirs = sorted(validation.trials, key=lambda trial: (trial.image, trial.task, trial.observer))
            held_out = [replace(trial, observer=index[trial.observer]) for trial in theirs]
            return ordered if unsplit else self.part("train"), held_out
        if not unsplit:
            return self.part("train"), self.part("validation")
        chosen = set(sorted({trial.image for trial in self.trials})[::10])
        trained = [trial for trial in ordered if trial.image not in chosen]
        if not trained:
            raise InputError(f"{self.source}: one image only; training and validation need one each at least")
        return trained, [trial for trial in ordered if trial.image in chosen]

    def frame_of(self, image: str) -> Frame:
        """Return the width and height that fixations on an image are recorded in.

        Raises:
            InputError: if they are not known.
        """
        frame = self.frames.get(image, self.frame)
        if frame is None:
            raise InputError(f"{self.source}: no width and height for {image}")
        return frame

    def observer_index(self, name: str) -> int:
        """Return the index of an observer.

        Raises:
            InputError: if nobody has this name; the text lists those who are known.
        """
        if name not in self.observers:
            raise InputError(f"{self.source}: no observer {name!r}; known are {some(self.observers, None)}")
        return self.observers.index(name)

    def warn_of_order(self, config: Config) -> None:
        """Warn if nothing but the order of the file says which of a network's observers these are."""
        indices = tuple(map(str, range(len(self.observers))))
        if self.by_order and config.observers > 1 and not config.names and self.observers != indices:
            told = some([f"{name} is {index}" for name, index in zip(self.observers, indices, strict=True)])
            warnings.warn(
                f"{self.source}: these weights do not name their observers, so who comes first in the file counts as "
                f"their first: {told}",
                stacklevel=2,
            )

    def as_known_to(self, config: Config) -> ScanpathData:
        """Return the data with the observers, and so their indices, that a network has.

        Where the network does not name its observers, those of the data stay as they are, see `warn_of_order`.

        Args:
            config: of the network.

        Raises:
            InputError: if the network does not know an observer; the text lists those whom it does.
        """
        self.warn_of_order(config)
        names = config.names
        if not names:
            return self
        if unknown := [name for name in self.observers if name not in names]:
            raise InputError(
                f"{self.source}: the network does not know {some(unknown)}; known are {some(names, None)}; adapt fits "
                "vectors to others"
            )
        index = [names.index(name) for name in self.observers]
        groups = dict(zip(self.observers, self.groups, strict=True)) if self.groups else {}
        return replace(
            self,
            observers=tuple(names),
            trials=tuple(replace(trial, observer=index[trial.observer]) for trial in self.trials),
            groups=tuple(groups.get(name, "") for name in names) if groups else (),
        )

    def scaled(self, trials: Iterable[Trial], frame: Frame) -> Scanpaths:
        """Return scanpaths in another frame, as the authors' evaluation has them: all fixations, scaled as they are."""
        paths = []
        for trial in trials:
            own = self.frame_of(trial.image)
            paths.append(trial.fixations * [frame.width / own.width, frame.height / own.height, 1.0])
        return Scanpaths.of(paths)

    def check_images(self) -> None:
        """Validate that every image of a trial lies in the folder of images.

        Raises:
            InputError: naming those that are missing, or if there is no such folder.
        """
        if self.images is None:
            raise InputError(f"{self.source}: no folder of images was given for it")
        wanted = dict.fromkeys(trial.image for trial in self.trials)
        if missing := [name for name in wanted if not (self.images / name).is_file()]:
            number = f"{len(missing)} of {len(wanted)}"
            raise InputError(f"{self.images}: {number} images of {self.source.name} are missing: {some(missing)}")

    def outside(self) -> int:
        """Return how many fixations lie outside their image; training and metrics count them as on its border."""
        points = np.concatenate([trial.fixations[:, :2] for trial in self.trials]) - self.first_pixel
        sides = np.array([self.frame_of(trial.image) for trial in self.trials])
        sides = sides.repeat([len(trial.fixations) for trial in self.trials], axis=0)
        return int(((points < 0) | (points >= sides)).any(axis=1).sum())


def make_fixations(where: str, x: Any, y: Any, milliseconds: Any) -> Floats:
    """Return fixations (n, 3), the durations in seconds.

    Args:
        where: the scanpath is, for messages, such as ``fixations.json, entry 3``.
        x: in pixels.
        y: in pixels.
        milliseconds: their durations.

    Raises:
        InputError: if there is none, the three differ in length, a value is no finite number, or a duration is not
            positive.
    """
    try:
        columns = [np.atleast_1d(np.asarray(values, np.float64)) for values in (x, y, milliseconds)]
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: x, y and duration must be lists of numbers") from error
    lengths = [column.size for column in columns]
    if len(set(lengths)) > 1 or any(column.ndim != 1 for column in columns):
        raise InputError(
            f"{where}: {lengths[0]} x, {lengths[1]} y and {lengths[2]} durations; a fixation has one of each"
        )
    if not lengths[0]:
        raise InputError(f"{where}: a scanpath without a fixation; leave it out")
    path = np.stack(columns, axis=1)
    if not np.isfinite(path).all():
        raise InputError(f"{where}: fixation {int(np.argmin(np.isfinite(path).all(axis=1))) + 1} is no finite number")
    if (path[:, 2] <= 0).any():
        wrong = int(np.argmax(path[:, 2] <= 0))
        raise InputError(
            f"{where}: fixation {wrong + 1} lasts {path[wrong, 2]:g} ms; durations must be above 0, so leave it out"
        )
    path[:, 2] /= 1000
    return path
