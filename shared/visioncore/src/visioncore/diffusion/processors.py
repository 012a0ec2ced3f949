"""Attention processors put on a U-Net of diffusers, and taken off again so that it is as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from torch import nn

from .layers import cross_attention

if TYPE_CHECKING:
    from diffusers.models.attention_processor import Attention

Processor = Callable[..., Any]


class Installed:
    """Processors on cross-attention layers of a U-Net; made by `install`.

    Attributes:
        processors: them by the paths of their layers.
    """

    def __init__(self, layers: Mapping[str, Attention], processors: Mapping[str, Processor]) -> None:
        self._layers = layers
        self._before = {path: layer.processor for path, layer in layers.items()}
        self.processors = processors
        for path, layer in layers.items():
            layer.set_processor(processors[path])

    @property
    def in_place(self) -> bool:
        """Whether all of them are on their layers still, and nobody has put others there."""
        return all(layer.processor is self.processors[path] for path, layer in self._layers.items())

    def uninstall(self) -> None:
        """Put the processors back that were there; layers that have got others since keep those."""
        for path, layer in self._layers.items():
            if layer.processor is self.processors[path]:
                layer.set_processor(self._before[path])


def install(unet: nn.Module, paths: Iterable[str], make: Callable[[str, Processor], Processor]) -> Installed:
    """Put processors on cross-attention layers; those of other layers, and weights such as LoRA's, stay.

    Args:
        unet: of diffusers.
        paths: of the layers.
        make: gets a path and the processor that is there, and returns the one to put there. One that is no module keeps
            its tensors out of the U-Net's state dict, and away from whoever moves or freezes the U-Net.
    """
    every = cross_attention(unet)
    layers = {path: every[path] for path in paths}
    return Installed(layers, {path: make(path, layer.processor) for path, layer in layers.items()})


class WithKeys:
    """An attention layer as other processors see it, whose keys and values are given.

    So a processor of diffusers, or another method's, attends to them in its own way.

    Args:
        layer: the attention layer; all else is taken from it.
        key: (B, n, width).
        value: (B, n, width).
    """

    def __init__(self, layer: Attention, key: Any, value: Any) -> None:
        self._layer, self._key, self._value = layer, key, value
        self.asked = False
        """Whether a processor has asked for the keys."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    def to_k(self, _: object) -> Any:
        """Return the keys, whatever they would be of."""
        self.asked = True
        return self._key

    def to_v(self, _: object) -> Any:
        """Return the values, whatever they would be of."""
        return self._value
