#!/usr/bin/env bash
# panoptica measures its "global" distances (ASSD, HD, CEDI) in voxels, whatever the spacing; those of instances are in mm. Of
# SimpleITK images it takes the spacing (x, y, z) for that of the array (z, y, x), so that slices and columns change places.
# A path to .nii.gz is read by SimpleITK where that is installed, by NiBabel where not: the score of two files depends on it.
#
#   a box, and the same two slices of 5 mm further, pixels of 1 mm: 10 mm     sq_hd   global_bin_hd
#   array with voxelspacing=(5, 1, 1), NiBabel image, path without SimpleITK     10               2
#   SimpleITK image, path with SimpleITK                                          2               2
#
# Its check that both images lie in the same place keeps the sign: moved up by 100 mm is an error, moved down is not. Seen with
# panoptica 2.1.7, SimpleITK 2.5.7, nibabel 5.4.2. Give it arrays and their spacing, take global distances from elsewhere.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet panoptica==2.1.7 nibabel==5.4.2 numpy==2.2.6 scipy==1.17.1 scikit-image==0.26.0
cd "$folder"
cat > score.py <<'PY'
import importlib.util
from importlib.metadata import version

import nibabel
import numpy as np
from panoptica import InputType, Panoptica_Evaluator
from panoptica.metrics import Metric

METRICS = [Metric.HD, Metric.ASSD, Metric.CEDI]


def score(prediction, reference, **options):
    evaluator = Panoptica_Evaluator(
        expected_input=InputType.MATCHED_INSTANCE, instance_metrics=METRICS, global_metrics=METRICS
    )
    (result,) = evaluator.evaluate(prediction, reference, **options).values()
    return result


def check(way, result, hd):
    names = "sq_hd", "global_bin_hd", "sq_cedi", "global_bin_cedi", "sq_assd", "global_bin_assd"
    values = [round(float(getattr(result, name)), 2) for name in names]
    print(f"{way}:", dict(zip(names, values)))
    assert values[:4] == [hd, 2, hd, 2], f"{way}: other distances now"
    assert values[5] == 0.69, f"{way}: another global ASSD now"


box = np.zeros((40, 50, 60), np.uint8)
box[10:20, 10:20, 10:20] = 1
moved = np.roll(box, 2, axis=0)
for name, array in (("box", box), ("moved", moved)):
    nibabel.Nifti1Image(array.transpose(2, 1, 0), np.diag([1, 1, 5, 1])).to_filename(f"{name}.nii.gz")
there = importlib.util.find_spec("SimpleITK") is not None
print("panoptica", version("panoptica"), "with SimpleITK" if there else "without SimpleITK")
if not there:
    check("array, no spacing", score(moved, box), 2)
    check("array", score(moved, box, voxelspacing=(5, 1, 1)), 10)
    check("NiBabel image", score(nibabel.load("moved.nii.gz"), nibabel.load("box.nii.gz")), 10)
    check("path", score("moved.nii.gz", "box.nii.gz"), 10)
else:
    import SimpleITK

    images = [SimpleITK.ReadImage(f"{name}.nii.gz") for name in ("moved", "box")]
    assert images[0].GetSpacing() == (1, 1, 5)
    check("SimpleITK image", score(*images), 2)
    check("path", score("moved.nii.gz", "box.nii.gz"), 2)
    for up in (-100, 100):
        x, y, z = images[1].GetOrigin()
        images[0].SetOrigin((x, y, z + up))
        try:
            score(*images)
            passed = True
        except ValueError:
            passed = False
        print(f"moved up by {up} mm:", "scored" if passed else "refused")
        assert passed == (up < 0), "images in other places are treated otherwise now"
PY
venv/bin/python score.py 2> /dev/null | grep -v "^ \|^─\|^$"
venv/bin/pip install --quiet SimpleITK==2.5.7
venv/bin/python score.py 2> /dev/null | grep -v "^ \|^─\|^$"
