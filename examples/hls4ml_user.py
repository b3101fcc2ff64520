"""For hls4ml users: exact values, cycles and fabric of a PyTorch model that hls4ml converted. Needs weft[train]."""

import hls4ml
import numpy as np
import torch

import weft

torch.manual_seed(0)
network = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 5)).eval()
config = hls4ml.utils.config_from_pytorch_model(network, (16,), granularity="name", backend="Vitis")
model = hls4ml.converters.convert_from_pytorch_model(
    network, hls_config=config, backend="Vitis", output_dir="hls4ml_prj"
)

design = weft.Design.from_hls4ml(model)
x = np.random.default_rng(0).normal(size=(1000, 16))
values = design.predict(x)  # design.run(x) gives the raw integers
print(weft.simulate(design, board="zcu104").latency_us, "us")
design.save("d")

model.compile()  # hls4ml's own C simulation, to see that they agree
assert np.array_equal(np.asarray(values).ravel(), np.asarray(model.predict(x)).ravel())
