#!/usr/bin/env bash
# Text is made readable on any picture by drawing it twice, first in black with a larger thickness, then in white. In
# OpenCV 4 both have the same places, and the black stands out on all sides. OpenCV 5 draws its own outline font, of
# which thickness chooses the weight: 1 is regular, 2 and all above are one bold cut, whose letters are wider. So the
# white letters run away from the black ones, and from thickness 2 on there is no outline at all, in silence.
#
#   thickness        1        2        3        7
#   OpenCV 4.12   24-348   23-350   22-350   20-352   first and last column of a text, grown alike on both sides
#   OpenCV 5.0    22-291   22-305   22-305   22-305   2, 3 and 7 are the same picture to the last pixel
#
# getTextSize of OpenCV 5 says so too: 275 and 288. Seen with opencv-python-headless 5.0.0.93 and 4.12.0.88. Shifted
# copies of one thickness make an outline in both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 5.0.0.93 4.12.0.88; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet "opencv-python-headless==$version" "numpy==2.2.6"
    "$folder/$version/bin/python" - <<'PY'
import cv2
import numpy as np

TEXT, FONT = "right-side windshield", cv2.FONT_HERSHEY_SIMPLEX
pictures, spans = {}, {}
for thickness in (1, 2, 3, 7):
    pictures[thickness] = picture = np.zeros((90, 640), np.uint8)
    cv2.putText(picture, TEXT, (20, 55), FONT, 1.0, 255, thickness, cv2.LINE_AA)
    columns = np.flatnonzero(picture.max(axis=0) > 127)
    spans[thickness] = int(columns[0]), int(columns[-1])
    print(cv2.__version__, thickness, "columns", spans[thickness], "ink", int((picture > 127).sum()))
same = [np.array_equal(pictures[2], pictures[thickness]) for thickness in (3, 7)]
if cv2.__version__.startswith("4."):
    assert not any(same)
    # grows alike on both sides
    assert all(abs((spans[1][0] - a) - (b - spans[1][1])) <= 1 for a, b in spans.values())
else:
    assert all(same), "OpenCV 5 now tells thicknesses above 2 apart"
    assert spans[2][0] == spans[1][0] and spans[2][1] - spans[1][1] >= 10, "OpenCV 5 now keeps the letters' places"
PY
done
