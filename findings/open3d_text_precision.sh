#!/usr/bin/env bash
# Open3D writes text PLY, OBJ and OFF with six significant digits, though the PLY header says "double": in UTM
# coordinates points are moved onto a grid of 1 by 10 metres, and times since 1970 into steps of 10,000 seconds. Its text
# PCD and XYZ files keep ten digits and more, so a test with another format shows nothing. The point 500000.123,
# 5400006.456, 123.789 (east, north, height), written and read:
#
#   write_point_cloud(".ply")                      500000.123  5400006.456  123.789
#   write_point_cloud(".ply", write_ascii=True)    500000      5400010      123.789
#   the same of open3d.t                           500000      5400010      123.789   (a time of 1700000000.5: 1700000000)
#   write_triangle_mesh(".obj"), (".off")          500000      5400010      123.789
#   write_point_cloud(".pcd", write_ascii=True)    500000.123  5400006.456  123.789
#
# Seen with Open3D 0.20.0; no message. Write binary PLY, or subtract an offset first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet open3d==0.20.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import numpy as np
import open3d

points = np.array([[500000.123, 5400006.456, 123.789], [500001.5, 5400007.75, 124.25], [500002.5, 5400003.25, 125]])
cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))
mesh = open3d.geometry.TriangleMesh(cloud.points, open3d.utility.Vector3iVector([[0, 1, 2]]))
tensor = open3d.t.geometry.PointCloud(open3d.core.Tensor(points))
tensor.point.time = open3d.core.Tensor(np.array([[1700000000.5], [1700000001.5], [1700003000.5]]))


def through(name, text):
    assert open3d.io.write_point_cloud(name, cloud, write_ascii=text)
    return np.asarray(open3d.io.read_point_cloud(name).points)


def through_mesh(name):
    assert open3d.io.write_triangle_mesh(name, mesh)
    return np.asarray(open3d.io.read_triangle_mesh(name).vertices)


assert open3d.t.io.write_point_cloud("tensor.ply", tensor, write_ascii=True)
back = open3d.t.io.read_point_cloud("tensor.ply").point
found = {
    "binary PLY": through("binary.ply", False),
    "text PLY": through("text.ply", True),
    "text PLY, tensor": back.positions.numpy(),
    "OBJ": through_mesh("mesh.obj"),
    "OFF": through_mesh("mesh.off"),
    "text PCD": through("text.pcd", True),
    "XYZ": through("points.xyz", False),
}
header = open("text.ply").read().split("end_header")[0]
assert "format ascii" in header and "property double x" in header
for name, where in found.items():
    print(f"{name:17} {where[0].tolist()}")
    kept = name in ("binary PLY", "text PCD", "XYZ")
    assert np.allclose(where, points, rtol=0, atol=1e-3) == kept, f"{name} has changed"
    if not kept:
        assert np.allclose(where[0], (500000, 5400010, 123.789), rtol=0, atol=1e-4), f"{name} has changed"
times = back.time.numpy().ravel().tolist()
print("times", times, "Open3D", open3d.__version__)
assert times == [1700000000, 1700000000, 1700000000], "times have changed"
PY
