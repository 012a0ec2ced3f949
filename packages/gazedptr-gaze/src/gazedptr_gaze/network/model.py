"""The three networks, as the paper's figure shows them."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from visioncore.errors import InputError
from visioncore.weights.pretrained import Pretrained
from visioncore.weights.state_dicts import load_into

from .config import VARIANTS, GazeConfig, Variant
from .output import GazeOutput
from .pose_transformer import PoseTransformer
from .positional_code import PositionalCode
from .projection import tri_plane_points
from .published import detect_config, read_published
from .stream import AngleHeads, Stream, UnusedHead, make_encoder
from .zone_branch import ZoneBranch

ZONE, DIRECTION = 0, 1
"""Class tokens of the original stream where zones are predicted."""


class GazeNetwork(Pretrained):
    """Base of the three networks."""

    config_class = GazeConfig
    variant: ClassVar[Variant]

    def __init__(self, config: GazeConfig | None = None) -> None:
        super().__init__()
        self.config: GazeConfig = VARIANTS[self.variant] if config is None else config
        if self.config.variant != self.variant:
            raise InputError(f"{type(self).__name__} is {self.variant}; these settings are of {self.config.variant}")

    @classmethod
    def from_published(cls, path: str | Path) -> Self:
        """Return the network with the weights of an authors' checkpoint, in evaluation mode.

        Raises:
            InputError: if the file cannot be read, is of another variant, or does not fit.
        """
        state = read_published(path)
        config = detect_config(state, str(path))
        if config.variant != cls.variant:
            raise InputError(f"{path}: holds {config.variant}, not {cls.variant}; load_published reads any of them")
        model = cls(config)
        load_into(model, state, where=str(path))
        return model.eval()


class GazePTR(GazeNetwork):
    """Gaze from the normalised face alone.

    Example:
        >>> face = torch.rand(2, 3, 224, 224)
        >>> GazePTR().eval()(face).gaze.shape
        torch.Size([2, 2])
    """

    variant = "gazeptr"

    def __init__(self, config: GazeConfig | None = None) -> None:
        super().__init__(config)
        config = self.config
        self.normalised = Stream(config)
        self.gaze_head = nn.Linear(config.dim, 2)
        self.normalised_heads = AngleHeads(config.dim, 4, with_stream=False)

    def forward(self, normalised: Tensor, *, auxiliary: bool = False) -> GazeOutput:
        """Return gazes.

        Args:
            normalised: face (B, 3, H, W) in [0, 1], blue first, as the virtual camera sees it.
            auxiliary: return the gazes of the heads that help training as well.

        Raises:
            InputError: if a shape is another.
        """
        check_faces(normalised=normalised)
        features, levels = self.normalised(normalised)
        helping = self.normalised_heads(features[0], levels) if auxiliary else None
        return GazeOutput(self.gaze_head(features[0]), normalised_gazes=helping)


class GazeDPTR(GazeNetwork):
    """Gaze from the normalised and the original face, which meet in the pose transformer.

    Example:
        >>> face, axis = torch.rand(2, 3, 224, 224), torch.tensor([[0.0, 0, 1], [0.6, 0, 0.8]])
        >>> GazeDPTR().eval()(face, face, axis).gaze.shape
        torch.Size([2, 2])
    """

    variant: ClassVar[Variant] = "gazedptr"
    original_tokens: ClassVar[int] = 1

    def __init__(self, config: GazeConfig | None = None) -> None:
        super().__init__(config)
        config = self.config
        self.original, self.normalised = Stream(config, self.original_tokens), Stream(config)
        self.code = PositionalCode(config.n_freqs, config.double_geometry)
        self.pose = PoseTransformer(make_encoder(config), self.code, config.code_length, config.dim)
        self.gaze_head = nn.Linear(config.dim, 2)
        self.original_heads, self.normalised_heads = (AngleHeads(config.dim, 4, with_stream=True) for _ in range(2))
        self.unused_head = UnusedHead(config.dim)

    def forward(self, normalised: Tensor, original: Tensor, axis: Tensor, *, auxiliary: bool = False) -> GazeOutput:
        """Return gazes.

        Args:
            normalised: face (B, 3, H, W) in [0, 1], blue first, as the virtual camera sees it.
            original: the same face (B, 3, H, W), cut out of the camera's image.
            axis: (B, 3), the unit vector along which the virtual camera looks, in the frame of the original one.
            auxiliary: return the gazes of the heads that help training as well.

        Raises:
            InputError: if a shape is another.
        """
        return self.gaze(normalised, original, axis, auxiliary)[0]

    def gaze(
        self, normalised: Tensor, original: Tensor, axis: Tensor, auxiliary: bool, only: int | None = None
    ) -> tuple[GazeOutput, Tensor]:
        """Return gazes, and the class features (P, B, D) of the original stream, the last of which is the gaze's."""
        check_faces(normalised=normalised, original=original)
        check_shape("axis", axis, (normalised.shape[0], 3))
        original_features, original_levels = self.original(original, only)
        (normalised_feature,), normalised_levels = self.normalised(normalised)
        direction = original_features[-1]
        gaze = self.gaze_head(self.pose(direction, normalised_feature, axis))
        helping: list[Tensor | None] = [None, None]
        if auxiliary:
            helping = [
                self.normalised_heads(normalised_feature, normalised_levels),
                self.original_heads(direction, original_levels),
            ]
        return GazeOutput(gaze, None, None, *helping), original_features


