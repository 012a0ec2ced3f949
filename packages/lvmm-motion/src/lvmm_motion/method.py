"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Checkpoint, Method, Network, Sample
from visioncore.panels import PHOTOS, Option, Panel

PACKAGE = __name__.rpartition(".")[0]
"""Under which name this package was imported; another one where its folder was copied into a larger package."""

_MRAA = (
    "https://github.com/snap-research/articulated-animation/raw/451f7dae807cb9bda35af35581216d348caecc21/checkpoints"
)
_MRAA_FILES = (
    (
        *("vox256", "faces who speak (VoxCeleb)", 291747542),
        "a8c59e0b38f96195eac6414265dcf8e4b15e0675cea2622489b735edc61b3b66",
    ),
    (
        *("taichi256", "people who do tai-chi", 273409176),
        "6fd5ebb68953d6c7d02ff765986efa1c8a62d349817fe736a6069e07dc8c17af",
    ),
    (
        *("ted384", "speakers at TED, from the waist up", 273409224),
        "5c88fb60718a64a8fd87043b0e95781b50e500457d03bf3b4fd26cca6b70c3f7",
    ),
    (
        *("ted-youtube384", "speakers at TED and in other videos", 292943746),
        "75ce78089fc2f0b0a276346bf8f14c2043895845ed869bdbe9b2656d3feec13b",
    ),
    (
        *("mgif256", "moving drawings of animals (MGIF)", 248256308),
        "58b796e31f763ccfbb240f959c9d92c2afe8a6e57da303e07d8fabd1f2921c68",
    ),
)
"""Name, what it was trained on, bytes, digest: those of the large files that the repository points to."""
_CHECKPOINTS = (
    Checkpoint(
        name="lfdm-mug",
        what="auto-encoder of LFDM, trained on faces that show emotions (MUG), 128 x 128",
        address="https://drive.google.com/uc?id=1dRn1wl5TUaZJiiDpIQADt1JJ0_q36MVG",
        licence="BSD-2-Clause",
        terms="the licence is that of LFDM's repository, which says nothing of weights apart; MUG has terms of its own",
    ),
    *(
        Checkpoint(
            name=f"mraa-{name}",
            what=f"auto-encoder of MRAA, trained on {data}",
            address=f"{_MRAA}/{name}.pth",
            licence="none granted",
            terms="shown by Snap Inc. for information; no right to copy or change without an agreement with them",
            size=size,
            sha256=digest,
        )
        for name, data, size, digest in _MRAA_FILES
    ),
    Checkpoint(
        name="imagebind-huge",
        what="ImageBind's towers, whose tokens the published denoiser is conditioned on",
        address="https://dl.fbaipublicfiles.com/imagebind/imagebind_huge.pth",
        licence="CC-BY-NC-4.0",
        terms="non-commercial use, with attribution",
        option="embedder-weights",
        reads="inference.embedders:ImageBindTokens",
    ),
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
    sample=Sample("assets/samples/jumping-jack.png", options={"steps": 1}),
    checkpoints=_CHECKPOINTS,
    hub_task="image-to-video",
    panel=Panel(
        verb="Animate a photo",
        takes="a photo",
        kinds=PHOTOS,
        shows=("*.mp4", "*.gif"),
        options=(
            Option(
                "prompt",
                label="motion",
                help="those that the bundled weights know",
                values=("", "bend", "one-hand wave", "two-hands wave", "jumping jack", "flag"),
                example="jumping jack",
            ),
            Option("strength", low=0, high=2),
            Option("steps", low=0, high=250, example=25),
            Option("mask", label="what may move", kinds=(".png",)),
            Option("guidance", low=1, high=10, step=0.5, example=4.0),
            Option("speed", low=0.25, high=4),
            Option("loop", label="endless loop"),
            Option("seed", low=0, high=9999),
        ),
        hint="The bundled weights move people who stand in full view, 64 pixels wide.",
    ),
)

__version__ = METHOD.version
