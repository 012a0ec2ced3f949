"""Configuration of the networks, and the published variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from visioncore.errors import InputError

Variant = Literal["gazeptr", "gazedptr", "gazedptr_v2"]
ZoneHead = Literal[1, 2, 3]
MOST_FREQUENCIES = 60
"""Of the positional code; their powers of two are 64-bit integers."""


@dataclass(frozen=True)
class GazeConfig:
    """Settings of a gaze network; the defaults are the paper's.

    Attributes:
        variant: gazeptr (normalised face only), gazedptr (both faces), gazedptr_v2 (both faces, and zones).
        widths: channels of the four stages of a trunk.
        blocks: residual blocks in each of them.
        dim: length of a token.
        heads: of attention in the streams and the pose transformer.
        layers: of the transformers there.
        feed_forward: width inside an encoder layer.
        dropout: in training.
        n_freqs: frequencies of the positional code. The published weights need 30; 10 is enough where a network is
            trained anew, and does not turn rounding into noise.
        unit: what counts as 1 in the positional code of projected points, in the unit of the gaze origin. 1 for the
            published weights; with origins in mm, 1000 lets the code's frequencies tell places in a car apart.
        zones: fine gaze zones; 122 in IVGaze, of which alone it is known to which regions of the car they belong.
        zone_heads: of attention in the two zone transformers.
        zone_layers: of those transformers.
        zone_head: which of the three zone predictions counts: 1 image, 2 projected points, 3 both. The authors' tester
            takes 2.
        double_geometry: compute projection and positional code in float64.
        image_size: side in pixels of the images that it was trained on; others run, less well.

    Raises:
        InputError: if a value is out of its range.
    """

    variant: Variant = "gazedptr"
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    blocks: tuple[int, int, int, int] = (2, 2, 2, 2)
    dim: int = 128
    heads: int = 8
    layers: int = 6
    feed_forward: int = 512
    dropout: float = 0.1
    n_freqs: int = 30
    unit: float = 1.0
    zones: int = 122
    zone_heads: int = 4
    zone_layers: int = 2
    zone_head: ZoneHead = 2
    double_geometry: bool = False
    image_size: int = 224

    def __post_init__(self) -> None:
        counts = ("dim", "heads", "layers", "feed_forward", "n_freqs", "zones", "zone_heads", "zone_layers")
        for name in counts:
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.n_freqs > MOST_FREQUENCIES:
            raise InputError(f"n_freqs is {self.n_freqs}; it must be at most {MOST_FREQUENCIES}")
        if min(self.widths) < 1 or min(self.blocks) < 1:
            raise InputError(f"widths are {self.widths} and blocks {self.blocks}; all must be at least 1")
        for name in ("heads", "zone_heads"):
            if self.dim % getattr(self, name):
                raise InputError(f"dim is {self.dim}; it must be a multiple of {name}, {getattr(self, name)}")
        if not 0 < self.unit < float("inf"):
            raise InputError(f"unit is {self.unit}; it must be above 0")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout is {self.dropout}; it must be from 0 to below 1")
        if self.image_size < 32:
            raise InputError(f"image_size is {self.image_size}; it must be at least 32")
        if self.zone_head not in (1, 2, 3):
            raise InputError(f"zone_head is {self.zone_head}; it must be 1, 2 or 3")

    @property
    def code_length(self) -> int:
        """Length of the positional code of a 3-D vector."""
        return 3 * (1 + 2 * self.n_freqs)


VARIANTS: dict[str, GazeConfig] = {
    "gazedptr": GazeConfig("gazedptr"),
    "gazeptr": GazeConfig("gazeptr"),
    "gazedptr_v2": GazeConfig("gazedptr_v2"),
}
"""The published variants by name."""
