#!/usr/bin/env bash
# The FLOP counter of PyTorch counts nothing of a transformer that is used as it is meant to be, in eval() and without gradients:
# nn.TransformerEncoderLayer and nn.MultiheadAttention then go through one fused operator that the counter does not know.
# An LSTM on a CPU counts as nothing in every mode, a GRU of the same size is counted.
#
#   FLOPs, 2 x 100 tokens of 64                train()      eval(), no_grad()
#   TransformerEncoderLayer(64, 4, 128)        18 227 200   0
#   MultiheadAttention(64, 4)                  11 673 600   0
#   TransformerDecoderLayer(64, 4, 128)        29 900 800   18 227 200
#   LSTM(64, 64)                               0            0
#   GRU(64, 64)                                9 830 400    9 830 400
#
# Nothing is warned of. Seen with torch 2.15.0. Count on the device "meta", where all of them are counted, the LSTM as
# 13 107 200.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

tokens = torch.zeros(2, 100, 64)
layers = {
    "encoder": (nn.TransformerEncoderLayer(64, 4, 128, batch_first=True), 1),
    "attention": (nn.MultiheadAttention(64, 4, batch_first=True), 3),
    "decoder": (nn.TransformerDecoderLayer(64, 4, 128, batch_first=True), 2),
    "lstm": (nn.LSTM(64, 64, batch_first=True), 1),
    "gru": (nn.GRU(64, 64, batch_first=True), 1),
}


def flops(layer, inputs, device="cpu"):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        layer.to(device)(*[tokens.to(device)] * inputs)
    return counter.get_total_flops()


print("torch", torch.__version__)
found = {}
for name, (layer, inputs) in layers.items():
    found[name] = flops(layer.train(), inputs), flops(layer.eval(), inputs)
    print(name, *found[name], "on meta", meta := flops(layer, inputs, "meta"))
    assert meta > 0, "something is not counted on meta now"
assert found["encoder"] == (18_227_200, 0), "the fused encoder is counted now"
assert found["attention"] == (11_673_600, 0), "the fused attention is counted now"
assert found["decoder"] == (29_900_800, 18_227_200), "the attention of a decoder is counted now"
assert found["lstm"] == (0, 0), "an LSTM is counted now"
assert found["gru"] == (9_830_400, 9_830_400), "a GRU is counted another way now"
PY
