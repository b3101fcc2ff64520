"""Train the fully connected network of the examples, 64-32-32-10, and write it as ONNX."""

from __future__ import annotations

import sys
from pathlib import Path

from digits_training import main, seed
from torch import nn


def build() -> nn.Sequential:
    """Rows (N, 64) to logits (N, 10)."""
    return nn.Sequential(
        *(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU()),
        *(nn.Linear(32, 32), nn.BatchNorm1d(32), nn.ReLU()),
        nn.Linear(32, 10),
    )


if __name__ == "__main__":
    seed()
    sys.exit(main(build(), (64,), Path(__file__).with_name("digits_mlp.onnx"), __doc__ or ""))
