#!/usr/bin/env bash
# Albumentations turns the angle of a keypoint ("xya": a gaze, a needle, an oriented box) one way when an image is turned by
# Rotate, and the other way when the same image is turned by RandomRotate90 or D4: no convention of angles suits both. When
# an image is transposed, opposite directions get one and the same angle.
#
#   keypoint at (70, 40) of 101 x 101, 20 degrees     goes to     its angle
#   Rotate by 90                                      (40, 30)    110
#   RandomRotate90, D4: the same quarter turn         (40, 30)    290
#   Transpose                                         (40, 70)    70
#   Transpose of one at 200 degrees                   (40, 70)    70
#
# Seen with Albumentations 2.0.8, NumPy 2.4.6, opencv-python-headless 5.0.0.93. Carry a direction as two keypoints without an
# angle, and take the angle from them afterwards.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet albumentations==2.0.8 numpy==2.4.6 opencv-python-headless==5.0.0.93
cd "$folder"
NO_ALBUMENTATIONS_UPDATE=1 venv/bin/python - <<'PY'
import warnings
from importlib.metadata import version

warnings.simplefilter("ignore")
import albumentations
import numpy as np


def moved(transform, angle, seed=0):
    """Return where a keypoint goes, in x and y, and its angle."""
    form = albumentations.KeypointParams(format="xya", remove_invisible=False, angle_in_degrees=True)
    compose = albumentations.Compose([transform], keypoint_params=form, seed=seed)
    result = compose(image=np.zeros((101, 101, 3), np.uint8), keypoints=np.float32([[70, 40, angle]]))
    x, y, after = (round(float(value)) for value in result["keypoints"][0])
    return (x, y), after % 360


rotated = moved(albumentations.Rotate(limit=(90, 90), p=1), 20)
quarters = dict(moved(albumentations.RandomRotate90(p=1), 20, seed) for seed in range(30))
symmetries = dict(moved(albumentations.D4(p=1), 20, seed) for seed in range(60))
transposed = [moved(albumentations.Transpose(p=1), angle) for angle in (20, 200)]
print("Albumentations", version("albumentations"), "Rotate", rotated, "Transpose", transposed)
print("RandomRotate90", quarters, "D4", symmetries)
assert len(quarters) == 4 and len(symmetries) == 8, "not every turn was drawn"
assert rotated == ((40, 30), 110), "Rotate has changed"
assert quarters[40, 30] == symmetries[40, 30] == 290, "RandomRotate90 or D4 has changed"
assert transposed == [((40, 70), 70)] * 2, "Transpose has changed"
PY
