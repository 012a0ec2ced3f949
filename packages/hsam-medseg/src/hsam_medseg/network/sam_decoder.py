"""SAM's own mask decoder in place of the first decoder: the baseline of the paper's decoders."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from visioncore.backbones.sam import sam_layers

from .decoders import Coarse
from .two_way_transformer import HEADS


class SAMDecoder(nn.Module):
    """The mask decoder of the package segment-anything with a mask token for each class.

    Args:
        channels: classes K, background included.
        width: channels of the image embedding.
        hidden: hidden width of the transformer's MLPs.
        grid: positions g of the embedding along one side.
    """

    def __init__(self, channels: int, width: int, hidden: int, grid: int) -> None:
        super().__init__()
        layers = sam_layers()
        self.grid = grid
        transformer = layers.TwoWayTransformer(depth=2, embedding_dim=width, num_heads=HEADS, mlp_dim=hidden)
        self.decoder: nn.Module = layers.MaskDecoder(
            transformer_dim=width,
            transformer=transformer,
            num_multimask_outputs=channels - 1,
            iou_head_hidden_dim=width,
        )
        # The quality of masks is not asked for, so it would not be trained.
        self.decoder.iou_prediction_head.requires_grad_(False)

    def forward(self, image: Tensor, code: Tensor) -> Coarse:
        """Return coarse logits, without inputs for a second decoder.

        Args:
            image: (B, N, width), the image embedding with the missing prompt.
            code: (1, N, width), its position code.
        """
        maps, codes = (x.transpose(1, 2).unflatten(2, (self.grid, self.grid)) for x in (image, code))
        nothing = maps.new_zeros(1, 0, maps.shape[1])
        logits, _ = self.decoder.predict_masks(maps, codes, nothing, torch.zeros_like(maps))  # type: ignore[operator]
        return Coarse(logits, *(image.new_empty(0) for _ in range(2)))
