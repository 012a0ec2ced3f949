#!/usr/bin/env bash
# PlatiPy's calculate_v_receiving_dose (and ..._for_labels), asked for cubic centimetres with relative=False, multiplies the
# volume by the percentage instead of the fraction: what it gives is 100 times too large, more than the whole organ. Its own
# calculate_v_x, from the histogram, is right.
#
#   an organ of 8 cc, of which 2 cc get 60 Gy and the rest 10 Gy      V5     V40
#   relative=True   (%)                                              100      25
#   relative=False  (cc)                                             800     200
#   calculate_v_x   (cc)                                               8       2
#
# Seen with platipy 0.7.2. Divide by 100, or take relative=True and the volume of the label.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet platipy==0.7.2 SimpleITK==2.5.7 numpy==1.26.4 pandas==2.3.3
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import numpy as np
import SimpleITK
from platipy.imaging.dose.dvh import calculate_dvh_for_labels, calculate_v_x
from platipy.imaging.dose.metric import calculate_v_receiving_dose, calculate_v_receiving_dose_for_labels

organ = np.zeros((30, 30, 30), np.uint8)
organ[5:25, 5:25, 5:25] = 1
gray = np.full(organ.shape, 10, np.float32)
gray[5:10] = 60
label, dose = (SimpleITK.GetImageFromArray(array) for array in (organ, gray))
print("platipy", version("platipy"))
whole = organ.sum() / 1000
histogram = calculate_v_x(calculate_dvh_for_labels(dose, {"organ": label}), [5, 40]).iloc[0]
table = calculate_v_receiving_dose_for_labels(dose, {"organ": label}, [5, 40], relative=False).iloc[0]
for threshold in (5, 40):
    true = ((gray >= threshold) & (organ > 0)).sum() / 1000
    percent = calculate_v_receiving_dose(dose, label, threshold)
    volume = calculate_v_receiving_dose(dose, label, threshold, relative=False)
    name = f"V{threshold}"
    print(f"{name} of {whole} cc: {percent:.0f} %, {volume:.1f} cc, for labels {table[name]:.1f} cc, by histogram {histogram[name]:.1f} cc; counted {true} cc")
    assert abs(percent - 100 * true / whole) < 1e-6, "the percentage is another one now"
    assert abs(volume - 100 * true) < 1e-6, "the volume is not 100 times too large now"
    assert abs(table[name] - 100 * true) < 1e-6, "the volume for labels is not 100 times too large now"
    assert abs(histogram[name] - true) < 1e-6, "calculate_v_x gives another volume now"
PY
