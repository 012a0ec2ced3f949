"""Vectors of observers in a file of their own: who they are, their groups, and the network that they belong to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from visioncore.errors import InputError, damage, some
from visioncore.files import check_regular
from visioncore.report import write_json
from visioncore.weights.fingerprint import fingerprint

from ..network.base import ISP


@dataclass(frozen=True, eq=False)
class ObserverVectors:
    """Vectors that stand for observers in one network, and mean nothing to another one.

    Attributes:
        names: of n observers, each once.
        vectors: (n, E) in float32.
        groups: group of each observer, such as ``asd``; none in general.
        scanpaths: to how many each vector was fitted; none where that is not known.
        weights: `visioncore.weights.fingerprint.fingerprint` of the network; empty for any of as many channels.

    Raises:
        InputError: if there is no observer, a name is there twice, or the numbers do not fit together.
    """

    names: tuple[str, ...]
    vectors: Tensor
    groups: tuple[str, ...] = ()
    scanpaths: tuple[int, ...] = ()
    weights: str = ""

    def __post_init__(self) -> None:
        number = len(self.names)
        if not number or self.vectors.ndim != 2 or len(self.vectors) != number or not self.vectors.isfinite().all():
            raise InputError(f"vectors are {tuple(self.vectors.shape)}; there must be one of finite numbers a name")
        if any(each and len(each) != number for each in (self.groups, self.scanpaths)):
            raise InputError(f"{number} observers; groups and scanpaths must be as many, or none")
        if len(set(self.names)) < number:
            raise InputError(f"observers have names of their own; these are there twice: {some(_twice(self.names))}")

    @classmethod
    def of_network(cls, model: ISP, names: tuple[str, ...] = (), groups: tuple[str, ...] = ()) -> ObserverVectors:
        """Return the vectors of the observers that a network learnt.

        Args:
            model: the network.
            names: of them, as in its data; default: those in the weights, or else their indices from 0.
            groups: of them.

        Raises:
            InputError: if these are not as many as the network knows observers.
        """
        table = model.observers.table.detach().float().cpu()
        names = names or model.config.names or tuple(map(str, range(len(table))))
        if len(names) != len(table):
            raise InputError(f"{len(names)} observers: {some(names)}; the network knows {len(table)}")
        return cls(names, table, groups, weights=fingerprint(model))

    def check_fits(self, channels: int, weights: str) -> None:
        """Validate that the vectors belong to a network.

        Args:
            channels: numbers in a vector of it.
            weights: its fingerprint.

        Raises:
            InputError: if they are of another length, or were made with other weights.
        """
        if self.vectors.shape[1] != channels:
            raise InputError(f"vectors are {tuple(self.vectors.shape)}; they must be (n, {channels})")
        if self.weights not in ("", weights):
            raise InputError(
                f"the vectors of {some(self.names)} belong to other weights and mean nothing to these; adapt to these"
            )

    def save(self, path: str | Path) -> Path:
        """Write the observers as a JSON file, whole or not at all, and return where it is.

        Raises:
            InputError: if the suffix is another, or the file cannot be written.
        """
        path = Path(path)
        if path.suffix != ".json":
            raise InputError(f"{path}: observers are written as .json")
        observers = [
            {
                "name": name,
                **({"group": self.groups[place]} if self.groups else {}),
                **({"scanpaths": self.scanpaths[place]} if self.scanpaths else {}),
                "vector": vector,
            }
            for place, (name, vector) in enumerate(zip(self.names, self.vectors.tolist(), strict=True))
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"weights": self.weights, "observers": observers})
        return path

    @classmethod
    def load(cls, path: str | Path) -> ObserverVectors:
        """Return the observers in a file that `save` wrote.

        Raises:
            InputError: if it cannot be read, or holds something else.
        """
        path = Path(path)
        check_regular(path)
        if not path.is_file():
            raise InputError(f"{path}: no such file of observers; adapt writes one")
        with damage(path, "damaged or no file of observers"):
            content: Any = json.loads(path.read_bytes())
            entries = [dict(entry) for entry in content["observers"]]
            return cls(
                names=tuple(str(entry["name"]) for entry in entries),
                vectors=torch.tensor([entry["vector"] for entry in entries], dtype=torch.float32),
                groups=tuple(str(entry["group"]) for entry in entries if "group" in entry),
                scanpaths=tuple(int(entry["scanpaths"]) for entry in entries if "scanpaths" in entry),
                weights=str(content["weights"]),
            )


def _twice(names: tuple[str, ...]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})
