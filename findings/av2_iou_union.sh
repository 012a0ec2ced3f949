#!/usr/bin/env bash
# The IoU of cuboids in the Argoverse 2 devkit (iou_3d_axis_aligned, of which its detection metrics make the scale error) divides by the
# box around both and not by their union: it is too small wherever each is the larger one along some axis.
#
#   length, width, height       and           true IoU   computed
#   2, 1, 1                     1, 2, 1       0.333      0.250
#   4.5, 1.8, 1.5               4.0, 2.0, 1.7 0.722      0.706
#   2, 2, 2                     1, 1, 1       0.125      0.125
#
# The like function of the nuScenes devkit 1.2.0 (scale_iou) divides by the union. Seen with av2 0.3.6.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps av2==0.3.6
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 universal-pathlib==0.3.10
cd "$folder"
venv/bin/python - <<'PY'
from importlib.metadata import version

import numpy as np
from av2.geometry.iou import iou_3d_axis_aligned

print("av2", version("av2"))
pairs = [((2, 1, 1), (1, 2, 1)), ((4.5, 1.8, 1.5), (4.0, 2.0, 1.7)), ((2, 2, 2), (1, 1, 1))]
for one, other in pairs:
    common = np.minimum(one, other).prod()
    true = common / (np.prod(one) + np.prod(other) - common)
    (found,) = iou_3d_axis_aligned(np.array([one], float), np.array([other], float))
    print(one, other, f"true {true:.3f}, computed {found:.3f}")
    hull = common / np.maximum(one, other).prod()
    assert abs(found - hull) < 1e-9, "it divides by something else now"
    assert one == (2, 2, 2) or found < true - 0.01
PY
