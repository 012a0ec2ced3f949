"""Inputs of the networks for an image and its task: photos for ChenLSTM, stored features and texts for Gazeformer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visioncore.errors import InputError, damage, some
from visioncore.files import check_regular, whole_folder, write_text
from visioncore.images import read_image

from ..network.config import ChenLSTMConfig, Config, GazeformerConfig
from .preparation import prepare
from .trials import ScanpathData

FEATURES_FILE, NAMES_FILE = "features.npy", "names.json"
FREE_VIEWING = "free-viewing"
"""Name of the text of data without tasks."""


class Inputs(Protocol):
    """Where the inputs of a network come from."""

    def __call__(self, image: str, task: str) -> dict[str, Tensor]:
        """Return the inputs of one image under a task, by the names of the network's arguments."""
        ...


class PhotoInputs:
    """Inputs of ChenLSTM: photos from a folder, kept small in memory once they were read.

    Args:
        folder: of the photos.
        config: of the network.
        guidance: the map (H, W) of an image and task; zeros where there is none.
    """

    def __init__(
        self,
        folder: Path,
        config: ChenLSTMConfig,
        guidance: Mapping[tuple[str, str], NDArray[np.float32]] | None = None,
    ) -> None:
        self.folder, self.config, self.guidance = folder, config, guidance or {}
        self._kept: dict[str, Tensor] = {}

    def __call__(self, image: str, task: str) -> dict[str, Tensor]:
        """Return ``images`` (3, H, W), ``guidance`` (h, w), and ``tasks`` where the network has categories."""
        if image not in self._kept:
            self._kept[image] = prepare(rgb(read_image(self.folder / image).pixels), self.config.image_size).half()
        empty = np.zeros(self.config.grid, np.float32)
        found = {
            "images": self._kept[image].float(),
            "guidance": torch.from_numpy(self.guidance.get((image, task), empty)),
        }
        if self.config.categories:
            found["tasks"] = torch.tensor(category_index(task, self.config.categories))
        return found


class FeatureInputs:
    """Inputs of Gazeformer: features from a folder that `write_features` made, and embeddings of tasks.

    Args:
        folder: of the features.
        config: of the network.
        texts: embedding of each task (text channels,); that of data without tasks is ``free-viewing``.

    Raises:
        InputError: if the folder does not hold what it should, or sizes do not fit the network.
    """

    def __init__(self, folder: Path, config: GazeformerConfig, texts: Mapping[str, Tensor]) -> None:
        self.folder, self.config, self.texts = folder, config, texts
        names, self._features = _read_features(folder)
        self._places = {name: place for place, name in enumerate(names)}
        expected = (config.grid[0] * config.grid[1], config.feature_channels)
        if self._features.shape[1:] != expected:
            raise InputError(
                f"{folder}: features of an image are {self._features.shape[1:]}; the network takes {expected}"
            )

    def __call__(self, image: str, task: str) -> dict[str, Tensor]:
        """Return ``features`` (P, F) and ``task`` (text channels,)."""
        if image not in self._places:
            raise InputError(f"{self.folder}: no features of {image}; it has those of {len(self._places)} images")
        text = self.texts.get(task or FREE_VIEWING)
        if text is None:
            raise InputError(f"no embedding of the task {task or FREE_VIEWING!r}; known are {some(self.texts)}")
        features = torch.from_numpy(np.array(self._features[self._places[image]])).float()
        return {"features": features, "task": text.float()}


def inputs_for(
    config: Config, data: ScanpathData, features: str | Path | None = None, texts: str | Path | None = None
) -> Inputs:
    """Return where the inputs of a network come from.

    Args:
        config: of the network.
        data: the data set, with its folder of images for ChenLSTM.
        features: the folder of stored features, for Gazeformer.
        texts: an ``npz`` file, for Gazeformer; default: zeros for free viewing.

    Raises:
        InputError: if something of these is missing, or is not what it should be.
    """
    if isinstance(config, ChenLSTMConfig):
        data.check_images()
        assert data.images is not None
        return PhotoInputs(data.images, config)
    if not features:
        raise InputError("a Gazeformer looks at stored features; give their folder as features")
    known = read_texts(texts) if texts else {FREE_VIEWING: torch.zeros(config.text_channels)}
    return FeatureInputs(Path(features), config, known)


def write_features(
    folder: str | Path, names: Sequence[str], extract: Callable[[str], Tensor], shape: tuple[int, int]
) -> None:
    """Write the features of images into a new folder, in half precision, to be read from the disk as they are needed.

    Args:
        folder: appears when all is written.
        names: of the images.
        extract: makes the features (P, F) of an image, by its name.
        shape: P and F.

    Raises:
        InputError: if the folder cannot be written, features have another shape, or a name is there twice.
    """
    _check_names(names, str(folder))
    with whole_folder(Path(folder)) as temporary:
        stored = np.lib.format.open_memmap(
            temporary / FEATURES_FILE, mode="w+", dtype=np.float16, shape=(len(names), *shape)
        )
        for place, name in enumerate(names):
            features = extract(name)
            if tuple(features.shape) != shape:
                raise InputError(f"{name}: features are {tuple(features.shape)}; they must be {shape}")
            stored[place] = features.detach().cpu().numpy()
        stored.flush()
        write_text(temporary / NAMES_FILE, json.dumps(list(names)))


def _read_features(folder: Path) -> tuple[list[str], NDArray[np.float16]]:
    for name in (FEATURES_FILE, NAMES_FILE):
        check_regular(folder / name)
        if not (folder / name).is_file():
            raise InputError(f"{folder}: no {name} in this folder of features")
    with damage(folder, "the features are damaged"):
        names: Any = json.loads((folder / NAMES_FILE).read_bytes())
        features = np.load(folder / FEATURES_FILE, mmap_mode="r", allow_pickle=False)
    if not isinstance(names, list) or features.ndim != 3 or len(names) != len(features):
        raise InputError(f"{folder}: {NAMES_FILE} and {FEATURES_FILE} do not fit together")
    names = [str(name) for name in names]
    _check_names(names, f"{folder}, {NAMES_FILE}")
    return names, features


def _check_names(names: Sequence[str], where: str) -> None:
    if twice := [name for name, number in Counter(names).items() if number > 1]:
        raise InputError(f"{where}: names of images are there twice: {some(twice)}; features are found by their name")


def read_texts(path: str | Path) -> dict[str, Tensor]:
    """Return the embeddings of tasks in an ``npz`` file, each a vector under the name of its task.

    Raises:
        InputError: if it cannot be read, or holds something else.
    """
    path = Path(path)
    check_regular(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    with damage(path, "no npz file of embeddings"), np.load(path, allow_pickle=False) as arrays:
        found = {name: torch.from_numpy(np.asarray(arrays[name], np.float32)) for name in arrays.files}
    if wrong := [name for name, text in found.items() if text.ndim != 1]:
        raise InputError(f"{path}: an embedding is one vector; these are none: {some(wrong)}")
    return found


def category_index(task: str, categories: Sequence[str]) -> int:
    """Return the index of a target category.

    Raises:
        InputError: if it is unknown; the text lists those that are known.
    """
    if task not in categories:
        raise InputError(f"unknown task {task!r}; known are {', '.join(categories)}")
    return categories.index(task)


def rgb(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the colours of an image of any depth as RGB of 8 bit (H, W, 3)."""
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    return np.ascontiguousarray(np.broadcast_to(pixels[..., :3], (*pixels.shape[:2], 3)))
