#!/usr/bin/env bash
# ensemble-boxes: soft_nms gives the scores back as they went in. Soft-NMS is lowering the score of a box that overlaps a
# better one; the library does lower it, to choose the boxes and their order, and then returns the old score. Whoever sorts by
# score, as AP does, has the duplicates where they were before, and a lower AP than with nms.
#
#   two boxes on one object (IoU 0.83), another object   0.9    0.8     0.6
#   Soft-NMS, linear                                     0.9    0.133   0.6
#   Soft-NMS, Gaussian, sigma 0.5                        0.9    0.199   0.6
#   ensemble-boxes, both                                 0.9    0.8     0.6      AP of both objects 0.83; nms: 1
#
# Seen with ensemble-boxes 1.0.9. Compute the scores from the returned boxes, which come in the right order, or use nms.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ensemble-boxes==1.0.9 numpy==2.3.5 numba==0.68.1 pandas==3.1.1
cd "$folder"
NUMBA_DISABLE_JIT=1 venv/bin/python - <<'PY'
from importlib.metadata import version

import numpy as np
from ensemble_boxes import nms, soft_nms

BOXES = [[0.1, 0.1, 0.5, 0.5], [0.1, 0.1, 0.5, 0.58], [0.6, 0.6, 0.9, 0.9]]
SCORES = [0.9, 0.8, 0.6]
OBJECTS = [BOXES[0], BOXES[2]]
overlap = (0.4 * 0.4) / (0.4 * 0.48)
lowered = {1: 0.8 * (1 - overlap), 2: 0.8 * np.exp(-(overlap**2) / 0.5)}


def average_precision(boxes, scores):
    order = np.argsort(-np.asarray(scores), kind="stable")
    hits = np.cumsum([list(boxes[i]) in OBJECTS for i in order])
    precision = hits / np.arange(1, len(order) + 1)
    return sum(precision[hits >= found].max() for found in (1, 2)) / 2


print("ensemble-boxes", version("ensemble-boxes"))
for method, name in ((1, "linear"), (2, "Gaussian")):
    boxes, scores, _ = soft_nms([BOXES], [SCORES], [[0, 0, 0]], method=method, iou_thr=0.5, sigma=0.5, thresh=0.001)
    second = scores[boxes.tolist().index(BOXES[1])]
    value = average_precision(boxes.tolist(), scores)
    print(f"{name}: second box {second:.3f}, by the method {lowered[method]:.3f}; returned {scores.tolist()}; AP {value:.3f}")
    assert second == 0.8 and abs(value - 5 / 6) < 1e-9, "the scores are lowered now"
    assert boxes.tolist() == [BOXES[0], BOXES[2], BOXES[1]], "the order is another now"
    gone = soft_nms([BOXES], [SCORES], [[0, 0, 0]], method=method, iou_thr=0.5, sigma=0.5, thresh=0.5)[0]
    assert len(gone) == 2, "the threshold is compared with something else now"
boxes, scores, _ = nms([BOXES], [SCORES], [[0, 0, 0]], iou_thr=0.5)
value = average_precision(boxes.tolist(), scores)
print(f"nms: {scores.tolist()}; AP {value:.3f}")
assert value == 1, "nms keeps other boxes now"
PY
