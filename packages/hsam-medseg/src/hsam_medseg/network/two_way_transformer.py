"""The two-way transformer of the decoders: tokens attend to the image, then to each other, then the image to them.

SAM's (Kirillov et al. 2023) with the first two swapped: there the tokens attend to each other first. The names of the
norms are SAM's, and so not in the order in which they are used.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .attention import Attention
from .mask_attention import MaskedAttention

HEADS = 8
MASKED_DROPOUT = 0.2
"""Share of what the tokens gather from the image that training drops in the second decoder."""


class MLP(nn.Module):
    """Two linear layers around a ReLU."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(width, hidden)
        self.lin2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., width) for (..., width)."""
        return self.lin2(F.relu(self.lin1(x)))


class TwoWayBlock(nn.Module):
    """A block of the two-way transformer.

    Args:
        width: channels of tokens and image.
        hidden: hidden width of the MLP.
        first: the first block, whose self attention sees no position codes and replaces the tokens.
        masked: its cross attentions take a prior and have the full width, as in the second decoder; else half of it.
    """

    def __init__(self, width: int, hidden: int, *, first: bool, masked: bool) -> None:
        super().__init__()
        self.first = first
        self.cross_attn_token_to_image = _cross_attention(width, masked)
        self.self_attn = Attention(width, HEADS)
        self.mlp = MLP(width, hidden)
        self.cross_attn_image_to_token = _cross_attention(width, masked)
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(width) for _ in range(4))
        self.dropout = nn.Dropout(MASKED_DROPOUT if masked else 0.0)

    def forward(
        self, tokens: Tensor, image: Tensor, token_code: Tensor, image_code: Tensor, prior: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return tokens and image after the block.

        Args:
            tokens: (B or 1, T, width).
            image: (B, N, width), the positions of the image embedding.
            token_code: (B or 1, T, width), the tokens as they were before the first block.
            image_code: (1, N, width), the position code.
            prior: (B, T, N) for a masked block.
        """
        there, back = ((), ()) if prior is None else ((prior,), (prior.transpose(1, 2),))
        seen = self.cross_attn_token_to_image(tokens + token_code, image + image_code, image, *there)
        tokens = self.norm2(tokens + self.dropout(seen))
        if self.first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            coded = tokens + token_code
            tokens = tokens + self.self_attn(coded, coded, tokens)
        tokens = self.norm1(tokens)
        tokens = self.norm3(tokens + self.mlp(tokens))
        told = self.cross_attn_image_to_token(image + image_code, tokens + token_code, tokens, *back)
        return tokens, self.norm4(image + told)


class TwoWayTransformer(nn.Module):
    """Two blocks, and a final attention of the tokens to the image.

    Args:
        width: channels of tokens and image.
        hidden: hidden width of the MLPs.
        masked: whether the blocks' cross attentions take a prior; the last look takes none.
    """

    def __init__(self, width: int, hidden: int, *, masked: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TwoWayBlock(width, hidden, first=first, masked=masked) for first in (True, False))
        self.final_attn_token_to_image = Attention(width, HEADS, width // 2)
        self.norm_final_attn = nn.LayerNorm(width)

    def forward(
        self, tokens: Tensor, image: Tensor, image_code: Tensor, prior: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the tokens (B, T, width) and the image (B, N, width) after all blocks.

        Args:
            tokens: (1, T, width).
            image: (B, N, width).
            image_code: (1, N, width), the position code.
            prior: (B, T, N) where the blocks are masked.
        """
        code = tokens
        for block in self.layers:
            tokens, image = block(tokens, image, code, image_code, prior)
        seen = self.final_attn_token_to_image(tokens + code, image + image_code, image)
        return self.norm_final_attn(tokens + seen), image


def _cross_attention(width: int, masked: bool) -> Attention:
    return MaskedAttention(width, HEADS) if masked else Attention(width, HEADS, width // 2)
