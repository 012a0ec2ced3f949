#!/usr/bin/env bash
# VTK takes the first axis of a NRRD file for components of a vector where it has 9 samples or fewer, even if the header says
# that it is an axis of space (kinds: domain, three space directions). A thin stack becomes one slice of vectors, with the
# spacing of other axes:
#
#   sizes 10 9 11, spacing 2 3 4     read as 10 x 9 x 11, 1 component, spacing 2 3 4
#   sizes 9 10 11, spacing 2 3 4     read as 10 x 11 x 1, 9 components, spacing 3 4 1
#   sizes 3 10 11, spacing 2 3 4     read as 10 x 11 x 1, 3 components, spacing 3 4 1
#
# SimpleITK reads all three as they are. Seen with VTK 9.7.2 (vtkNrrdReader, as PyVista uses it), SimpleITK 2.5.5. Crops and
# thin slabs are best kept so that their long axis comes first, or in another format.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet vtk==9.7.2 simpleitk==2.5.5 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import numpy as np
import SimpleITK
import vtk

for sizes, vectors in (((10, 9, 11), False), ((9, 10, 11), True), ((3, 10, 11), True)):
    image = SimpleITK.GetImageFromArray(np.arange(np.prod(sizes), dtype=np.int16).reshape(sizes[::-1]))
    image.SetSpacing((2.0, 3.0, 4.0))
    SimpleITK.WriteImage(image, "thin.nrrd")
    with open("thin.nrrd", "rb") as file:
        assert b"kinds: domain domain domain" in file.read(500)
    assert SimpleITK.ReadImage("thin.nrrd").GetSize() == sizes
    reader = vtk.vtkNrrdReader()
    reader.SetFileName("thin.nrrd")
    reader.Update()
    read = reader.GetOutput()
    found = read.GetDimensions(), read.GetNumberOfScalarComponents(), read.GetSpacing()
    print("VTK", vtk.VTK_VERSION, sizes, "read as", *found)
    as_vectors = (sizes[1], sizes[2], 1), sizes[0], (3.0, 4.0, 1.0)
    assert found == (as_vectors if vectors else (sizes, 1, (2.0, 3.0, 4.0))), "what is read has changed"
PY
