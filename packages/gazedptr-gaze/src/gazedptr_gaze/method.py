"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Checkpoint, Method, Network, Sample
from visioncore.panels import PHOTOS, VIDEOS, Option, Panel

PACKAGE = __name__.rpartition(".")[0]
"""Under which name this package was imported; another one where its folder was copied into a larger package."""

_CHECKPOINTS = (
    Checkpoint(
        name="ivgaze",
        what="archive of the three networks, each trained on two folds of IVGaze; give one .pt file of it",
        address="https://drive.google.com/uc?id=1uc5OkwZJO-KfMSuFAW0Hl-JSwTrfPURq",
        licence="Apache-2.0",
        terms="the licence is that of the authors' code; their data is for research: ask them before any other use",
        by_hand=True,
    ),
    Checkpoint(
        name="resnet18",
        what="ResNet-18 trained on ImageNet, as torchvision has it, to train from",
        address="https://download.pytorch.org/models/resnet18-5c106cde.pth",
        licence="BSD-3-Clause",
        terms="the licence is torchvision's; ImageNet's images are for non-commercial research",
        sha256="5c106cde",
        option="imagenet",
        reads="network.trunk:read_imagenet",
    ),
    Checkpoint(
        name="yunet",
        what="YuNet, a face finder that OpenCV runs",
        address="https://github.com/ShiqiYu/libfacedetection.train/raw/master/onnx/yunet_n_640_640.onnx",
        licence="Apache-2.0",
        terms="keep the licence text and the notices with copies",
        size=317_466,
        sha256="25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
        option="faces",
        reads="inference.yunet:YuNetFinder",
    ),
    Checkpoint(
        name="face-landmarker",
        what="MediaPipe's face landmarker, a face finder that knows the irises (extra faces)",
        address=(
            "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
            "face_landmarker.task"
        ),
        licence="Apache-2.0",
        terms="keep the licence text and the notices with copies",
        size=3_758_596,
        sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
        option="faces",
        reads="inference.face_task:TaskFinder",
    ),
)

METHOD = Method(
    name="gazedptr-gaze",
    module=PACKAGE,
    title="GazeDPTR",
    task="a driver's gaze direction and zone",
    paper="What Do You See in Vehicle? Comprehensive Vision Solution for In-Vehicle Gaze Estimation",
    authors=(
        "Yihua Cheng, Yaning Zhu, Zongji Wang, Hongquan Hao, Yongwei Liu, Shiqing Cheng, Xi Wang, Hyung Jin Chang"
    ),
    venue="CVPR 2024",
    arxiv="2403.15664",
    citation="""@inproceedings{cheng2024ivgaze,
  title = {What Do You See in Vehicle? Comprehensive Vision Solution for In-Vehicle Gaze Estimation},
  author = {Cheng, Yihua and Zhu, Yaning and Wang, Zongji and Hao, Hongquan and Liu, Yongwei and Cheng, Shiqing and
            Wang, Xi and Chang, Hyung Jin},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  pages = {1556--1565},
  year = {2024}
}""",
    licence="Apache-2.0 (this package and its demo weights)",
    weights=(
        "one archive for the three networks, three files each, is linked from the README of "
        "github.com/yihuacheng/IVGaze (Apache-2.0); the folder of a file names the fold that it was not trained on; "
        "the command weights tells more"
    ),
    demo=f"{PACKAGE}.demo:demo",
    demo_shows="Predict where a rendered driver looks and measure the error against the truth and simple baselines.",
    demo_data="rendered heads in a made-up cabin",
    notice="A research tool; nothing it says may be relied on for safety.",
    network=Network(
        model="network.weights:AnyGaze",
        config="network.config:VARIANTS.get",
        variants=("gazedptr", "gazeptr", "gazedptr_v2"),
        inputs="network.example:example_inputs",
        outputs=("gaze", "zone_logits", "points"),
        exported="network.exported:exported",
        unseen=("zone_head", "double_geometry"),
    ),
    sample=Sample("assets/samples/01.jpg", predictor="demo:sample_predictor"),
    checkpoints=_CHECKPOINTS,
    panel=Panel(
        verb="Follow a driver's gaze",
        takes="an image or a video of a driver",
        kinds=(*PHOTOS, *VIDEOS),
        shows=("*.jpg", "*.png", "*.mp4", "*.csv"),
        options=(
            Option(
                "faces",
                label="landmarks",
                help="of the faces, if you have them; else faces are looked for",
                kinds=(".json", ".csv"),
                example="assets/samples/landmarks.json",
            ),
            Option(
                "camera",
                label="camera",
                help="its calibration; without one a focal length is guessed",
                kinds=(".json", ".yml", ".yaml"),
                example="assets/samples/camera.json",
            ),
            Option("all_faces"),
            Option("zone_head", label="head for zones"),
            Option("stride", label="every how many frames", low=1, high=30),
            Option("smoothing", label="smoothing in seconds", low=0, high=2),
        ),
        hint="Without landmarks faces are found by the extra faces of the package.",
    ),
)

__version__ = METHOD.version
