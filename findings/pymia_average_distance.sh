#!/usr/bin/env bash
# pymia's AverageDistance (AVGDIST) is documented, formula and all, as the larger of the two directed averages. It returns the
# mean of the two, which is what SimpleITK's filter gives: half of it where a prediction covers the reference and adds
# something, or misses a part of it and adds nothing. The direction in which it is wrong is always the flattering one.
#
#   a cube of 5 voxels, and a prediction with      the slice after the next too     the first slice only
#   mean distance reference to prediction                               0                            2
#   mean distance prediction to reference                               0.33                         0
#   AVGDIST by the documentation                                        0.33                         2
#   pymia                                                               0.17                         1
#
# Seen with pymia 0.3.4, SimpleITK 2.5.7. Take the larger of the two directed means from a distance transform.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pymia==0.3.4 SimpleITK==2.5.7 numpy==2.3.5 scipy==1.17.1 scikit-image==0.26.0
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import numpy as np
import SimpleITK
from pymia.evaluation.evaluator import SegmentationEvaluator
from pymia.evaluation.metric import AverageDistance
from scipy.ndimage import distance_transform_edt

print("pymia", version("pymia"), "SimpleITK", version("SimpleITK"))
assert "max(d(A,B), d(B,A))" in AverageDistance.__init__.__doc__, "documented otherwise now"
reference = np.zeros((20, 20, 20), np.uint8)
reference[5:10, 5:10, 5:10] = 1
more, less = reference.copy(), reference.copy()
more[11, 5:10, 5:10] = 1
less[6:] = 0
for name, prediction, expected in (("more", more, (0, 0.33, 0.17)), ("less", less, (2, 0, 1))):
    there, back = (
        distance_transform_edt(other == 0)[mask > 0].mean()
        for mask, other in ((reference, prediction), (prediction, reference))
    )
    evaluator = SegmentationEvaluator([AverageDistance()], {1: "cube"})
    evaluator.evaluate(*[SimpleITK.GetImageFromArray(mask) for mask in (prediction, reference)], "case")
    (result,) = evaluator.results
    print(f"{name}: directed {there:.2f}, {back:.2f}, documented {max(there, back):.2f}, pymia {result.value:.2f}")
    assert tuple(round(float(value), 2) for value in (there, back, result.value)) == expected, "another distance now"
    assert abs(result.value - (there + back) / 2) < 1e-6
PY
