"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Checkpoint, Method, Network

PACKAGE = __name__.rpartition(".")[0]
"""Under which name this package was imported; another one where its folder was copied into a larger package."""

_CHECKPOINTS = (
    Checkpoint(
        name="vgg19",
        what="VGG-19 trained on ImageNet, as torchvision has it, by whose features the auto-encoder is trained",
        address="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        licence="BSD-3-Clause",
        terms="the licence is torchvision's; ImageNet's images are for non-commercial research",
        sha256="dcbb9e9d",
        option="set.perceptual",
        reads="network.perceptual:read_vgg",
    ),
)

METHOD = Method(
    name="lvmm-motion",
    module=PACKAGE,
    title="LVMM",
    task="animate a still image",
    paper="LVMM: Animating General Image with Large Visual Motion Model",
    authors="Dengsheng Chen, Xiaoming Wei, Xiaolin Wei",
    venue="CVPR 2024",
    arxiv="",
    citation=(
        "@inproceedings{chen2024lvmm_motion,\n"
        "  title = {LVMM: Animating General Image with Large Visual Motion Model},\n"
        "  author = {Dengsheng Chen and Xiaoming Wei and Xiaolin Wei},\n"
        "  booktitle = {CVPR 2024}\n"
        "}"
    ),
    licence="Apache-2.0 (this package and its demo weights)",
    weights=(
        "none: the authors never released any (github.com/densechen/LVMM); what their trainers write is read, and so "
        "are the auto-encoders of LFDM and MRAA, the methods before theirs, whose auto-encoder is the same"
    ),
    demo=f"{PACKAGE}.demo:demo",
    demo_shows="Make clips of drawn people anew from one frame, move bundled photos as prompts say, and measure both.",
    demo_data="56 clips of seven persons, one of a flag, and 40 of drawn people",
    network=Network(
        model="network.model:LVMM",
        config="network.config:VARIANTS.get",
        variants=(
            *("animation", "animation-refined", "autoencoder-webvid", "autoencoder-celebv", "autoencoder-lfdm"),
            *("motion", "frame"),
        ),
        inputs="network.examples:inputs",
        outputs=("output", "flow", "occlusion"),
        fast="network.examples:fast_on_tensors",
        reference="network.examples:reference_on_tensors",
        counted="network.examples:OnTensors",
        exported="network.examples:exported",
        compiles_on_cpu=False,
    ),
    checkpoints=_CHECKPOINTS,
)

__version__ = METHOD.version
