"""Several networks of one method: the class that stands for any of them, where weights decide which one it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import torch

from ..configs import published_variant
from ..errors import InputError
from .pretrained import Pretrained


class Family(Pretrained):
    """Base of a method's networks, each of which has a configuration class of its own.

    A method derives one class from it, sets ``variants``, and derives its networks from that class. The class itself,
    called, makes the network that a configuration is for, and loads whichever network weights are of.

    Args:
        config: the settings, or the name of a published variant.
    """

    variants: ClassVar[Mapping[str, Any]] = {}
    """Settings of the published variants by their names."""
    members: ClassVar[dict[type[Any], type[Family]]]
    """The networks by the class of their configuration."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if Family in cls.__bases__:
            cls.members = {}
        elif "config_class" in vars(cls):
            cls.members[cls.config_class] = cls

    def __new__(cls, config: Any = None) -> Self:
        settings = cls._settings(config)
        found: Any = cls if settings is None or not cls._is_root() else cls.member_of(settings)
        made: Self = super().__new__(found)
        return made

    def __init__(self, config: Any = None) -> None:
        super().__init__()
        settings = self._settings(config)
        self.config = self.config_class() if settings is None else settings
        if not isinstance(self.config, self.config_class):
            raise InputError(f"the settings are of another network than {type(self).__name__}: {self.config}")

    @classmethod
    def member_of(cls, config: Any) -> type[Self]:
        """Return the network that a configuration is for.

        Raises:
            InputError: if it is of none, or of another one than the class that was asked.
        """
        found = cls.members.get(type(config))
        if found is None or not issubclass(found, cls):
            raise InputError(f"the settings are of another network than {cls.__name__}: {config}")
        return found

    @classmethod
    def _is_root(cls) -> bool:
        return Family in cls.__bases__

    @classmethod
    def _settings(cls, config: Any) -> Any:
        return published_variant(cls.variants, config) if isinstance(config, str) else config

    @classmethod
    def _load(cls, text: str, where: str, weights: Path, device: str | torch.device, **companions: Any) -> Self:
        if not cls._is_root():
            return super()._load(text, where, weights, device, **companions)
        try:
            name = json.loads(text)["model"]
        except (ValueError, TypeError, KeyError, RecursionError):
            name = None
        known = {member.__name__: member for member in cls.members.values()}
        if name not in known:
            raise InputError(f"{where}: not a configuration of {' or '.join(known)}")
        model = known[name]._load(text, where, weights, device, **companions)
        assert isinstance(model, cls)
        return model
