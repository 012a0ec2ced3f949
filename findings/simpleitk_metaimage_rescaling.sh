#!/usr/bin/env bash
# MetaImage headers can say how stored elements become intensities (ElementToIntensityFunctionSlope and -Offset), as
# scl_slope does in NIfTI. SimpleITK applies the latter and passes over the former without a word:
#
#   NIfTI      scl_slope 2, scl_inter 10                     stored 0 1 2 -> 10 12 14
#   MetaImage  ElementToIntensityFunctionSlope 2, Offset 10  stored 0 1 2 ->  0  1  2
#
# Seen with SimpleITK 2.5.7. The two fields are not among the image's metadata either: read them from the header.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet SimpleITK==2.5.7 nibabel==5.4.2 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import nibabel
import numpy as np
import SimpleITK as sitk

stored = np.arange(3, dtype=np.int16).reshape(3, 1, 1)
image = nibabel.Nifti1Image(stored, np.eye(4))
image.header.set_slope_inter(2, 10)
image.header["vox_offset"] = 352
with open("scan.nii", "wb") as file:  # the stored values as they are, under a header that rescales them
    file.write(image.header.binaryblock + bytes(4) + stored.tobytes())
stored.tofile("scan.raw")
with open("scan.mhd", "w") as file:
    file.write(
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nElementToIntensityFunctionSlope = 2\n"
        "ElementToIntensityFunctionOffset = 10\nElementSpacing = 1 1 1\nDimSize = 3 1 1\nElementType = MET_SHORT\n"
        "ElementDataFile = scan.raw\n"
    )
print("SimpleITK", sitk.Version.VersionString())
found = {}
for name in ("scan.nii", "scan.mhd"):
    read = sitk.ReadImage(name)
    found[name] = sitk.GetArrayFromImage(read).ravel().tolist()
    print(f"{name}: {found[name]}")
    assert not any("Intensity" in key for key in read.GetMetaDataKeys())
assert found["scan.nii"] == [10, 12, 14]
assert found["scan.mhd"] == [0, 1, 2], "the MetaImage function is now applied"
PY
