#!/usr/bin/env bash
# TotalSegmentator's change_spacing resamples so that the centres of the first and of the last voxel stay in place, and writes
# an affine in which they do not: the origin is kept and the spacing is the one asked for. What the new image says of its
# place drifts from slice to slice, by old minus new spacing at the last one. NiBabel's resample_to_output is exact.
#
#   an image whose values are the positions along the first axis in mm, 60 slices, resampled linearly
#   from     to       first slice   middle     last    NiBabel
#   5 mm     1.5 mm        0         -1.76    -3.50       0
#   1 mm     3 mm          0          1.05     2.00       0
#
# Undone by the same function nothing shows, but masks and images taken from it do not fit what is registered in mm. Seen with
# TotalSegmentator 2.18.0, nibabel 5.4.2, scipy 1.17.1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps TotalSegmentator==2.18.0
"$folder/venv/bin/pip" install --quiet nibabel==5.4.2 numpy==2.3.5 scipy==1.17.1 joblib==1.5.3
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import nibabel
import numpy as np
from nibabel.processing import resample_to_output
from totalsegmentator.resampling import change_spacing

print("TotalSegmentator", version("TotalSegmentator"), "nibabel", version("nibabel"))


def errors(image):
    values = image.get_fdata()[:, 4, 4]
    return values - (np.arange(len(values)) * image.affine[0, 0] + image.affine[0, 3])


for old, new, expected in ((5.0, 1.5, (0, -1.76, -3.5)), (1.0, 3.0, (0, 1.05, 2))):
    positions = np.arange(60) * old
    values = np.tile(positions[:, None, None], (1, 8, 8)).astype(np.float32)
    image = nibabel.Nifti1Image(values, np.diag([old, 1, 1, 1]))
    changed = change_spacing(image, [new, 1, 1], order=1, nr_cpus=1)
    assert np.allclose(changed.header.get_zooms(), (new, 1, 1)) and changed.affine[0, 3] == 0
    wrong = errors(changed)
    wrong = [wrong[0], wrong[len(wrong) // 2], wrong[-1]]
    exact = np.abs(errors(resample_to_output(image, [new, 1, 1], order=1)))
    print(f"{old} to {new} mm: {np.round(wrong, 2)}, NiBabel {exact[positions[-1] >= np.arange(len(exact)) * new].max():.2f}")
    assert np.allclose(np.round(wrong, 2), expected), "change_spacing places an image otherwise now"
    assert abs(wrong[-1] - (new - old)) < 1e-5
    assert exact[positions[-1] >= np.arange(len(exact)) * new].max() < 1e-3
    back = change_spacing(changed, [old, 1, 1], target_shape=image.shape, order=1, nr_cpus=1)
    print("  there and back:", np.abs(back.get_fdata() - values).max())
    assert np.abs(back.get_fdata() - values).max() < 0.02
PY
