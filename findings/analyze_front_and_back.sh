#!/usr/bin/env bash
# nibabel and SimpleITK agree on left and right of an Analyze 7.5 file (.hdr + .img) and disagree on front and back.
# In world coordinates with x to the right and y to the front:
#
#   nibabel 5.4.2    x = -2 i, y = +3 j, z = +4 k
#   SimpleITK 2.5.7  x = -2 i, y = -3 j, z = +4 k
#
# The format has no field for it: nibabel follows the convention of SPM, ITK takes its own axes (left, posterior,
# superior) as they are. Neither says so. A mask made from one reader's axes is upside down in the other.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet SimpleITK==2.5.7 nibabel==5.4.2 numpy==2.4.6
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
import nibabel
import numpy as np
import SimpleITK as sitk

image = nibabel.AnalyzeImage(np.zeros((2, 3, 4), np.int16), None)
image.header.set_zooms((2, 3, 4))
nibabel.save(image, "scan.img")
first = nibabel.load("scan.hdr").affine[:3, :3]
read = sitk.ReadImage("scan.hdr")
second = np.diag([-1, -1, 1]) @ np.array(read.GetDirection()).reshape(3, 3) @ np.diag(read.GetSpacing())
print(f"nibabel {nibabel.__version__}: axes {np.diag(first)}")
print(f"SimpleITK {sitk.Version.VersionString()}: axes {np.diag(second)}")
assert np.allclose(first, np.diag([-2, 3, 4]))
assert np.allclose(second, np.diag([-2, -3, 4])), "SimpleITK now reads the axes another way"
PY
