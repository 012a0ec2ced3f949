"""Decoupled cross-attention: the text's part, plus that of the foreground by projections of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from visioncore.diffusion.processors import Processor
from visioncore.diffusion.switch import Switch
from visioncore.errors import InputError

from .acting import Acting, Plan

if TYPE_CHECKING:
    from diffusers.models.attention_processor import Attention


class ForegroundProjections(nn.Module):
    """The projections of the foreground's tokens of one cross-attention layer, trained.

    Values are zero at first, so that the base computes as without them.

    Args:
        context: width of the tokens.
        width: of the layer's queries.
    """

    def __init__(self, context: int, width: int) -> None:
        super().__init__()
        self.to_k = nn.Linear(context, width, bias=False)
        self.to_v = nn.Linear(context, width, bias=False)
        nn.init.zeros_(self.to_v.weight)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values (B, n, width) of tokens (B, n, context)."""
        tokens = tokens.to(self.to_k.weight)
        return self.to_k(tokens), self.to_v(tokens)


class InjectedAttention:
    """Attention processor of diffusers with a foreground part beside that of the text.

    It is no module, so that the injector's tensors stay out of the U-Net's. Outside of a run with a foreground, the
    processor that was there before computes alone.

    Args:
        path: of the layer.
        projections: of the foreground's tokens.
        switch: that all layers share.
        before: the processor that was there.
    """

    def __init__(
        self, path: str, projections: ForegroundProjections, switch: Switch[Acting], before: Processor
    ) -> None:
        from diffusers.models.attention_processor import AttnProcessor2_0

        self.path, self.projections, self.switch, self.before = path, projections, switch, before
        self.direct = type(before) is AttnProcessor2_0

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Any = None,
        attention_mask: Tensor | None = None,
        ip_adapter_masks: Any = None,
    ) -> Tensor:
        acting = self.switch.acting
        further = {} if ip_adapter_masks is None else {"ip_adapter_masks": ip_adapter_masks}
        if acting is None:
            out: Tensor = self.before(attn, hidden_states, encoder_hidden_states, attention_mask, **further)
            return out
        plan = acting.plan(hidden_states)
        if self.direct and isinstance(encoder_hidden_states, Tensor):
            return self._attend(attn, hidden_states, encoder_hidden_states, attention_mask, acting, plan)
        given = WithAddition(attn, lambda mixed, query: self._add_foreground(mixed, attn, query, acting, plan))
        bias = _bias(plan.text, attention_mask, hidden_states, one_head=False)
        out = self.before(given, hidden_states, encoder_hidden_states, bias, **further)
        if not given.asked:
            raise InputError(
                f"{type(self.before).__name__} on {self.path} does not use the layer's own queries and output, so no "
                "foreground can reach it; take it off the U-Net first"
            )
        return out

    def _attend(
        self, attn: Attention, hidden: Tensor, prompt: Tensor, mask: Tensor | None, acting: Acting, plan: Plan
    ) -> Tensor:
        """Return the output (B, n, width) for queries' source (B, n, width) and prompts (B, L, context)."""
        query = attn.to_q(hidden)
        key, value = acting.kept.find(self.path, prompt, lambda: (attn.to_k(prompt), attn.to_v(prompt)))
        seen = plan.text if mask is None else _bias(plan.text, mask, hidden, one_head=True)
        mixed = self._add_foreground(mix(query, key, value, attn.heads, seen), attn, query, acting, plan)
        out: Tensor = attn.to_out[1](attn.to_out[0](mixed))
        if attn.residual_connection:
            out = out + hidden
        return out if attn.rescale_output_factor == 1 else out / attn.rescale_output_factor

    def _add_foreground(self, mixed: Tensor, attn: Attention, query: Tensor, acting: Acting, plan: Plan) -> Tensor:
        """Return mixed values (B, n, width) with the foreground's part, which is zero where a place sees none."""
        if not acting.scale:
            return mixed
        name = f"{self.path} foreground {len(query)} {query.dtype}"
        key, value = acting.kept.find(name, acting.tokens, lambda: self._project(acting, query))
        return torch.addcmul(mixed, plan.gain, mix(query, key, value, attn.heads, plan.foreground))

    def _project(self, acting: Acting, query: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values (B, E * N, width) for all rows of a batch."""
        key, value = self.projections(acting.tokens)
        return acting.rows(key.to(query), len(query)), acting.rows(value.to(query), len(query))


class WithAddition:
    """An attention layer as other processors see it, to whose mixed values something is added before they go out.

    Args:
        layer: the attention layer; all else is taken from it.
        add: (mixed values, queries) -> what goes out, all (B, n, width).
    """

    def __init__(self, layer: Attention, add: Callable[[Tensor, Tensor], Tensor]) -> None:
        self._layer, self._add = layer, add
        self.to_q = Remembering(layer.to_q)
        self.asked = False
        """Whether a processor has let the addition in."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    @property
    def to_out(self) -> list[Callable[[Tensor], Tensor]]:
        """The layer's projection and dropout."""
        return [self._project, self._layer.to_out[1]]

    def _project(self, mixed: Tensor) -> Tensor:
        if self.to_q.found is not None:
            self.asked = True
            mixed = self._add(mixed, self.to_q.found)
        out: Tensor = self._layer.to_out[0](mixed)
        return out


class Remembering:
    """A layer that keeps what it gave last, in ``found``; all else is taken from it."""

    def __init__(self, layer: nn.Module) -> None:
        self._layer = layer
        self.found: Tensor | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    def __call__(self, x: Tensor) -> Tensor:
        self.found = self._layer(x)
        return self.found


def mix(query: Tensor, key: Tensor, value: Tensor, heads: int, seen: Tensor | None) -> Tensor:
    """Return values mixed for queries (B, n, width), (B, n, width).

    Args:
        query: (B, n, width).
        key: (B, m, width).
        value: (B, m, width).
        heads: of the attention.
        seen: (B, 1, n, m) truth values, or what is added to logits; None where all keys are seen.
    """
    query, key, value = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (query, key, value))
    mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
    return mixed.transpose(1, 2).flatten(2)


def _bias(seen: Tensor | None, mask: Tensor | None, like: Tensor, *, one_head: bool) -> Tensor | None:
    """Return offsets of logits, (B, 1, n, L) or (B, n, L), of what is seen and a call's own offsets (B, 1, L)."""
    if seen is None:
        return mask if mask is None or not one_head else mask[:, None]
    added = torch.zeros_like(seen, dtype=like.dtype).masked_fill_(~seen, -torch.inf)
    added = added if mask is None else added + mask[:, None]
    return added if one_head else added[:, 0]
