#!/usr/bin/env bash
# The generalised Dice score of TorchMetrics gives a perfect segmentation 0.5 where the organ is in one of two images, and 0 where it is
# in none: images without it count as missed, though nothing was to be found and nothing was. Its siblings leave them out.
#
#   prediction = target, organ in   both images   one of two   none
#   GeneralizedDiceScore            1             0.5          0
#   DiceScore                       1             1            nan
#   MeanIoU                         1             1            nan
#
# All with include_background=False and two classes. Seen with torchmetrics 1.9.0 and torch 2.15.0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6 torchmetrics==1.9.0
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import torch
from torchmetrics.segmentation import DiceScore, GeneralizedDiceScore, MeanIoU

print("torchmetrics", version("torchmetrics"))
found = {}
for measure in (GeneralizedDiceScore, DiceScore, MeanIoU):
    for images in (2, 1, 0):
        target = torch.zeros(2, 32, 32, dtype=torch.long)
        target[:images, 4:12, 4:12] = 1
        score = measure(num_classes=2, input_format="index", include_background=False)
        score.update(target, target)
        found[measure.__name__, images] = float(score.compute())
    print(measure.__name__, [found[measure.__name__, images] for images in (2, 1, 0)])
assert [found["GeneralizedDiceScore", images] for images in (2, 1, 0)] == [1, 0.5, 0], "absent organs are left out now"
assert found["DiceScore", 1] == found["MeanIoU", 1] == 1, "the others count absent organs now"
PY
