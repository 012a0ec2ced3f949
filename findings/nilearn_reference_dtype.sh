#!/usr/bin/env bash
# An image that nilearn makes after an 8-bit mask (new_img_like with the mask as the reference, concat_imgs with the mask
# first, math_img with copy_header_from) is right in memory and comes out of its file in 256 steps, without a word: the
# mask's data type is copied along with its header, and nibabel then scales whatever it is given into 8 bits on saving.
# concat_imgs' documentation even says that it returns float32. A CT from -1024 to 3071 HU, or 1,000 labels, saved and read:
#
#                                      type in the file   largest error   values left
#   new_img_like(mask, ct)             uint8                    8 HU        256 of 4,096
#   concat_imgs([mask, ct])            uint8                    8 HU        256 of 4,096
#   math_img(..., copy_header_from="m")  uint8                  8 HU        256 of 4,096
#   new_img_like(mask, labels)         uint8                    2           256 of 1,000, not whole numbers
#   new_img_like(ct, ct)               int16                    0           all
#   new_img_like(mask, ct, copy_header=False)  int16            0           all
#
# Seen with nilearn 0.14.1 (which copies headers by default), nibabel 5.4.2. Give copy_header=False, or call
# set_data_dtype on the result before saving.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet nilearn==0.14.1 nibabel==5.4.2 numpy==2.4.6
cd "$folder"
venv/bin/python -W ignore - <<'PY'
from importlib.metadata import version

import nibabel
import numpy as np
from nilearn.image import concat_imgs, math_img, new_img_like

ct_values = (np.arange(4096).reshape(16, 16, 16) - 1024).astype(np.int16)
label_values = (np.arange(4096).reshape(16, 16, 16) % 1000).astype(np.int16)
mask = nibabel.Nifti1Image(np.ones((16, 16, 16), np.uint8), np.eye(4))
ct = nibabel.Nifti1Image(ct_values, np.eye(4))
makers = {
    "new_img_like": (lambda: new_img_like(mask, ct_values), ct_values, "uint8", 8, 256),
    "concat_imgs": (lambda: concat_imgs([mask, ct]), ct_values, "uint8", 8, 256),
    "math_img": (lambda: math_img("m * ct", m=mask, ct=ct, copy_header_from="m"), ct_values, "uint8", 8, 256),
    "labels": (lambda: new_img_like(mask, label_values), label_values, "uint8", 2, 256),
    "after the CT": (lambda: new_img_like(ct, ct_values), ct_values, "int16", 0, 4096),
    "no header": (lambda: new_img_like(mask, ct_values, copy_header=False), ct_values, "int16", 0, 4096),
}
for name, (make, right, kind, error, left) in makers.items():
    image = make()
    in_memory = np.asarray(image.dataobj)
    in_memory = in_memory[..., 1] if in_memory.ndim == 4 else in_memory
    assert np.array_equal(in_memory, right), "wrong in memory already"
    image.to_filename("saved.nii.gz")
    saved = nibabel.load("saved.nii.gz")
    back = saved.get_fdata()
    back = back[..., 1] if back.ndim == 4 else back
    worst, count = np.abs(back - right).max(), np.unique(back).size
    print(f"{name:13} in memory {image.dataobj.dtype}, file {saved.get_data_dtype()}, error {worst:.2f}, values {count}")
    assert saved.get_data_dtype() == kind, "the type in the file has changed"
    assert round(worst) == error and left == count, "what is lost has changed"
    if name == "labels":
        assert (back != back.round()).any()
print("nilearn", version("nilearn"), "nibabel", nibabel.__version__)
PY
