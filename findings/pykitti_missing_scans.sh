#!/usr/bin/env bash
# pykitti numbers scans by their place among the files that exist, not by the number in their names, so that behind a missing
# scan every image gets a later frame's. KITTI has such drives: 2011_09_26_drive_0009 has no scans 177 to 180 (monodepth, issue
# 186); the script lays out 447 frames with that gap. Worse, if the frames asked for reach beyond the number of files,
# the choice is dropped for the scans and only for them: image 440 then comes with scan 0.
#
#   asked for                      image   scan
#   get_cam2(176), get_velo(176)     176    176
#   get_cam2(200), get_velo(200)     200    204
#   frames=range(200, 210), 0        200    204
#   frames=range(440, 447), 0        440      0    (velo gives all 443 scans, cam2 gives 7 images)
#
# zip(cam2, velo) goes wrong alike, and ends 4 early. Seen with pykitti 0.3.1. Match os.path.basename of cam2_files and velo_files.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pykitti==0.3.1 numpy==2.3.5 pillow==12.0.0 pandas==2.3.3 opencv-python-headless==5.0.0.93
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
import os
from importlib.metadata import version

import numpy as np
import pykitti
from PIL import Image

FRAMES, MISSING = 447, range(177, 181)
DATE, DRIVE = "2011_09_26", "0009"
drive = f"{DATE}/{DATE}_drive_{DRIVE}_sync"
for part in ("image_02/data", "velodyne_points/data", "oxts/data"):
    os.makedirs(f"{drive}/{part}")
eye = " ".join(map(str, np.eye(3).ravel()))
for name in ("imu_to_velo", "velo_to_cam"):
    with open(f"{DATE}/calib_{name}.txt", "w") as file:
        file.write(f"R: {eye}\nT: 0 0 0\n")
with open(f"{DATE}/calib_cam_to_cam.txt", "w") as file:
    for camera in range(4):
        file.write(f"R_rect_0{camera}: {eye}\nP_rect_0{camera}: 700 0 600 0 0 700 180 0 0 0 1 0\n")
with open(f"{drive}/oxts/timestamps.txt", "w") as file:
    for frame in range(FRAMES):
        file.write(f"2011-09-26 13:{frame // 600:02d}:{frame // 10 % 60:02d}.{frame % 10}00000000\n")
for frame in range(FRAMES):  # each image and each scan carries the number of its frame
    Image.new("RGB", (8, 4), (frame // 256, frame % 256, 0)).save(f"{drive}/image_02/data/{frame:010d}.png")
    with open(f"{drive}/oxts/data/{frame:010d}.txt", "w") as file:
        file.write(" ".join(["49", "8", "100"] + ["0"] * 27))
    if frame not in MISSING:
        np.full((1, 4), frame, np.float32).tofile(f"{drive}/velodyne_points/data/{frame:010d}.bin")


def of_image(image):
    high, low, _ = image.getpixel((0, 0))
    return 256 * high + low


def of_scan(scan):
    return int(scan[0, 0])


print("pykitti", version("pykitti"))
whole = pykitti.raw(".", DATE, DRIVE)
assert len(whole) == FRAMES, "the drive has another length now"
near, late = (pykitti.raw(".", DATE, DRIVE, frames=frames) for frames in (range(200, 210), range(440, 447)))
for name, data, index, expected in (
    ("frame 176", whole, 176, (176, 176)),
    ("frame 200", whole, 200, (200, 204)),
    ("frames 200 to 209, the first", near, 0, (200, 204)),
    ("frames 440 to 446, the first", late, 0, (440, 0)),
):
    seen = of_image(data.get_cam2(index)), of_scan(data.get_velo(index))
    print(f"{name}: image {seen[0]}, scan {seen[1]}")
    assert seen == expected, f"{name} is paired otherwise now"
    names = [os.path.basename(files[index]).split(".")[0] for files in (data.cam2_files, data.velo_files)]
    assert [int(number) for number in names] == list(expected), "the names of the files do not tell any more"
images, scans = len(list(late.cam2)), len(list(late.velo))
print(f"frames 440 to 446: {images} images, {scans} scans")
assert (images, scans) == (7, 443), "the frames asked for are chosen otherwise now"
pairs = [(of_image(image), of_scan(scan)) for image, scan in zip(whole.cam2, whole.velo)]
wrong = sum(image != scan for image, scan in pairs)
print(f"zip(cam2, velo): {len(pairs)} pairs, {wrong} of them of two frames, the last {pairs[-1]}")
assert (len(pairs), wrong, pairs[-1]) == (443, 266, (442, 446)), "the generators go together otherwise now"
PY
