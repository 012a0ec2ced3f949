"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Checkpoint, Method, Network, Sample
from visioncore.panels import PHOTOS, Option, Panel

PACKAGE = __name__.rpartition(".")[0]
"""Under which name this package was imported; another one where its folder was copied into a larger package."""

_CHECKPOINTS = (
    Checkpoint(
        name="published",
        what="archive of the eight networks; unpack it and give one of its checkpoint.pth or checkpoint_best.pth",
        address="https://drive.google.com/uc?id=1WnU6EYsl339gJzD3LpF7TSDC0TPxqDal",
        licence="none stated",
        terms="nothing is said of their use: ask the authors before you pass the weights on",
        by_hand=True,
    ),
    Checkpoint(
        name="resnet50",
        what="ResNet-50 trained on ImageNet, as torchvision has it, to train a ChenLSTM from",
        address="https://download.pytorch.org/models/resnet50-19c8e357.pth",
        licence="BSD-3-Clause",
        terms="the licence is torchvision's; ImageNet's images are for non-commercial research",
        sha256="19c8e357",
        option="imagenet",
        reads="network.imagenet:read_imagenet",
    ),
    Checkpoint(
        name="detector",
        what="Mask R-CNN trained on COCO, as torchvision has it, whose features a Gazeformer looks at",
        address="https://download.pytorch.org/models/maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth",
        licence="BSD-3-Clause",
        terms="the licence is torchvision's; COCO's images have terms of their own",
        sha256="bf2d0c1e",
        option="detector",
        reads="network.detector:read_detector",
    ),
)

METHOD = Method(
    name="isp-scanpath",
    module=PACKAGE,
    title="ISP",
    task="predict each observer's own eye movements",
    paper="Beyond Average: Individualized Visual Scanpath Prediction",
    authors="Xianyu Chen, Ming Jiang, Qi Zhao",
    venue="CVPR 2024",
    arxiv="2404.12235",
    citation="""@inproceedings{chen2024isp,
  title = {Beyond Average: Individualized Visual Scanpath Prediction},
  author = {Chen, Xianyu and Jiang, Ming and Zhao, Qi},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2024}
}""",
    licence="Apache-2.0 (this package and its bundled weights)",
    weights=(
        "one archive with all eight networks, linked from the README of github.com/chenxy99/IndividualScanpath "
        "(Google Drive, 1WnU6EYsl339gJzD3LpF7TSDC0TPxqDal), which states no licence, so ask its authors before you "
        "pass their weights on; unpack it and give one of its checkpoint.pth or checkpoint_best.pth"
    ),
    demo=f"{PACKAGE}.demo:demo",
    demo_shows="Predict the scanpaths of three synthetic observers with different habits, and measure whose they are.",
    demo_data="synthetic images and observers",
    notice="A research tool: where people look varies from day to day, and says nothing certain of a person.",
    network=Network(
        model="network.model:ISP",
        config="network.config:VARIANTS.get",
        variants=(
            *(f"chenlstm-{data}" for data in ("osie", "osie-asd", "air", "coco-search18")),
            *(f"gazeformer-{data}" for data in ("osie", "osie-asd", "air", "coco-search18")),
        ),
        inputs="network.examples:inputs",
        outputs=("logits", "mu", "sigma2", "action_map", "maps", "weights"),
        unseen=("observer_std",),
        exported="network.exported:exported",
    ),
    sample=Sample("assets/samples/scene.png"),
    checkpoints=_CHECKPOINTS,
    panel=Panel(
        verb="Predict where people look",
        takes="a photo",
        kinds=PHOTOS,
        shows=("*.png", "*.gif", "*.mp4", "*.json"),
        options=(
            Option("observers", help="all if none is chosen", values=("reader", "sizer", "centred", "mean")),
            Option("samples", label="scanpaths of each", low=1, high=5),
            Option("animation", values=("none", "mp4")),
            Option("deterministic", label="the likeliest path"),
            Option("temperature", low=0.2, high=2),
            Option("seed", low=0, high=9999),
        ),
        hint="The bundled weights know three observers with habits of their own.",
    ),
)

__version__ = METHOD.version
