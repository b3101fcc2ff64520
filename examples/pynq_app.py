"""Classify samples on a PYNQ board: a plain pynq program, the same for a real board and for weft's virtual one.

    weft board serve --board pynq-z2 &
    PYNQ_REMOTE_DEVICES=127.0.0.1 python pynq_app.py bitstreams/digits_cnn-pynq-z2 samples.npz

The folder is what `weft build` wrote. The .npz holds the samples, in the network's own layout, under its input's name.
"""

import sys
import tomllib
from pathlib import Path

import numpy as np
from pynq import Overlay, allocate

folder = Path(sys.argv[1])
manifest = tomllib.loads((folder / "manifest.toml").read_text())
design = manifest["designs"]["fpga0"]
source, target = design["inputs"][0], design["outputs"][0]
samples = np.load(sys.argv[2])[source["name"]]
count = len(samples)

# A stream carries each value as an integer, value * 2**fraction_bits; channels come last, where ONNX has them first.
if samples.ndim == 4:
    samples = samples.transpose(0, 2, 3, 1)
integers = np.rint(samples * 2.0 ** source["fraction_bits"]).clip(source["minimum"], source["maximum"])

overlay = Overlay(str((folder / manifest["bitstreams"][design["overlay"]]).resolve()))
x = allocate((count, *source["shape"]), source["dtype"])
y = allocate((count, *target["shape"]), target["dtype"])
x[:] = integers.reshape(x.shape)

overlay.design_0.register_map.samples = count
overlay.design_0.register_map.CTRL.AP_START = 1
overlay.axi_dma_0.sendchannel.transfer(x)
overlay.axi_dma_0.recvchannel.transfer(y)
overlay.axi_dma_0.sendchannel.wait()
overlay.axi_dma_0.recvchannel.wait()

scores = np.array(y).reshape(count, -1) / 2.0 ** target["fraction_bits"]
print("classes", *scores.argmax(axis=1))
x.freebuffer()
y.freebuffer()
