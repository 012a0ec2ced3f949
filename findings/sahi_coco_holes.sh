#!/usr/bin/env bash
# SAHI writes a mask with a hole into a COCO annotation as two polygons, outline and hole. To COCO polygons are a union: read by
# pycocotools, the hole is filled. SAHI itself reads the two by the even-odd rule, and its field "area" leaves the hole out,
# so that within SAHI nothing looks wrong. Also, polygons run through the centres of the outermost pixels, which costs a row
# and a column, and parts that are one pixel thin are left out, by SAHI too.
#
#   mask                      pixels   SAHI's mask   "area"   pycocotools   IoU with the mask
#   rectangle 20 x 30            600           600      551           551               0.918
#   its frame, 3 thick           264           264      178           551               0.358
#   rectangle and a line of 50   650           600      551           551               0.848
#
# Seen with sahi 0.12.8, pycocotools 2.0.11. Write run lengths (pycocotools' encode) where a mask has holes or thin parts.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet sahi==0.12.8 pycocotools==2.0.11 opencv-python-headless==4.14.0.94 numpy==2.3.5
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import numpy as np
from pycocotools import mask as coco
from sahi.annotation import ObjectAnnotation

SHAPE = (50, 60)
solid = np.zeros(SHAPE, bool)
solid[10:30, 10:40] = True
frame = solid.copy()
frame[13:27, 13:37] = False
lined = solid.copy()
lined[40, 5:55] = True
print("sahi", version("sahi"), "pycocotools", version("pycocotools"))
for name, mask, own, area, decoded in (
    ("rectangle", solid, 600, 551, 551),
    ("frame", frame, 264, 178, 551),
    ("rectangle and line", lined, 600, 551, 551),
):
    annotation = ObjectAnnotation.from_bool_mask(mask, category_id=0, full_shape=list(SHAPE))
    written = annotation.to_coco_annotation().json
    read = coco.decode(coco.merge(coco.frPyObjects(written["segmentation"], *SHAPE))).astype(bool)
    overlap = (read & mask).sum() / (read | mask).sum()
    mine = annotation.mask.bool_mask.sum()
    print(f"{name}: {mask.sum()} pixels, SAHI {mine}, area {written['area']}, pycocotools {read.sum()}, IoU {overlap:.3f}")
    assert (mine, written["area"], read.sum()) == (own, area, decoded), f"{name} is written or read otherwise now"
    whole = coco.decode(coco.encode(np.asfortranarray(mask.astype(np.uint8)))).astype(bool)
    assert np.array_equal(whole, mask), "run lengths lose something now"
PY
