#!/usr/bin/env bash
# lesion-metrics counts the union of a lesion and the prediction only inside the box around the lesion: iou_per_lesion is 1 for a
# prediction of everything. With iou_threshold the rate of lesions found (ltpr) accepts that, while the rate of false ones
# (lfdr), where the box is that of the prediction, calls the same pair wrong. The library's own jaccard of both masks is right.
#
#   a lesion of 10 x 10 x 10, predicted as      30 x 30 x 30 around it    all 40 x 40 x 40    4 x 4 x 4 inside
#   jaccard                                             0.037                 0.016               0.064
#   iou_per_lesion, lesion first                        1                     1                   0.064
#   iou_per_lesion, prediction first                    0.037                 0.016               1
#   ltpr, lfdr with iou_threshold=0.5                   1, 1                  1, 1                0, 0
#
# Seen with lesion-metrics 0.1.12. Match lesions by connected components of the whole masks.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet lesion-metrics==0.1.12 scikit-image==0.26.0 numpy==2.3.5 scipy==1.17.1
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import numpy as np
from lesion_metrics.metrics import iou_per_lesion, jaccard, lfdr, ltpr


def cube(start, stop):
    mask = np.zeros((40, 40, 40), bool)
    mask[start:stop, start:stop, start:stop] = True
    return mask


print("lesion-metrics", version("lesion-metrics"))
lesion = cube(15, 25)
for name, prediction, expected in (
    ("around", cube(5, 35), (0.037, 1, 0.037, 1, 1)),
    ("everything", cube(0, 40), (0.016, 1, 0.016, 1, 1)),
    ("inside", cube(18, 22), (0.064, 0.064, 1, 0, 0)),
):
    found = [jaccard(prediction, lesion), *iou_per_lesion(lesion, prediction), *iou_per_lesion(prediction, lesion)]
    found += [rate(prediction, lesion, iou_threshold=0.5) for rate in (ltpr, lfdr)]
    found = [round(float(number), 3) for number in found]
    print(f"{name}: jaccard {found[0]}, per lesion {found[1]} and {found[2]}, ltpr {found[3]}, lfdr {found[4]}")
    true = (prediction & lesion).sum() / (prediction | lesion).sum()
    assert found[0] == round(true, 3)
    assert tuple(found) == expected, "lesions are matched otherwise now"
PY
