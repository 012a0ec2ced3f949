#!/usr/bin/env bash
# torchinfo counts a linear layer once for each image and not for each of its tokens: a transformer seems cheaper by the number
# of its tokens. A convolution of one pixel that computes the very same is counted right, so the two cannot be compared.
#
#   100 tokens of 64 channels, 2 images        multiply-adds
#   Linear(64, 64)                                    8 320
#   Conv1d(64, 64, 1)                               832 000
#   by hand, without bias                           819 200
#
# A transposed convolution, on the other hand, is counted for each output, 4 times too much with a stride of 2. Seen with
# torchinfo 1.8.0 and torch 2.15.0; torch.utils.flop_counter counts all three right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.15.0 torchinfo==1.8.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
from importlib.metadata import version

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchinfo import summary

layers = {
    "Linear": (nn.Linear(64, 64), (2, 100, 64)),
    "Conv1d": (nn.Conv1d(64, 64, 1), (2, 64, 100)),
    "ConvTranspose2d": (nn.ConvTranspose2d(8, 8, 4, 2, 1), (1, 8, 16, 16)),
}
ratio = {}
print("torchinfo", version("torchinfo"), "torch", version("torch"))
for name, (layer, shape) in layers.items():
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        layer(torch.zeros(shape))
    right, told = counter.get_total_flops() // 2, summary(layer, shape, verbose=0).total_mult_adds
    ratio[name] = told / right
    print(f"{name}: {told}, should be {right}")
assert ratio["Linear"] < 0.011, "tokens are counted now"
assert abs(ratio["Conv1d"] - 1) < 0.02, "a convolution is counted another way now"
assert ratio["ConvTranspose2d"] > 4, "a transposed convolution is counted right now"
PY