class GazeDPTRV2(GazeDPTR):
    """Gaze as `GazeDPTR` has it, and the zone of the car that it meets.

    Example:
        >>> face, origin = torch.rand(2, 3, 224, 224), torch.tensor([[0.0, 0, 600], [50, 20, 700]])
        >>> to_camera = torch.eye(3).expand(2, 3, 3)
        >>> GazeDPTRV2().eval()(face, face, to_camera[:, :, 2], to_camera, origin).zone_logits.shape
        torch.Size([3, 2, 122])
    """

    variant: ClassVar[Variant] = "gazedptr_v2"
    original_tokens = 2

    def __init__(self, config: GazeConfig | None = None) -> None:
        super().__init__(config)
        self.zones = ZoneBranch(self.config, self.code)

    def forward(
        self,
        normalised: Tensor,
        original: Tensor,
        axis: Tensor,
        to_camera: Tensor | None = None,
        origin: Tensor | None = None,
        *,
        auxiliary: bool = False,
    ) -> GazeOutput:
        """Return gazes and zones; gazes alone, in less time, where no origin is given.

        Zone logits 2 and 3 rest on the phase of the highest frequencies: in float32 they differ from one correct
        program to the next. Compare zones over many samples, or set ``double_geometry`` or a lower ``n_freqs``.

        Args:
            normalised: face (B, 3, H, W) in [0, 1], blue first, as the virtual camera sees it.
            original: the same face (B, 3, H, W), cut out of the camera's image.
            axis: (B, 3), the unit vector along which the virtual camera looks, in the frame of the original one.
            to_camera: (B, 3, 3), the inverse of the normalisation rotation; ``axis`` is its third column.
            origin: (B, 3), where the gaze starts, in the frame of the original camera.
            auxiliary: return the gazes of the heads that help training as well.

        Raises:
            InputError: if a shape is another, or one of ``to_camera`` and ``origin`` is missing.
        """
        if to_camera is None or origin is None:
            if to_camera is not None or origin is not None:
                raise InputError("to_camera and origin go together; give both for zones, or neither for the gaze alone")
            return self.gaze(normalised, original, axis, auxiliary, DIRECTION)[0]
        check_shape("to_camera", to_camera, (normalised.shape[0], 3, 3))
        check_shape("origin", origin, (normalised.shape[0], 3))
        out, features = self.gaze(normalised, original, axis, auxiliary)
        points = tri_plane_points(out.gaze.detach(), origin, to_camera, double=self.config.double_geometry)
        return out._replace(zone_logits=self.zones(features[ZONE], points), points=points)

    def zone(self, out: GazeOutput) -> Tensor:
        """Return the zones (B,) of an output with zone logits, by the head that the settings name."""
        if out.zone_logits is None:
            raise InputError("this output holds no zones; give the network to_camera and origin")
        return out.zone_logits[self.config.zone_head - 1].argmax(-1)


NETWORKS: dict[Variant, type[GazeNetwork]] = {network.variant: network for network in (GazePTR, GazeDPTR, GazeDPTRV2)}
"""The networks by variant."""


def check_faces(**faces: Tensor) -> None:
    """Validate the shapes of images, by the names of the arguments that they came in.

    Raises:
        InputError: if one is not (B, 3, H, W) with sides of at least 32, or batches differ.
    """
    for name, face in faces.items():
        if face.ndim != 4 or face.shape[1] != 3 or min(face.shape[2:]) < 32:
            shape = tuple(face.shape)
            raise InputError(f"{name} has shape {shape}; it must be (B, 3, H, W) with sides of at least 32")
    # not len, which would fix the batch of an exported network
    first, *others = (face.shape[0] for face in faces.values())
    if any(count != first for count in others):
        raise InputError(f"{' and '.join(faces)} hold {[first, *others]} images; give as many")


def check_shape(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    """Validate the shape of a tensor.

    Raises:
        InputError: if it has another.
    """
    if tensor.shape != torch.Size(shape):
        raise InputError(f"{name} has shape {tuple(tensor.shape)}; it must be {shape}")
