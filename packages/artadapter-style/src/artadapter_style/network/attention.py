"""Explicit adaptation: keys and values of style tokens by projections of their own, one softmax over style and text.

Softmax does not care about the order of keys, so style stays where the text encoder has put it, in rows 1 to n of the
prompt, and the sequence is no longer than that of a plain prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from visioncore.diffusion.layers import group_of
from visioncore.diffusion.processors import Processor, WithKeys
from visioncore.diffusion.switch import Switch
from visioncore.errors import InputError

from .acting import Acting, every_row

if TYPE_CHECKING:
    from diffusers.models.attention_processor import Attention


class StyleProjections(nn.Module):
    """The projections of style tokens of one cross-attention layer, trained.

    Args:
        context: width of the tokens.
        width: of the layer's queries.
    """

    def __init__(self, context: int, width: int) -> None:
        super().__init__()
        self.to_k_style = nn.Linear(context, width, bias=False)
        self.to_v_style = nn.Linear(context, width, bias=False)

    def forward(self, style: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values (B, n, width) of style tokens (B, n, context), in their precision."""
        weight = self.to_k_style.weight
        tokens = style.to(weight)
        return self.to_k_style(tokens).to(style), self.to_v_style(tokens).to(style)


class ExplicitAttention:
    """Attention processor of diffusers with explicit adaptation.

    It is no module, so that the adapter's tensors stay out of the U-Net's. Outside of a run with style, the processor
    that was there before computes alone.

    Args:
        path: of the layer.
        projections: of the style tokens.
        switch: that all layers share.
        before: the processor that was there.
    """

    def __init__(self, path: str, projections: StyleProjections, switch: Switch[Acting], before: Processor) -> None:
        from diffusers.models.attention_processor import AttnProcessor2_0

        self.path, self.group = path, group_of(path)
        self.projections = projections
        self.switch = switch
        self.before = before
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
        if acting is None or not acting.any:
            out: Tensor = self.before(attn, hidden_states, encoder_hidden_states, attention_mask, **further)
            return out
        # IP-Adapters of diffusers get their own tokens beside the prompt
        prompt = encoder_hidden_states[0] if isinstance(encoder_hidden_states, tuple) else encoder_hidden_states
        found = acting.kept.find(self.path, prompt, lambda: self._find(attn, prompt, acting))
        offsets = acting.offsets(self.group, len(prompt), prompt.shape[1], hidden_states)
        if attention_mask is not None:
            offsets = attention_mask if offsets is None else attention_mask + offsets
        if self.direct and prompt is encoder_hidden_states:
            return self._attend(attn, hidden_states, found, offsets, acting)
        return self._ask_before(attn, hidden_states, encoder_hidden_states, found, offsets, further)

    def _find(self, attn: Attention, prompt: Tensor, acting: Acting) -> Any:
        """Return keys and values (B, n, width) of a prompt (B, n, context)."""
        styled, rows = acting.styled_rows(len(prompt)), acting.rows
        text = attn.to_k(prompt), attn.to_v(prompt)
        style = self.projections(prompt[:, rows])
        return tuple(_put(*pair, rows, styled) for pair in zip(text, style, strict=True))

    def _attend(self, attn: Attention, hidden: Tensor, found: Any, offsets: Tensor | None, acting: Acting) -> Tensor:
        """Return the output (B, N, width) for queries' source (B, N, width)."""
        key, value = found
        return _out(attn, hidden, _mixed(attn, attn.to_q(hidden), key, value, offsets))

    def _ask_before(
        self,
        attn: Attention,
        hidden: Tensor,
        context: Any,
        found: Any,
        offsets: Tensor | None,
        further: dict[str, Any],
    ) -> Tensor:
        """Let the processor that was there attend to keys and values with style."""
        given = WithKeys(attn, *found)
        out: Tensor = self.before(given, hidden, context, offsets, **further)
        if not given.asked:
            raise InputError(
                f"{type(self.before).__name__} on {self.path} does not use the layer's own keys, so no style can reach "
                "it; take it off the U-Net first"
            )
        return out


class DecoupledAttention(ExplicitAttention):
    """The other common scheme, for comparison: a softmax over text plus strength times one over style."""

    def _find(self, attn: Attention, prompt: Tensor, acting: Acting) -> Any:
        styled, rows = acting.styled_rows(len(prompt)), acting.rows
        hidden = prompt.new_zeros(len(prompt), 1, prompt.shape[1])
        hidden[styled, :, rows] = float("-inf")
        share = every_row(styled, prompt.device).to(prompt)
        return attn.to_k(prompt), attn.to_v(prompt), *self.projections(prompt[:, rows]), hidden, share

    def _attend(self, attn: Attention, hidden: Tensor, found: Any, offsets: Tensor | None, acting: Acting) -> Tensor:
        key, value, style_key, style_value, without_style, share = found
        scale, *others = set(acting.strengths[self.group])
        if others:
            raise InputError("with two softmaxes all levels have one strength; give them the same")
        query = attn.to_q(hidden)
        text = _mixed(attn, query, key, value, without_style)
        style = _mixed(attn, query, style_key, style_value, None)
        return _out(attn, hidden, text + scale * share * style)

    def _ask_before(self, attn: Attention, *_: Any) -> Tensor:
        raise InputError(
            f"{type(self.before).__name__} is on the U-Net; the decoupled form is for comparison on a plain one alone"
        )


def _put(text: Tensor, style: Tensor, rows: slice, styled: list[bool]) -> Tensor:
    """Return keys or values (B, n, width) of text, in whose ``rows`` those of style stand where a row is styled."""
    middle = style
    if not all(styled):
        middle = torch.where(every_row(styled, text.device), style, text[:, rows])
    return torch.cat((text[:, : rows.start], middle, text[:, rows.stop :]), dim=1)


def _mixed(attn: Attention, query: Tensor, key: Tensor, value: Tensor, offsets: Tensor | None) -> Tensor:
    """Return values mixed for queries (B, N, width), (B, N, width), by one softmax over all keys."""
    query, key, value = (x.unflatten(-1, (attn.heads, -1)).transpose(1, 2) for x in (query, key, value))
    mask = None if offsets is None else offsets[:, None]
    mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    return mixed.transpose(1, 2).flatten(2)


def _out(attn: Attention, hidden: Tensor, mixed: Tensor) -> Tensor:
    """Return the layer's output, by its frozen projection."""
    out: Tensor = attn.to_out[1](attn.to_out[0](mixed))
    if attn.residual_connection:
        out = out + hidden
    return out if attn.rescale_output_factor == 1 else out / attn.rescale_output_factor
