"""Training samples: clips of listed videos, changed at random, with their classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from visioncore.video import FrameIndex, index_frames, read_chosen_frames

from .augmentation import Augmentation, drawn_colours, drawn_crop, recoloured
from .clips import Crop, Pixels, cut, read_crops, view_crops
from .sampling import drawn_frame_numbers, frame_numbers
from .video_lists import Video


class ClipSamples:
    """Samples ``frames`` (T, S, S, 3) of uint8 and ``label``, the number of the class.

    Args:
        videos: labelled ones.
        frames: of a clip, T.
        size: side of the frames, S.
        augmentation: how clips are changed; None takes the middle frame of each segment and of each frame the middle.
    """

    def __init__(self, videos: Sequence[Video], frames: int, size: int, augmentation: Augmentation | None) -> None:
        self.videos, self.frames, self.size, self.augmentation = tuple(videos), frames, size, augmentation

    def __len__(self) -> int:
        return len(self.videos)

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return sample ``index``, whose frames and changes ``rng`` draws.

        Raises:
            InputError: if the video cannot be read.
        """
        video, how = self.videos[index], self.augmentation
        found = index_frames(video.path)
        if how is None:
            numbers = frame_numbers(len(found), self.frames)
            clip = np.stack([crops[0] for _, crops in read_crops(found, numbers, self.size)])
        else:
            numbers = drawn_frame_numbers(len(found), self.frames, rng)
            clip = self._changed(found, numbers, how, rng)
        return {"frames": torch.from_numpy(np.ascontiguousarray(clip)), "label": torch.tensor(video.label)}

    def _changed(self, index: FrameIndex, numbers: list[int], how: Augmentation, rng: np.random.Generator) -> Pixels:
        crop: Crop | None = None
        clip = []
        for frame in read_chosen_frames(index, numbers):
            height, width = frame.pixels.shape[:2]
            if crop is None:
                crop = drawn_crop(height, width, rng) if how.crop else view_crops(height, width, self.size)[0]
            clip += cut(frame.pixels, [crop], self.size)
        changed = np.stack(clip)
        if rng.random() < how.flip:
            changed = changed[:, :, ::-1]
        return recoloured(changed, *drawn_colours(how, rng))
