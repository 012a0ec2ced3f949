#!/usr/bin/env bash
# VTK reads the coordinates of a PLY file as float32 also where the file has them as double, and its writer does not write
# double: point clouds on a national grid are rounded to steps of 0.06 m (eastings) and 0.5 m (northings). Nothing is said.
#
#   in the file (property double)   691000.223456  5336000.754321
#   vtkPLYReader, PyVista           691000.25      5336001
#   meshio, plyfile                 as they are
#
# Seen with VTK 9.7.2 and PyVista 0.49.1; the others with meshio 5.3.5 and plyfile 1.1.2. Subtract an offset before a PLY file
# is written, and keep it beside the file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet vtk==9.7.2 pyvista==0.49.1 meshio==5.3.5 plyfile==1.1.2 numpy==2.4.6
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
import meshio
import numpy as np
import plyfile
import pyvista

points = np.array([[691000.123456, 5336000.654321, 512.111], [691000.223456, 5336000.754321, 512.222]])
header = "ply\nformat binary_little_endian 1.0\nelement vertex 2\n"
header += "".join(f"property double {axis}\n" for axis in "xyz") + "end_header\n"
with open("cloud.ply", "wb") as file:
    file.write(header.encode() + points.tobytes())
vertex = plyfile.PlyData.read("cloud.ply")["vertex"]
assert np.array_equal(np.stack([vertex[axis] for axis in "xyz"], 1), points)
assert np.array_equal(meshio.read("cloud.ply").points, points)
read = pyvista.read("cloud.ply").points
print("PyVista", pyvista.__version__, "VTK", pyvista.vtk_version_info, read.dtype)
print(np.asarray(read, np.float64).tolist())
assert read.dtype == np.float32 and np.abs(read - points).max() > 0.2, "doubles are kept now"
cloud = pyvista.PolyData(points)
assert cloud.points.dtype == np.float64
cloud.save("written.ply")
with open("written.ply", "rb") as file:
    assert b"property float x" in file.read(300), "doubles are written now"
PY
