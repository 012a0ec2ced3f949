#!/usr/bin/env bash
# Where a NIfTI header has a sform, the standard places voxels by it alone (method 3), and pixdim has no say. SimpleITK
# takes the directions and the origin from the sform, but the spacing from pixdim. A sform with steps of 2, 2 and 4 mm:
#
#   pixdim 2 2 4   nibabel 2 2 4   SimpleITK 2 2 4
#   pixdim 2 2 7   nibabel 2 2 4   SimpleITK 2 2 7
#   pixdim 1 1 1   nibabel 2 2 4   SimpleITK 1 1 1
#   pixdim 2 2 0   nibabel 2 2 4   SimpleITK 2 2 1
#
# SimpleITK warns on stderr of "unexpected scales in sform" and goes on. Seen with SimpleITK 2.5.7 and nibabel 5.4.2.
# Headers whose sform was edited (resampled, or moved by a registration) have such a pixdim: organ volumes differ
# between the two readers. Write both alike, or compare them first.
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

header = nibabel.Nifti1Header()
header.set_data_shape((2, 3, 4))
header.set_data_dtype(np.int16)
header["magic"], header["vox_offset"], header["xyzt_units"], header["sform_code"] = b"n+1", 352, 2, 1
header["srow_x"], header["srow_y"], header["srow_z"] = (2, 0, 0, 0), (0, 2, 0, 0), (0, 0, 4, 0)
print("SimpleITK", sitk.Version.VersionString(), "nibabel", nibabel.__version__)
for pixdim, taken in (((2, 2, 4), (2, 2, 4)), ((2, 2, 7), (2, 2, 7)), ((1, 1, 1), (1, 1, 1)), ((2, 2, 0), (2, 2, 1))):
    header["pixdim"][:4] = (1, *pixdim)
    with open("scan.nii", "wb") as file:
        file.write(header.binaryblock + bytes(4) + bytes(48))
    steps = nibabel.affines.voxel_sizes(nibabel.load("scan.nii").affine)
    spacing = sitk.ReadImage("scan.nii").GetSpacing()
    print(f"pixdim {pixdim}: nibabel {steps}, SimpleITK {spacing}")
    assert np.allclose(steps, (2, 2, 4))
    assert np.allclose(spacing, taken), "SimpleITK now takes the spacing another way"
PY
