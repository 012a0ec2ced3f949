#!/usr/bin/env bash
# mean-average-precision takes a flag "difficult" (PASCAL VOC) and a flag "crowd" (COCO) for every object. In both benchmarks such
# objects are outside the count: found or not, AP is the same. Here they count as objects to be found. A difficult one can then
# never be found, since its detection is left out, and a crowd that is not detected is a miss. Also, a class without any object
# (and without any detection) enters the mean with AP 0, where COCO leaves it out.
#
#   one plain object, found exactly, and:           nothing   a difficult one   a difficult one   a crowd       a second class,
#                                                             found             not found         not found     not in the data
#   by VOC or COCO                                  1         1                 1                 1             1
#   mean-average-precision                          1         0.5               0.5               0.505         0.5
#
# Seen with mean-average-precision 2024.1.5.0, crowds and classes beside pycocotools 2.0.11. Take such objects out, and average
# the classes that occur.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mean-average-precision==2024.1.5.0 pycocotools==2.0.11 numpy==2.3.5 pandas==3.1.1
cd "$folder"
venv/bin/python - <<'PY'
import contextlib
import io
from importlib.metadata import version

import numpy as np
from mean_average_precision import MetricBuilder
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

PLAIN, OTHER = [0, 0, 50, 50], [100, 100, 150, 150]
VOC = dict(iou_thresholds=0.5)
AS_COCO = dict(iou_thresholds=np.arange(0.5, 1.0, 0.05), recall_thresholds=np.arange(0, 1.01, 0.01), mpolicy="soft")


def library(objects, found, classes, **how):
    metric = MetricBuilder.build_evaluation_metric("map_2d", async_mode=False, num_classes=classes)
    metric.add(np.array(found, float), np.array(objects, float))
    return float(metric.value(**how)["mAP"])


def coco(objects, found, classes):
    box = lambda row: [row[0], row[1], row[2] - row[0], row[3] - row[1]]
    truth = [
        dict(id=i + 1, image_id=1, category_id=row[4] + 1, bbox=box(row), area=2500, iscrowd=row[6])
        for i, row in enumerate(objects)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        data = COCO()
        categories = [dict(id=k + 1, name=str(k)) for k in range(classes)]
        data.dataset = dict(info={}, images=[dict(id=1, width=200, height=200)], categories=categories, annotations=truth)
        data.createIndex()
        rows = [dict(image_id=1, category_id=row[4] + 1, bbox=box(row), score=row[5]) for row in found]
        run = COCOeval(data, data.loadRes(rows), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return float(run.stats[0])


plain, difficult, crowd = PLAIN + [0, 0, 0], OTHER + [0, 1, 0], OTHER + [0, 0, 1]
first, second = PLAIN + [0, 0.9], OTHER + [0, 0.8]
print("mean-average-precision", version("mean-average-precision"), "pycocotools", version("pycocotools"))
for name, objects, found, expected in (
    ("nothing", [plain], [first], 1),
    ("difficult, found", [plain, difficult], [first, second], 0.5),
    ("difficult, not found", [plain, difficult], [first], 0.5),
):
    value = library(objects, found, 1, **VOC)
    print(f"{name}: {value:.3f}")
    assert abs(value - expected) < 1e-6, f"{name}: {value} now"
for name, objects, classes, expected in (
    ("nothing", [plain], 1, 1),
    ("crowd, not found", [plain, crowd], 1, 51 / 101),
    ("a second class", [plain], 2, 0.5),
):
    value, right = library(objects, [first], classes, **AS_COCO), coco(objects, [first], classes)
    print(f"{name}, as COCO: {value:.3f}, pycocotools {right:.3f}")
    assert abs(value - expected) < 1e-5, f"{name}: {value} now"
    assert abs(right - 1) < 1e-6, f"{name}: pycocotools gives {right} now"
PY
