#!/usr/bin/env bash
# PyVista turns a tilted MetaImage (.mha, .mhd) the wrong way: VTK takes the header's TransformMatrix, of which each row is
# the direction of one axis, for the matrix that has them as columns. So a tilt of +20 degrees becomes one of -20, and a
# sagittal volume gets its axes swapped. Axial volumes, flipped ones too, come out right. VTK's own writer makes the same
# exchange, so that nothing is seen until another program reads the file. Voxel (11, 4, 3) of the same image:
#
#   tilted by 20 degrees       SimpleITK, nibabel    17.6, 31.3, 39.0
#                              PyVista, .mha         23.1, 23.8, 39.0
#                              PyVista, .nrrd        21.0, 28.0, 39.0    (the tilt is passed over)
#                              PyVista, .nii         11.0,  8.0,  9.0    (the origin too)
#   sagittal                   SimpleITK             19.0, 31.0, 22.0
#                              PyVista, .mha         18.0, 11.0, 41.0
#
# Seen with PyVista 0.49.1, VTK 9.7.2, SimpleITK 2.5.7, nibabel 5.4.2. Surfaces made of such an image lie beside the scan.
# Read with SimpleITK and hand the geometry over: pyvista.ImageData(dimensions=..., spacing=..., origin=...,
# direction_matrix=numpy.reshape(image.GetDirection(), (3, 3))).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyvista==0.49.1 vtk==9.7.2 SimpleITK==2.5.7 nibabel==5.4.2 numpy==2.4.6
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
import nibabel
import numpy as np
import pyvista
import SimpleITK as sitk
from vtkmodules.vtkIOImage import vtkMetaImageWriter

LAST = (11, 4, 3)
c, s = np.cos(np.radians(20)), np.sin(np.radians(20))
directions = {
    "axial": np.eye(3),
    "flipped": np.diag([-1, -1, 1]),
    "tilted": np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]),
    "sagittal": np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]]),
}
place = {}
for name, direction in directions.items():
    image = sitk.GetImageFromArray(np.arange(240, dtype=np.int16).reshape(4, 5, 12))
    image.SetSpacing((1, 2, 3))
    image.SetOrigin((10, 20, 30))
    image.SetDirection(direction.astype(float).ravel().tolist())
    right = np.array((10, 20, 30)) + direction @ (np.array(LAST) * (1, 2, 3))  # worked out by hand
    for kind in ("mha", "nrrd", "nii"):
        sitk.WriteImage(image, f"{name}.{kind}")
        assert np.allclose(sitk.ReadImage(f"{name}.{kind}").TransformIndexToPhysicalPoint(LAST), right, atol=1e-4)
        read = pyvista.read(f"{name}.{kind}")
        assert read.dimensions == (12, 5, 4)
        place[name, kind] = read.points[-1]
        print(f"{name:9} {kind:5} right {right.round(1)} PyVista {place[name, kind].round(1)}")
    x, y, z = nibabel.affines.apply_affine(nibabel.load(f"{name}.nii").affine, LAST)
    assert np.allclose((-x, -y, z), right, atol=1e-4)  # its x goes to the right and its y to the front
    turned = np.array((10, 20, 30)) + direction.T @ (np.array(LAST) * (1, 2, 3))
    assert np.allclose(place[name, "mha"], turned, atol=1e-4), "the direction of a MetaImage is now read another way"
    assert np.allclose(turned, right) == (name in ("axial", "flipped"))

tilted = pyvista.ImageData(dimensions=(12, 5, 4), direction_matrix=directions["tilted"])
tilted["values"] = np.zeros(240, np.int16)
writer = vtkMetaImageWriter()
writer.SetInputData(tilted)
writer.SetFileName("vtk.mha")
writer.Write()
assert np.allclose(pyvista.read("vtk.mha").direction_matrix, directions["tilted"], atol=1e-4)
assert np.allclose(sitk.ReadImage("vtk.mha").GetDirection(), directions["tilted"].T.ravel(), atol=1e-4), "the writer has changed"
assert np.allclose(place["tilted", "nrrd"], (21, 28, 39)) and np.allclose(place["tilted", "nii"], (11, 8, 9)), "others changed"
print("PyVista", pyvista.__version__, "VTK", pyvista.vtk_version_info, "SimpleITK", sitk.Version.VersionString())
PY
