#!/usr/bin/env bash
# Kornia's VideoSequential promises that all frames of a clip are treated alike (same_on_frame, its default). With
# RandomChannelDropout only the first N of all the frames in a batch of N clips lose a channel, so that the first clip flickers
# and the last ones are left as they were. RandomGrayscale and RandomErasing do what is promised; RandomChannelDropout with
# same_on_frame=False reaches each frame.
#
#   2 clips of 5 frames, p = 1: channels blacked out in each frame, all told
#   promised         1 1 1 1 1   1 1 1 1 1
#   same_on_frame    1 1 0 0 0   0 0 0 0 0
#   not same         1 1 1 1 1   1 1 1 1 1
#
# Seen with kornia 0.9.0. Call it without VideoSequential on clips with the frames on top of each other (N, C, T * H, W).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet kornia==0.9.0 torch==2.15.0 numpy==2.4.6
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import kornia.augmentation as K
import torch

CLIPS, FRAMES = 2, 5
frame = torch.rand(CLIPS, 1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.25
clips = frame.expand(CLIPS, FRAMES, 3, 16, 16).contiguous()  # nothing moves: frames treated alike stay alike


def run(seed, transform, same):
    torch.manual_seed(seed)
    return K.VideoSequential(transform, data_format="BTCHW", same_on_frame=same)(clips)


print("kornia", version("kornia"))
for same, expected in ((True, [1, 1] + [0] * 8), (False, [1] * 10)):
    for seed in range(10):
        out = run(seed, K.RandomChannelDropout(p=1.0), same)
        black = (out == 0).flatten(-2).all(-1).sum(-1).flatten().tolist()
        assert black == expected, f"same_on_frame={same} blacks out other channels now: {black}"
    print(f"same_on_frame={same}: channels blacked out in each frame {black}")
tall = K.RandomChannelDropout(p=1.0)(clips.transpose(1, 2).flatten(2, 3)).unflatten(2, (FRAMES, 16)).transpose(1, 2)
black = (tall == 0).flatten(-2).all(-1)
print("on top of each other:", black.sum(-1).flatten().tolist())
assert (black.sum(-1) == 1).all() and torch.equal(black, black[:, :1].expand_as(black)), "tall clips are treated otherwise now"
for name in ("RandomGrayscale", "RandomErasing"):
    changed = 0
    for seed in range(10):
        out = run(seed, getattr(K, name)(p=0.5), True)
        changed += int((out != clips).any())
        assert torch.equal(out, out[:, :1].expand_as(out)), f"{name} treats the frames of a clip differently now"
    assert changed, f"{name} does nothing now"
    print(f"{name}: all frames of a clip alike, in 10 runs")
PY
