"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Images, Method, Network

PACKAGE = __name__.rpartition(".")[0]
"""Under which name this package was imported; another one where its folder was copied into a larger package."""

METHOD = Method(
    name="clip-denoising",
    module=PACKAGE,
    title="CLIPDenoiser",
    task="denoise photos and low-dose CT under noise the network never saw",
    paper="Transfer CLIP for Generalizable Image Denoising",
    authors="Jun Cheng, Dong Liang, Shan Tan",
    venue="CVPR 2024",
    arxiv="2403.15132",
    citation="""@inproceedings{cheng2024transfer,
  title = {Transfer CLIP for Generalizable Image Denoising},
  author = {Cheng, Jun and Liang, Dong and Tan, Shan},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  pages = {25974--25984},
  year = {2024}
}""",
    licence="Apache-2.0 (this package and its demo weights)",
    weights=(
        "linked from the README of github.com/alwaysuu/CLIPDenoising (MIT): net_g_latest.pth in one folder for each of "
        "the synthetic, sRGB and LDCT networks; to train from CLIP, OpenAI's RN50.pt (MIT), which open_clip downloads"
    ),
    demo=f"{PACKAGE}.demo:demo",
    demo_shows="Denoise the bundled sample photos under noises the bundled network never saw, and measure the gain.",
    demo_data="400 photos with Gaussian noise of sigma 15",
    network=Network(
        model="network.model:CLIPDenoiser",
        config="network.config:VARIANTS.get",
        variants=("synthetic", "srgb", "ldct"),
        inputs=Images("noisy", multiple=32),
        outputs=("denoised",),
        sizes=(256, 512),
        exported="network.exported:exported",
        facts="network.config:facts",
        unseen=("keep_layer4",),
        compiles_on_cpu=False,
    ),
)

__version__ = METHOD.version
