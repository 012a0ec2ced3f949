#!/usr/bin/env bash
# rosbags-image turns messages of ROS into arrays, and loses two things that cameras send. It does not look at the step of an
# image, the bytes from row to row: where a driver pads rows, every row begins earlier than it should, and the padding is
# shown. And of a compressed 16 bit image, such as the depth in mm that depth cameras send as PNG, it keeps 8 bits.
#
#   3 rows of 4 grey values, 2 bytes of padding    expected   0 1 2 3 | 4 5 6 7  | 8 9 10 11
#                                                  read       0 1 2 3 | _ _ 4 5  | 6 7 _ _
#   compressed depth of 500, 1000, 5000 mm         expected   500 1000 5000
#                                                  read       1 3 19
#
# Seen with rosbags-image 0.10.4, with and without asking for a colour space.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "rosbags-image[opencv-headless]==0.10.4" rosbags==0.11.9 opencv-python-headless==5.0.0.93
cd "$folder"
venv/bin/python - <<'PY'
from importlib.metadata import version

import cv2
import numpy as np
from rosbags.image import message_to_cvimage
from rosbags.typesys import Stores, get_typestore

types = get_typestore(Stores.ROS2_HUMBLE).types
stamp = types["builtin_interfaces/msg/Time"](sec=0, nanosec=0)
header = types["std_msgs/msg/Header"](stamp=stamp, frame_id="camera")
print("rosbags-image", version("rosbags-image"))

grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
rows = np.full((3, 6), 99, np.uint8)
rows[:, :4] = grey
image = types["sensor_msgs/msg/Image"](
    header=header, height=3, width=4, encoding="mono8", is_bigendian=0, step=6, data=rows.ravel()
)
read = message_to_cvimage(image, "mono8")
print("padded rows", grey.tolist(), "read as", read.tolist())
assert read.tolist() == [[0, 1, 2, 3], [99, 99, 4, 5], [6, 7, 99, 99]], "the step is looked at now"

depth = np.array([[500, 1000, 5000]], np.uint16)
file = cv2.imencode(".png", depth)[1].ravel()
compressed = types["sensor_msgs/msg/CompressedImage"](header=header, format="16UC1; png compressed ", data=file)
read = message_to_cvimage(compressed)
print("depth", depth.tolist(), "read as", read.tolist(), read.dtype)
assert read.dtype == np.uint8 and read.tolist() == [[1, 3, 19]], "16 bits are kept now"
PY
