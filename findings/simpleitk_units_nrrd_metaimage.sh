#!/usr/bin/env bash
# SimpleITK converts the units of a NIfTI file to millimetres, but takes the numbers of NRRD and MetaImage files as
# millimetres whatever unit their headers state. The same grid of 2 mm, written in metres:
#
#   NIfTI      xyzt_units = metre                 -> spacing 2 mm
#   NRRD       space units: "m" "m" "m"           -> spacing 0.002 mm, no warning
#   MetaImage  DistanceUnits = m                  -> spacing 0.002 mm, no warning
#
# Seen with SimpleITK 2.5.7 (files written by pynrrd 1.1.3, nibabel 5.4.2 and by hand). Organ volumes come out a billion
# times too small; read the unit from the header and scale the geometry yourself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet SimpleITK==2.5.7 pynrrd==1.1.3 nibabel==5.4.2 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import nibabel
import nrrd
import numpy as np
import SimpleITK as sitk

voxels = np.zeros((2, 3, 4), np.int16)
image = nibabel.Nifti1Image(voxels, np.diag([0.002, 0.002, 0.002, 1]))
image.header.set_xyzt_units("meter")
nibabel.save(image, "metre.nii")
header = {"space": "left-posterior-superior", "space directions": np.eye(3) * 0.002, "space units": ["m"] * 3}
nrrd.write("metre.nrrd", voxels, header)
voxels.tofile("metre.raw")
with open("metre.mhd", "w") as file:
    file.write(
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nDistanceUnits = m\nElementSpacing = 0.002 0.002 0.002\n"
        "DimSize = 2 3 4\nElementType = MET_SHORT\nElementDataFile = metre.raw\n"
    )
print("SimpleITK", sitk.Version.VersionString())
found = {}
for name in ("metre.nii", "metre.nrrd", "metre.mhd"):
    found[name] = sitk.ReadImage(name).GetSpacing()
    print(f"{name:12} spacing {found[name]}")
assert np.allclose(found["metre.nii"], 2), "NIfTI is no longer converted"
assert np.allclose(found["metre.nrrd"], 0.002), "NRRD units are now taken into account"
assert np.allclose(found["metre.mhd"], 0.002), "MetaImage units are now taken into account"
PY
