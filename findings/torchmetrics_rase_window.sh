#!/usr/bin/env bash
# TorchMetrics' relative average spectral error (RASE), 100 / mean radiance * RMS error, divides the mean of each window by
# the number of its pixels once more. So it is 64 times too large with the window it takes if not told otherwise, and grows with
# the square of the window, which does not matter where an image is the same everywhere. sewar 0.4.8 had it too.
#
#   an even grey of 0.5, all of it 0.05 too bright: 10 by the formula
#   window          4     8     16
#   torchmetrics    160   640   2560
#   sewar           10    10    10
#
# Seen with torchmetrics 1.9.0, sewar 0.4.10. Divide by window_size ** 2. Anything with a black window in it is infinite.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torchmetrics==1.9.0 sewar==0.4.10 torch==2.15.0 numpy==2.4.6
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import numpy as np
import sewar
import torch
from torchmetrics.functional.image import relative_average_spectral_error

grey = np.full((64, 64, 3), 0.5)
brighter = grey + 0.05
tensor = lambda image: torch.tensor(image.transpose(2, 0, 1))[None]
print("torchmetrics", version("torchmetrics"), "sewar", version("sewar"))
for window in (4, 8, 16):
    value = relative_average_spectral_error(tensor(brighter), tensor(grey), window_size=window).item()
    other = sewar.rase(grey, brighter, ws=window)
    print(f"window {window}: torchmetrics {value:.1f}, sewar {other:.1f}; by the formula {100 / 0.5 * 0.05:.1f}")
    assert abs(value / (10 * window**2) - 1) < 1e-3, "torchmetrics computes another RASE now"
    assert abs(other - 10) < 1e-2, "sewar computes another RASE now"
black = grey.copy()
black[20:40, 20:40] = 0
value = relative_average_spectral_error(tensor(black + 0.05), tensor(black)).item()
print("with a black square:", value)
assert value == float("inf"), "a black window is left out now"
PY
