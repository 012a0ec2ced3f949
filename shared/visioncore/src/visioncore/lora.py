"""Low-rank adapters (LoRA, Hu et al. 2022) on chosen outputs of linear layers: inject, fold, unfold, save alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .errors import InputError
from .weights.state_dicts import compare


class LoRALinear(nn.Linear):
    """A frozen linear layer with trained low-rank updates of blocks of its outputs: ``y[block] += up down x``.

    The tensors of the layer keep their names (``weight``, ``bias``); those of the additions are ``down.0``, ``up.0``
    and so on, one pair for each block. Folded, the additions are part of the weight and cost nothing; `state_dict`
    tells the same either way, and what is loaded is not folded.

    Args:
        layer: the layer to adapt; its tensors are shared, not copied.
        rank: rank r of the additions.
        blocks: (first, last + 1) output of each block; None adapts all outputs.
    """

    def __init__(self, layer: nn.Linear, rank: int, blocks: Sequence[tuple[int, int]] | None = None) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.weight, self.bias = layer.weight.requires_grad_(False), layer.bias
        if self.bias is not None:
            self.bias.requires_grad_(False)
        self.blocks = tuple(blocks or [(0, layer.out_features)])
        new = layer.weight.new_empty
        self.down = nn.ParameterList(new(rank, self.in_features) for _ in self.blocks)
        self.up = nn.ParameterList(new(stop - start, rank) for start, stop in self.blocks)
        # The weight as it was before folding: taking the additions off again would leave rounding behind.
        self.register_buffer("_before", None, persistent=False)
        self._before: Tensor | None
        self.reset_additions()

    def reset_additions(self) -> None:
        """Initialise the updates for training: random down, zero up, so that they add nothing yet."""
        for down, up in zip(self.down, self.up, strict=True):
            nn.init.kaiming_uniform_(down, a=math.sqrt(5))
            nn.init.zeros_(up)

    @property
    def folded(self) -> bool:
        """Whether the updates are part of the weight now."""
        return self._before is not None

    @torch.no_grad()
    def fold(self) -> None:
        """Fold the updates into the weight."""
        if self.folded:
            return
        self._before = self.weight.clone()
        for (start, stop), down, up in zip(self.blocks, self.down, self.up, strict=True):
            self.weight[start:stop] += up @ down

    @torch.no_grad()
    def unfold(self) -> None:
        """Take the updates out of the weight again, which is then exactly what it was before."""
        if self._before is not None:
            self.weight.copy_(self._before)
            self._before = None

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output with the updates, (..., out_features) for (..., in_features)."""
        y = F.linear(x, self.weight, self.bias)
        if self.folded:
            return y
        # The blocks' additions are one thin product: their outputs side by side, with zeros between them.
        up = x.new_zeros(self.out_features, sum(down.shape[0] for down in self.down))
        column = 0
        for (start, stop), block in zip(self.blocks, self.up, strict=True):
            up[start:stop, column : column + block.shape[1]] = block
            column += block.shape[1]
        return y + F.linear(F.linear(x, torch.cat(tuple(self.down))), up)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self._before is not None:
            destination[f"{prefix}weight"] = self._before

    def _load_from_state_dict(self, *arguments: Any) -> None:
        self.unfold()
        super()._load_from_state_dict(*arguments)


def inject(model: nn.Module, names: Iterable[str], rank: int, blocks: Sequence[tuple[int, int]] | None = None) -> None:
    """Replace linear layers of ``model`` by `LoRALinear`, in place; whether the rest is trained does not change.

    Args:
        model: what is adapted.
        names: dotted names of the layers, as in `nn.Module.named_modules`.
        rank: rank of the additions, at least 1.
        blocks: which outputs are adapted, see `LoRALinear`.

    Raises:
        InputError: if the rank is below 1, a name is of no plain linear layer, or a block reaches beyond its outputs;
            nothing is replaced then.
    """
    if rank < 1:
        raise InputError(f"rank is {rank}; it must be at least 1")
    modules = dict(model.named_modules())
    layers: dict[str, nn.Linear] = {}
    for name in names:
        layer = modules.get(name)
        if not isinstance(layer, nn.Linear) or isinstance(layer, LoRALinear):
            found = "nothing" if layer is None else type(layer).__name__
            raise InputError(f"{name}: {found} there, where a Linear is expected")
        for start, stop in blocks or ():
            if not 0 <= start < stop <= layer.out_features:
                raise InputError(f"{name}: has no block of outputs {start} to {stop}, but {layer.out_features} outputs")
        layers[name] = layer
    for name, layer in layers.items():
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, LoRALinear(layer, rank, blocks))


def fold(model: nn.Module) -> None:
    """Fold all updates in ``model`` into their weights: inference then costs as much as without them."""
    for _, layer in _layers(model):
        layer.fold()


def unfold(model: nn.Module) -> None:
    """Take all updates in ``model`` out of their weights again, for training; nothing is lost."""
    for _, layer in _layers(model):
        layer.unfold()


def lora_state_dict(model: nn.Module) -> dict[str, Tensor]:
    """Return the updates alone by name, to be saved without the model that they adapt."""
    return {
        f"{prefix}{name}": parameter.detach()
        for prefix, layer in _layers(model)
        for name, parameter in layer.named_parameters()
        if name.startswith(("down.", "up."))
    }


def load_lora(model: nn.Module, state: Mapping[str, Tensor], *, where: str) -> None:
    """Load the updates of ``model`` from `lora_state_dict`, all or none; they are not folded then.

    Args:
        model: with additions of the same names and shapes.
        state: the additions by name.
        where: where ``state`` came from, as the error should name it.

    Raises:
        InputError: if additions are missing, left over or of another shape; the line names them.
    """
    fit = compare(state, {name: tensor.shape for name, tensor in lora_state_dict(model).items()})
    if not fit.ok:
        raise InputError(f"{where}: these adapters do not fit {type(model).__name__}: {fit.describe()}")
    model.load_state_dict(dict(state), strict=False)


def _layers(model: nn.Module) -> Iterator[tuple[str, LoRALinear]]:
    """Yield the layers with updates, and the prefix of their tensors' names."""
    for name, module in model.named_modules():
        if isinstance(module, LoRALinear):
            yield f"{name}." if name else "", module
