#!/usr/bin/env bash
# grand-challenge-metrics rounds accuracies down to whole numbers: accuracies_from_confusion_matrix gives 0
# for every class that is not entirely right. Its bootstrap of a ROC curve draws "with replacement" from all cases but the last,
# so that the interval depends on the order of the cases, and need not hold the AUC.
#
#   100 voxels, 99 of them right                    accuracies   0, 0   (0.99, 0.99)
#   five healthy, five ill, one of these missed: AUC 0.8         interval of 95 percent
#   the missed one is the last case                              1.00 to 1.00
#   the same cases, last one first                               0.25 to 1.00
#
# Seen with grand-challenge-metrics 0.6.0. Divide the confusion matrix yourself; draw your own bootstrap.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet grand-challenge-metrics==0.6.0 scikit-learn==1.9.1 numpy==2.3.5 scipy==1.17.1
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import numpy as np
from grand_challenge_metrics.roc import get_bootstrapped_roc_ci_curves
from grand_challenge_metrics.stats import accuracies_from_confusion_matrix, calculate_confusion_matrix
from sklearn.metrics import accuracy_score, roc_auc_score

print("grand-challenge-metrics", version("grand-challenge-metrics"))
truth = np.array([0] * 90 + [1] * 10)
prediction = truth.copy()
prediction[0] = 1
accuracies = accuracies_from_confusion_matrix(calculate_confusion_matrix(truth, prediction, [0, 1]))
print("accuracies", accuracies, "scikit-learn", accuracy_score(truth, prediction))
assert list(accuracies) == [0, 0] and accuracy_score(truth, prediction) == 0.99, "accuracies are not rounded down now"

ill = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
scores = np.array([0.1, 0.2, 0.25, 0.3, 0.35, 0.6, 0.7, 0.8, 0.9, 0.05])
for name, order in (("missed one last", np.arange(10)), ("missed one first", np.roll(np.arange(10), 1))):
    curves = get_bootstrapped_roc_ci_curves(scores[order], ill[order], num_bootstraps=1000)
    auc = roc_auc_score(ill[order], scores[order])
    low, high = float(curves.low_az_val), float(curves.high_az_val)
    print(f"{name}: AUC {auc:.2f}, interval {low:.2f} to {high:.2f}")
    assert abs(auc - 0.8) < 1e-9
    assert (low == 1) == (name == "missed one last") and high == 1, "the bootstrap draws otherwise now"
    assert low == 1 or round(low, 2) == 0.25, "the bootstrap draws otherwise now"
PY
