#!/usr/bin/env bash
# scikit-image's marching_cubes scales vertices by its argument "spacing", but not the normals that it returns beside them:
# those are of the array as if its voxels were cubes, whatever the spacing. For a ball in a scan with slices of 4 mm:
#
#   normals, angle to the radius of the ball     median 29 degrees
#   normals of the triangles of the same mesh    median 1.5 degrees
#   the same ball in cubes of 1 mm, normals      median 0.5 degrees
#
# Shading, offsets along normals and Poisson reconstruction go wrong with them, and nothing is said. Seen with scikit-image
# 0.26.0. Divide normals by the spacing and make them of unit length again, or take those of the triangles.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-image==0.26.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import numpy as np
import skimage
from skimage.measure import marching_cubes


def ball(spacing):
    shape = np.round(64 / np.array(spacing)).astype(int)
    points = np.indices(shape).reshape(3, -1).T * spacing
    return (20 - np.linalg.norm(points - 31.3, axis=1)).reshape(shape)


def median_angle(normals, radii):
    units = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (normals, radii)]
    return np.median(np.degrees(np.arccos(np.clip(np.abs((units[0] * units[1]).sum(1)), 0, 1))))


angles = {}
for spacing in ((1.0, 1.0, 1.0), (4.0, 1.0, 1.0)):
    vertices, faces, normals, _ = marching_cubes(ball(spacing), 0.0, spacing=spacing)
    corners = vertices[faces]
    of_triangles = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    angles[spacing] = [
        median_angle(normals, vertices - 31.3),
        median_angle(of_triangles, corners.mean(axis=1) - 31.3),
        median_angle(normals / spacing, vertices - 31.3),
    ]
    print("scikit-image", skimage.__version__, spacing, np.round(angles[spacing], 2), "normals, triangles, mended")
assert max(angles[1.0, 1.0, 1.0]) < 3, "normals in cubes have changed"
assert angles[4.0, 1.0, 1.0][0] > 20, "normals follow the spacing now"
assert max(angles[4.0, 1.0, 1.0][1:]) < 5, "what mends them has changed"
PY
