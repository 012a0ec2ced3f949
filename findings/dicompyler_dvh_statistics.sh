#!/usr/bin/env bash
# Wrong numbers from dicompyler-core's DVH: of a histogram in percent, as DICOM allows, D20cc, the least dose of the hottest
# 20 cm3, is D20, that of the hottest 20 percent, and absolute_volume, made to turn percent into cm3, does nothing if it was
# read from DICOM. DVH.from_data counts the doses in each bin and calls that cumulative.
#   1000 cm3, doses evenly from 0 to 60 Gy      D20cc    D20    absolute_volume(1000).volume
#   DVH in CM3                                   58.8     48    1000
#   the same in PERCENT                          48       48    100 percent
#   the one in CM3, .relative_volume             48       48    1000
#   100 000 doses about 50 Gy     D95    V50Gy     volume
#   as they are                    43    54 905    100 000
#   DVH.from_data                  51     9 926     19 854
# Seen with dicompyler-core 0.5.6. Ask for volume_units before D..cc; make a DVH of doses with dvh_type="differential".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dicompyler-core==0.5.6 pydicom==2.4.5 numpy==2.3.5 matplotlib==3.11.2 six==1.17.0
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import numpy as np
from dicompylercore.dvh import DVH
from pydicom.dataset import Dataset


def from_dicom(units, total):
    """600 bins of 0.1 Gy; the volume falls evenly from the total."""
    item, roi, dose = Dataset(), Dataset(), Dataset()
    roi.ReferencedROINumber, roi.DVHROIContributionType = 1, "INCLUDED"
    item.DVHReferencedROISequence, item.DVHType, item.DoseUnits, item.DoseType = [roi], "CUMULATIVE", "GY", "PHYSICAL"
    item.DVHDoseScaling, item.DVHVolumeUnits, item.DVHNumberOfBins = 1, units, 600
    item.DVHData = np.column_stack([np.full(600, 0.1), total * (1 - np.arange(600) / 600)]).ravel().tolist()
    dose.DVHSequence = [item]
    return DVH.from_dicom_dvh(dose, 1)


print("dicompyler-core", version("dicompyler-core"))
volumes, percents = from_dicom("CM3", 1000), from_dicom("PERCENT", 100)
for name, dvh, expected in (
    ("CM3", volumes, (58.8, 48, 1000, "cm3")),
    ("PERCENT", percents, (48, 48, 100, "percent")),
    ("relative_volume", volumes.relative_volume, (48, 48, 1000, "cm3")),
):
    absolute = dvh.absolute_volume(1000)
    found = [round(float(number), 3) for number in (dvh.D20cc.value, dvh.D20.value, absolute.volume)]
    print(f"{name}: D20cc {found[0]}, D20 {found[1]}, absolute_volume(1000).volume {found[2]} {absolute.volume_units}")
    assert (*found, absolute.volume_units) == expected, "percent are treated otherwise now"

doses = np.round(np.random.default_rng(0).normal(50, 4, 100_000))
given = DVH.from_data(doses)
right = DVH(*np.histogram(doses, np.arange(doses.max() + 2)), dvh_type="differential")
true = np.percentile(doses, 5), (doses >= 50).sum(), len(doses)
found = given.D95.value, given.V50Gy.value, given.volume
other = right.D95.value, right.V50Gy.value, right.volume
for name, numbers in (("doses", true), ("from_data", found), ("differential", other)):
    print(f"{name}: D95, V50Gy, volume", *[round(float(number)) for number in numbers])
assert given.dvh_type == "cumulative" and found == (51, 9926, 19854), "from_data counts otherwise now"
assert true == (43, 54905, 100_000) and other[1:] == true[1:] and other[0] - true[0] <= 1
PY
