#!/usr/bin/env bash
# ANTsPy makes an image of a NumPy array of signed integers by casting it to unsigned ones, without a word: the Hounsfield
# units of a CT, int16 almost everywhere, lose all that is below water. The same numbers come through right from a NIfTI
# file or a NiBabel image, which are cast to float, so that the same scan differs by how it was loaded.
#
#   int16 array               -1000        -100         0   40   300   1200
#   from_numpy, from_sitk     4294966296   4294967196   0   40   300   1200    (uint32)
#   from_nibabel_nifti        -1000        -100         0   40   300   1200    (float)
#   image_read                -1000        -100         0   40   300   1200    (float)
#
# So does int32. Seen with antspyx 0.6.3. Call .astype("float32") on the array first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet antspyx==0.6.3 SimpleITK==2.5.7 nibabel==5.4.2 numpy==2.3.5
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import ants
import nibabel
import numpy as np
import SimpleITK

ct = np.array([-1000, -100, 0, 40, 300, 1200], np.int16).reshape(1, 2, 3).repeat(2, axis=0)
nifti = nibabel.Nifti1Image(ct, np.eye(4))
nifti.to_filename("ct.nii.gz")
images = {
    "from_numpy": ants.from_numpy(ct),
    "from_numpy, int32": ants.from_numpy(ct.astype(np.int32)),
    "from_sitk": ants.from_sitk(SimpleITK.GetImageFromArray(ct)),
    "from_nibabel_nifti": ants.from_nibabel_nifti(nifti),
    "image_read": ants.image_read("ct.nii.gz"),
    "from_numpy, float32": ants.from_numpy(ct.astype("float32")),
}
print("antspyx", version("antspyx"))
for way, image in images.items():
    values = sorted(int(value) for value in np.unique(image.numpy()))
    print(f"{way}: {image.dtype} {values}")
    wrapped = way in ("from_numpy", "from_numpy, int32", "from_sitk")
    assert (values[-2:] == [2**32 - 1000, 2**32 - 100]) == wrapped, f"{way} casts otherwise now"
    assert wrapped or values == sorted(ct[0].ravel().tolist()), f"{way} changes the numbers now"
PY
