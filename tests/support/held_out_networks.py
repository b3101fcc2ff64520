"""Networks on which nothing was tuned: a depthwise CNN, a 1-D CNN, an LSTM and an MLP-mixer, from PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def mobilenet(width: int = 32, classes: int = 100) -> nn.Module:
    """MobileNet's depthwise and pointwise convolutions (Howard et al. 2017), six pairs behind a strided stem."""

    def pair(n_in: int, n_out: int, stride: int) -> list[nn.Module]:
        return [
            nn.Conv2d(n_in, n_in, 3, stride, 1, groups=n_in, bias=False), nn.BatchNorm2d(n_in), nn.ReLU6(),
            nn.Conv2d(n_in, n_out, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU6(),
        ]  # fmt: skip

    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU6()]
    channels = width
    for wider, stride in ((2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2)):
        layers += pair(channels, wider * width, stride)
        channels = wider * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def conv1d(channels: int = 64, classes: int = 12) -> nn.Module:
    """A 1-D CNN over time (batch, 9, length), as for accelerometers and audio."""
    return nn.Sequential(
        nn.Conv1d(9, channels, 9, 2, 4), nn.ReLU(), nn.Conv1d(channels, channels, 5, 1, 2), nn.ReLU(),
        nn.MaxPool1d(2), nn.Conv1d(channels, 2 * channels, 3, 1, 1), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(),
        nn.Linear(2 * channels, classes),
    )  # fmt: skip


class Recurrent(nn.Module):
    """Two LSTM layers over (batch, steps, features), and a classifier of the last step."""

    def __init__(self, features: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, hidden, num_layers=2, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.head(self.lstm(x)[0][:, -1])
        return result


class Mixer(nn.Module):
    """One layer of an MLP-mixer (Tolstikhin et al. 2021): an MLP over patches, and one over channels."""

    def __init__(self, patches: int, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.tokens = nn.Sequential(nn.Linear(patches, 2 * patches), nn.GELU(), nn.Linear(2 * patches, patches))
        self.channels = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        result: Tensor = x + self.channels(self.norm2(x))
        return result


def mixer(patches: int = 64, width: int = 128, layers: int = 4, classes: int = 10) -> nn.Module:
    """Mixer layers over (batch, patches, width), and a classifier of the mean."""

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(*(Mixer(patches, width) for _ in range(layers)), nn.LayerNorm(width))
            self.head = nn.Linear(width, classes)

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.head(torch.mean(self.body(x), 1))
            return result

    return Whole()
