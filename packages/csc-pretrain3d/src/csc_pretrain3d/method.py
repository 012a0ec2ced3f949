"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Checkpoint, Method, Network, Sample
from visioncore.panels import Option, Panel

PACKAGE = __name__.rpartition(".")[0]
"""Under which name this package was imported; another one where its folder was copied into a larger package."""

_SLIDR = "https://github.com/valeoai/SLidR/releases/download"
_SLIDR_TERMS = "keep the licence text and the notices with copies; nuScenes' data are for non-commercial use"
_CHECKPOINTS = (
    Checkpoint(
        name="slidr-minkunet",
        what="MinkUNet that SLidR pre-trained on nuScenes, to be fine-tuned",
        address=f"{_SLIDR}/v1.0/minkunet_slidr_1gpu.pt",
        licence="Apache-2.0",
        terms=_SLIDR_TERMS,
    ),
    Checkpoint(
        name="slidr-voxelnet",
        what="VoxelNet that SLidR pre-trained on nuScenes, to be fine-tuned",
        address=f"{_SLIDR}/v1.0/voxelnet_slidr.pt",
        licence="Apache-2.0",
        terms=_SLIDR_TERMS,
    ),
    Checkpoint(
        name="moco-v2",
        what="ResNet-50 that MoCo v2 trained without labels, 800 epochs: the published image encoder",
        address="https://dl.fbaipublicfiles.com/moco/moco_checkpoints/moco_v2_800ep/moco_v2_800ep_pretrain.pth.tar",
        licence="CC-BY-NC-4.0",
        terms="non-commercial use; the licence is that of MoCo's repository; ImageNet's images have terms of their own",
        option="images",
        reads="network.image_weights:load_encoder",
    ),
    Checkpoint(
        name="resnet50",
        what="ResNet-50 trained on ImageNet, as torchvision has it: an image encoder in place of MoCo's",
        address="https://download.pytorch.org/models/resnet50-19c8e357.pth",
        licence="BSD-3-Clause",
        terms="the licence is torchvision's; ImageNet's images are for non-commercial research",
        sha256="19c8e357",
        option="images",
        reads="network.image_weights:load_encoder",
    ),
)

METHOD = Method(
    name="csc-pretrain3d",
    module=PACKAGE,
    title="CSC",
    task="pre-train LiDAR networks across scenes, and segment point clouds with them",
    paper="Building a Strong Pre-Training Baseline for Universal 3D Large-Scale Perception",
    authors="Haoming Chen, Zhizhong Zhang, Yanyun Qu, Ruixin Zhang, Xin Tan, Yuan Xie",
    venue="CVPR 2024",
    arxiv="2405.07201",
    citation="""@inproceedings{chen2024csc,
  title = {Building a Strong Pre-Training Baseline for Universal 3D Large-Scale Perception},
  author = {Chen, Haoming and Zhang, Zhizhong and Qu, Yanyun and Zhang, Ruixin and Tan, Xin and Xie, Yuan},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2024}
}""",
    licence="Apache-2.0 (this package and its demo weights)",
    weights=(
        "none: the authors never released any, only their images' segments (github.com/chenhaomingbob/CSC); what their "
        "trainers write is read, and so are the networks of SLidR, the method before theirs, whose MinkUNet is the same"
    ),
    demo=f"{PACKAGE}.demo:demo",
    demo_shows="Segment made-up streets that the network has never seen, and measure what pre-training gains.",
    demo_data="made-up streets",
    network=Network(
        model="network.model:CSC",
        config="network.config:VARIANTS.get",
        variants=(
            *("minkunet", "minkunet-nuscenes", "minkunet-semantickitti"),
            *("voxelnet", "voxelnet-upsample16", "cylinder3d"),
        ),
        inputs="network.examples:inputs",
        outputs=("output",),
        fast="network.examples:fast_on_tensors",
        reference="network.examples:reference_on_tensors",
        counted="network.examples:OnExample",
        compiles_on_cpu=False,
    ),
    sample=Sample("assets/samples/street.bin", "data.formats:read_scan"),
    checkpoints=_CHECKPOINTS,
    panel=Panel(
        verb="Label a LiDAR scan",
        takes="a LiDAR scan",
        kinds=(".bin", ".pcd", ".ply", ".las", ".laz", ".npy"),
        shows=("*.html", "*.png"),
        options=(
            Option("views", label="rotations averaged", low=1, high=8),
            Option("suppressed", label="no point without a class"),
            Option("formats", example=[".label", ".ply"]),
        ),
        hint="Drag in the result to turn the scan.",
    ),
)

__version__ = METHOD.version
