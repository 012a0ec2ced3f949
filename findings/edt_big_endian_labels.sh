#!/usr/bin/env bash
# The distance transform of the package edt gives nought for every voxel, without a warning, when the labels are a
# big-endian array, which is what nibabel hands over for a big-endian NIfTI file. NumPy compares such an array equal to
# its little-endian copy, and SciPy's transform gives the same for both. The largest distance in a cube of 10 voxels:
#
#   array            edt    edtsq    sdf (inside)    scipy.ndimage
#   little-endian    5      25       5               5
#   big-endian       0      0        0               5
#
# Seen with edt 3.1.2, nibabel 5.4.2, SciPy 1.17.1, NumPy 2.4.6. Surface distances and Hausdorff distances that stand on
# it come out as perfect agreement. Bring arrays into the machine's own order first: array.astype(array.dtype.newbyteorder("=")).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet edt==3.1.2 nibabel==5.4.2 scipy==1.17.1 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
from importlib.metadata import version

import edt
import nibabel
import numpy as np
from scipy import ndimage

cube = np.zeros((20, 20, 20), np.uint16)
cube[5:15, 5:15, 5:15] = 1
found = {}
for name, endian in (("little-endian", "<"), ("big-endian", ">")):
    header = nibabel.Nifti1Header(endianness=endian)
    header.set_data_dtype(np.uint16)
    nibabel.save(nibabel.Nifti1Image(cube, np.eye(4), header), f"{name}.nii")
    labels = np.asarray(nibabel.load(f"{name}.nii").dataobj)
    assert np.array_equal(labels, cube)
    found[name] = [float(f(labels).max()) for f in (edt.edt, edt.edtsq, edt.sdf, ndimage.distance_transform_edt)]
    print(f"{name:14} {labels.dtype.str}", *found[name])
print("edt", version("edt"))
assert found["little-endian"] == [5, 25, 5, 5], "distances in a little-endian array have changed"
assert found["big-endian"] == [0, 0, 0, 5], "big-endian labels now have distances"
PY
