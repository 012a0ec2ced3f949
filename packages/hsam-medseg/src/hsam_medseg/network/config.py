"""Configuration of the network and its preprocessing, and the published variants."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from visioncore.configs import check_choices, check_most, shown
from visioncore.errors import InputError, some
from visioncore.medical import check_orientation

PATCH = 16
"""Side of the encoder's patches in pixels."""

SAM_WIDTH = 256
"""Channels of SAM's image embedding."""

SYNAPSE_CLASSES = (
    *("spleen", "right kidney", "left kidney", "gallbladder"),
    *("liver", "stomach", "aorta", "pancreas"),
)
"""The eight organs of the Synapse protocol, in the order of their labels 1 to 8."""


@dataclass(frozen=True)
class Preprocessing:
    """Preprocessing of a volume: orientation, intensity window, label map.

    Attributes:
        window: how intensities become values in [0, 1]: a preset of `windows.WINDOWS`, or ``low,high``.
        orientation: axes that slices are brought to first, as three letters for the directions of increasing column,
            row and slice (``LPS``: axial slices as radiologists look at them), or ``stored`` to leave them.
        input_size: side in pixels to which slices are resized before the network's own size; None goes there directly.
            The authors' test command takes 224 even for their 512-pixel network.
    """

    window: str = "abdomen"
    orientation: str = "LPS"
    input_size: int | None = None

    def __post_init__(self) -> None:
        check_orientation(self.orientation)
        if self.input_size is not None and self.input_size < 1:
            raise InputError(f"input_size is {self.input_size}; it must be a side in pixels, or none")
        check_most(self, input_size=8192)


@dataclass(frozen=True)
class HSAMConfig:
    """The network's settings; the defaults are the authors' code's.

    Attributes:
        backbone: SAM's image encoder, or ``vit_micro``, a small one of ours for tests and the demo.
        image_size: side S of the slices in pixels, a multiple of 16.
        classes: names of what is segmented, background not counted: C names, labels 1 to C.
        lora_rank: rank of the additions to q and v of every block of the encoder; 0 for none.
        train_encoder: train the encoder itself, for one without SAM's weights; then there are no additions to it.
        decoder: ``hierarchical`` is the paper's pair; ``coarse`` is the first decoder alone; ``sam`` is SAM's own mask
            decoder with a mask token for each channel; ``linear`` is one linear layer, to compare with.
        gate: ``released`` is the class-balanced attention as the authors' code has it, where it has no effect and is
            not computed; ``working`` normalises it over positions, so that it has one (new weights only).
        decoder_width: channels of the image embedding and the decoders, a multiple of 16.
        decoder_mlp: hidden width of the decoders' transformers.
        keep_unused: hold the published tensors that have no effect, for writing the authors' layout again.
        preprocessing: what the weights expect to be done to a volume.
    """

    backbone: Literal["vit_b", "vit_l", "vit_h", "vit_micro"] = "vit_b"
    image_size: int = 224
    classes: tuple[str, ...] = SYNAPSE_CLASSES
    lora_rank: int = 5
    train_encoder: bool = False
    decoder: Literal["hierarchical", "coarse", "sam", "linear"] = "hierarchical"
    gate: Literal["released", "working"] = "released"
    decoder_width: int = SAM_WIDTH
    decoder_mlp: int = 2048
    keep_unused: bool = False
    preprocessing: Preprocessing = field(default_factory=Preprocessing)

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        check_choices(self)
        if self.image_size < PATCH or self.image_size % PATCH:
            raise InputError(f"image_size is {self.image_size}; it must be a positive multiple of {PATCH}")
        check_class_names(self.classes)
        if self.lora_rank < 0:
            raise InputError(f"lora_rank is {self.lora_rank}; it must be at least 0")
        if self.train_encoder and self.lora_rank:
            raise InputError(f"lora_rank is {self.lora_rank}; where train_encoder is true it must be 0")
        if self.decoder_width < 16 or self.decoder_width % 16:
            raise InputError(f"decoder_width is {self.decoder_width}; it must be a positive multiple of 16")
        if self.backbone != "vit_micro" and self.decoder_width != SAM_WIDTH:
            raise InputError(f"decoder_width is {self.decoder_width}; with {self.backbone} it must be {SAM_WIDTH}")
        if self.gate == "working" and self.decoder != "hierarchical":
            raise InputError(f"gate is working; it belongs to the hierarchical decoder, not to {self.decoder}")
        check_most(self, image_size=8192, lora_rank=4096, decoder_width=4096, decoder_mlp=65536)
        if len(self.classes) > 65535:
            raise InputError(f"{len(self.classes)} classes; there may be 65535, which 16-bit labels can tell apart")

    @property
    def grid(self) -> int:
        """Side g of the image embedding."""
        return self.image_size // PATCH

    @property
    def channels(self) -> int:
        """Output channels K = C + 1; channel 0 is the background."""
        return len(self.classes) + 1


def check_class_names(classes: Sequence[str]) -> None:
    """Validate the names of classes, which are written into tables, JSON and DICOM, and printed.

    Raises:
        InputError: if there is none, one is there twice, or one is blank or has characters that cannot be printed.
    """
    unprintable = [name for name in classes if not name.strip() or not name.isprintable()]
    if not classes or len(set(classes)) != len(classes) or unprintable:
        raise InputError(
            f"classes are {some(map(shown, unprintable or classes)) or 'none'}; at least one printable name, each only "
            "once"
        )


def named_config(name: str) -> HSAMConfig | None:
    """Return the settings that a name such as ``vit_b-512`` (backbone, image size) means; None if it is none.

    Raises:
        InputError: if there is no such backbone, or the size is no multiple of 16.
    """
    match = re.fullmatch(r"(vit_[a-z]+)-(\d+)", name)
    return HSAMConfig(backbone=match[1], image_size=int(match[2])) if match else None  # type: ignore[arg-type]
