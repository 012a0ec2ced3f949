#!/usr/bin/env bash
# lidario is to leave out the cells of a GeoTIFF that hold its value for "no data". It compares with != and so keeps them all
# where that value is NaN, the common one for elevation in floats: they come out as points with an elevation of NaN. Passing
# no_data=nan does not help. The same raster with -9999 goes right. Its PLY files hold single precision, which moves points
# on a map grid to steps of half a metre, far apart from what its own arrays say.
#
#   raster of 4 x 5 cells, 8 empty   points   of them NaN   mean elevation
#   no data is -9999                     12             0              100
#   no data is NaN                       20             8              NaN
#   0.25 m cells, northing 5500000   largest error of northing 0.0 m as array, 0.25 m as PLY, 4 rows on 3 northings or fewer
#
# Seen with lidario 0.3.0, rasterio 1.4.4. Drop the NaN rows of the array yourself; subtract an offset before writing PLY.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet lidario==0.3.0 rasterio==1.4.4 plyfile==1.1.5 pandas==2.3.3 numpy==2.3.5
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

import lidario
import numpy as np
import plyfile
import rasterio

heights = np.full((4, 5), 100, np.float32)
empty = np.zeros(heights.shape, bool)
empty[1:3, :4] = True


def write(name, nodata):
    raster = np.where(empty, np.float32(nodata), heights)
    grid = rasterio.transform.from_origin(500000, 5500000.25, 0.25, 0.25)
    options = dict(driver="GTiff", width=5, height=4, count=1, dtype="float32", crs="EPSG:32632")
    with rasterio.open(name, "w", transform=grid, nodata=nodata, **options) as file:
        file.write(raster, 1)
    with rasterio.open(name) as file:
        assert (file.read_masks(1) == 0).sum() == empty.sum() == 8, "rasterio tells other cells without data now"
        rows, columns = np.nonzero(~empty)
        return np.array(file.xy(rows, columns)).T


print("lidario", version("lidario"), "rasterio", version("rasterio"))
to_array = lidario.Translator("geotiff", "np")
for name, nodata, points, nans in (("minus", -9999, 12, 0), ("nan", np.nan, 20, 8)):
    centres = write(f"{name}.tif", nodata)
    cloud = to_array.translate(f"{name}.tif")
    told = to_array.translate(f"{name}.tif", no_data=nodata)
    missing = int(np.isnan(cloud[:, 2]).sum())
    print(f"no data is {nodata}: {len(cloud)} points, {missing} of them NaN, mean elevation {cloud[:, 2].mean()}")
    assert (len(cloud), missing) == (points, nans), f"cells without data, {nodata}, fare otherwise now"
    assert np.array_equal(cloud, told, equal_nan=True), "no_data makes a difference now"
    kept = cloud[~np.isnan(cloud[:, 2])]
    assert len(kept) == 12 and (kept[:, 2] == 100).all() and np.array_equal(kept[:, :2], centres), "points lie elsewhere now"

lidario.Translator("geotiff", "ply").translate("minus.tif", out_file="cloud")
northing = np.asarray(plyfile.PlyData.read("cloud.ply").elements[0].data["y"], float)
error = np.abs(northing - centres[:, 1]).max()
print(f"largest error of northing as PLY: {error} m; rows {np.unique(centres[:, 1]).tolist()} on {np.unique(northing).tolist()}")
assert 0.1 < error <= 0.25, "PLY files are as exact as arrays now"
PY
