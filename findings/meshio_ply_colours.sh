#!/usr/bin/env bash
# meshio reads the type "uchar" of a binary PLY file as signed bytes, and that of a text PLY file as unsigned ones. Colours
# and labels of 128 and more come out negative, without a word, from binary files only, which coloured point clouds mostly
# are. Red values of the same cloud:
#
#   in the file                 10   127   128   200   255
#   meshio, text                10   127   128   200   255
#   meshio, binary              10   127  -128   -56    -1
#   meshio, binary "uint8"      10   127   128   200   255    (the type's other name)
#
# Seen with meshio 5.3.5, plyfile 1.1.5, NumPy 2.4.6. Take such values through .view(numpy.uint8), or read with plyfile.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet meshio==5.3.5 plyfile==1.1.5 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
from importlib.metadata import version

import meshio
import numpy as np
from plyfile import PlyData, PlyElement

RED = [10, 127, 128, 200, 255]
cloud = np.zeros(5, [("x", "f4"), ("y", "f4"), ("z", "f4"), ("red", "u1")])
cloud["red"] = RED
for name, text in (("text", True), ("binary", False)):
    PlyData([PlyElement.describe(cloud, "vertex")], text=text).write(f"{name}.ply")
    assert b"property uchar red" in open(f"{name}.ply", "rb").read()
    assert PlyData.read(f"{name}.ply")["vertex"]["red"].tolist() == RED
with open("other.ply", "wb") as file:
    file.write(open("binary.ply", "rb").read().replace(b"uchar", b"uint8"))
found = {each: meshio.read(each).point_data["red"].tolist() for each in ("text.ply", "binary.ply", "other.ply")}
print(found, "meshio", version("meshio"))
assert found["text.ply"] == found["other.ply"] == RED, "behaviour changed"
assert found["binary.ply"] == [10, 127, -128, -56, -1], "behaviour changed"
PY
