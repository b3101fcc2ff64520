"""Train the convolutional network of the examples, 1-8-16-64-32-10, and write it as ONNX."""

from __future__ import annotations

import sys
from pathlib import Path

from digits_training import main, seed
from torch import nn


def build() -> nn.Sequential:
    """Images (N, 1, 8, 8) to logits (N, 10)."""
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),  # (N, 8, 4, 4)
        *(nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),  # (N, 16, 2, 2)
        *(nn.Flatten(), nn.Linear(64, 32), nn.ReLU()),
        nn.Linear(32, 10),
    )


if __name__ == "__main__":
    seed()
    sys.exit(main(build(), (1, 8, 8), Path(__file__).with_name("digits_cnn.onnx"), __doc__ or ""))
