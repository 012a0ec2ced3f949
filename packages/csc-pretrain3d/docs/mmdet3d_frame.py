"""Turn the single nuScenes frame of mmdetection3d's demo data into a folder of one's own.

    uv run python packages/csc-pretrain3d/docs/mmdet3d_frame.py demo/data/nuscenes/FRAME.pkl OUT

The file is a pickle, which could run anything; here it may hold numbers, texts, lists and dictionaries alone. Labels
are those of the 3-D boxes: a point in a box has its class, every other one class 0, which is ignored.
"""

from __future__ import annotations

import codecs
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csc_pretrain3d.data.classes import NUSCENES
from csc_pretrain3d.data.datasets.folder_writing import write_folder
from csc_pretrain3d.data.formats import read_scan
from csc_pretrain3d.data.frame import Camera, Frame, Scan


class Numbers(pickle.Unpickler):
    """Reads pickles of plain content and numpy's scalars."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the three things that a scalar is made of.

        Raises:
            UnpicklingError: for anything else.
        """
        match module, name:
            case (("numpy.core.multiarray" | "numpy._core.multiarray"), "scalar"):
                return np._core.multiarray.scalar  # type: ignore[attr-defined]
            case "numpy", "dtype":
                return np.dtype
            case "_codecs", "encode":
                return codecs.encode
        raise pickle.UnpicklingError(f"holds {module}.{name}, which is not needed for numbers")


def frame_of(path: Path) -> Frame:
    """Return the frame that a file describes, whose scan and images lie beside it."""
    with path.open("rb") as file:
        content = Numbers(file).load()
    (about,) = content["data_list"]
    scan = read_scan(path.with_name(about["lidar_points"]["lidar_path"]))
    labels = of_boxes(scan.points, about["instances"], content["metainfo"]["categories"])
    cameras = [
        Camera(name, path.with_name(each["img_path"]), each["cam2img"], each["lidar2cam"])
        for name, each in about["images"].items()
    ]
    return Frame(Scan(scan.points, scan.intensity, labels, name=about["token"]), cameras)


def of_boxes(points: NDArray[np.float32], boxes: list[Any], categories: dict[str, int]) -> NDArray[np.int64]:
    """Return the class of each point (P,) by boxes (x, y, z, length, width, height, angle about z)."""
    names = {number: name for name, number in categories.items()}
    labels = np.zeros(len(points), np.int64)
    for box in boxes:
        # debris and the like have the number -1
        if (number := box["bbox_label_3d"]) in names:
            labels[inside(points, box["bbox_3d"])] = NUSCENES.names.index(names[number])
    return labels


def inside(points: NDArray[np.float32], box: list[float]) -> NDArray[np.bool_]:
    """Return which points (P,) lie in a box around its centre."""
    x, y, z = (points - np.array(box[:3])).T
    cosine, sine = np.cos(box[6]), np.sin(box[6])
    along, across = x * cosine + y * sine, y * cosine - x * sine
    return (np.abs(np.stack([along, across, z], axis=1)) <= np.array(box[3:6]) / 2).all(axis=1)


if __name__ == "__main__":
    write_folder(sys.argv[2], [frame_of(Path(sys.argv[1]))], NUSCENES)
