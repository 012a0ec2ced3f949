"""The decoder of Gazeformer: all steps of a scanpath at once, and the K predictors of action maps behind it."""

from __future__ import annotations

from torch import Tensor, nn

from .observed_memory import ObservedMemory, ObserverAttention, ObserverKeys
from .transformer import FeedForward, SelfAttention

_FLOOR = 1e-16
"""Added to attention before its logarithm, which dropout may have made zero."""


class DecoderLayer(nn.Module):
    """Self-attention of the steps, attention to what the observer sees, feed-forward network.

    Args:
        channels: C.
        heads: a divisor of C.
        feed_forward: width of the feed-forward network.
        dropout: everywhere, in training.
    """

    def __init__(self, channels: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.self_attention = SelfAttention(channels, heads, dropout)
        self.attention = ObserverAttention(channels, heads, dropout)
        self.feed_forward = FeedForward(channels, feed_forward, dropout)
        self.norm1 = nn.LayerNorm(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.norm3 = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, steps: Tensor, memory: ObservedMemory, positions: Tensor) -> Tensor:
        """Return (B, n, T, C).

        Args:
            x: (B, n, T, C).
            steps: positions of the steps (T, C), in queries, keys and values alike.
            memory: what observers see.
            positions: of the tokens (P, C).
        """
        with_steps = (x + steps).flatten(0, 1)
        attended = self.self_attention(with_steps, with_steps).view_as(x)
        x = self.norm1(x + self.dropout(attended))
        x = self.norm2(x + self.dropout(self.attention(x + steps, memory, positions)))
        out: Tensor = self.norm3(x + self.dropout(self.feed_forward(x)))
        return out


class ActionMap(nn.Module):
    """One of the K action maps: the logarithm of an attention's weights, averaged over heads.

    Args:
        channels: C.
        heads: a divisor of C.
        dropout: everywhere, in training; also of the weights, whose logarithm then is -36.8.
    """

    def __init__(self, channels: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.self_attention = SelfAttention(channels, heads, dropout)
        self.norm = nn.LayerNorm(channels)
        self.attention = ObserverKeys(channels, heads)
        self.dropout = nn.Dropout(dropout)

    def forward(self, decoded: Tensor, steps: Tensor, memory: ObservedMemory, positions: Tensor) -> Tensor:
        """Return a map for each step (B, n, T, P); arguments as for `DecoderLayer.forward`."""
        with_steps = (decoded + steps).flatten(0, 1)
        attended = self.self_attention(with_steps, with_steps).view_as(decoded)
        queries = self.norm(decoded + self.dropout(attended)) + steps
        weights = self.dropout(self.attention(queries, memory, positions)).mean(dim=1)
        out: Tensor = (weights + _FLOOR).log()
        return out
