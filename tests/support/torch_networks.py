"""Networks of PyTorch's with random weights, exported as a user would: ResNet-18, BERT and an MLP, at any size."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True)
class Exported:
    """An ONNX file and feeds for it."""

    path: Path
    feeds: dict[str, NDArray[Any]]


class Block(nn.Module):
    """ResNet's basic block: two 3x3 convolutions, and a 1x1 one beside them where the shape changes (He et al.)."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False), nn.BatchNorm2d(n_out),
        )  # fmt: skip
        same = n_in == n_out and stride == 1
        self.skip = nn.Identity() if same else nn.Sequential(
            nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.main(x) + self.skip(x))


def resnet18(width: int = 64, classes: int = 1000) -> nn.Module:
    """ResNet-18: `width` channels in the first of four stages of two blocks."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
    ]  # fmt: skip
    channels = width
    for stage in range(4):
        wider = width << stage
        layers += [Block(channels, wider, 1 if stage == 0 else 2), Block(wider, wider, 1)]
        channels = wider
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


class Attention(nn.Module):
    """BERT's self-attention, written out (Devlin et al. 2018)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def split(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        return x.view(batch, length, self.heads, width // self.heads).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = query @ key.transpose(-1, -2) / (query.shape[-1] ** 0.5)
        mixed = torch.softmax(scores, -1) @ value
        result: Tensor = self.out(mixed.transpose(1, 2).reshape(x.shape))
        return result


class Encoder(nn.Module):
    """One layer of BERT."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention, self.norm1, self.norm2 = Attention(width, heads), nn.LayerNorm(width), nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.attention(x))
        result: Tensor = self.norm2(x + self.feed(x))
        return result


class Bert(nn.Module):
    """Token and position embeddings, encoders, and the pooler over the first token."""

    def __init__(self, layers: int, width: int, heads: int, vocabulary: int, longest: int = 512) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(longest, width)
        self.norm, self.pooler = nn.LayerNorm(width), nn.Linear(width, width)
        self.encoders = nn.Sequential(*(Encoder(width, heads) for _ in range(layers)))

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        places = torch.arange(ids.shape[1], device=ids.device)
        hidden = self.encoders(self.norm(self.tokens(ids) + self.positions(places)))
        return hidden, torch.tanh(self.pooler(hidden[:, 0]))


def bert(layers: int = 12, width: int = 768, heads: int = 12, vocabulary: int = 30522) -> nn.Module:
    """BERT-base by default."""
    return Bert(layers, width, heads, vocabulary)


def mlp(*sizes: int) -> nn.Module:
    """Dense layers with ReLU between them."""
    layers = [layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def exported(
    module: nn.Module, example: NDArray[Any], folder: Path, name: str, *, free_length: bool = False
) -> Exported:
    """Export with a free batch size (and sequence length); batch normalisation gets statistics that are not trivial."""
    torch.manual_seed(0)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.running_mean, 0, 0.1)  # type: ignore[arg-type]
    path = folder / f"{name}.onnx"
    axes = {0: "batch"} | ({1: "length"} if free_length else {})
    torch.onnx.export(
        module.eval(), (torch.from_numpy(example),), str(path), dynamo=False, opset_version=17,
        input_names=["x"], dynamic_axes={"x": axes},
    )  # fmt: skip
    return Exported(path, {"x": example})


def images(size: int, seed: int = 0) -> NDArray[np.float32]:
    """One random image (1, 3, size, size)."""
    return np.random.default_rng(seed).normal(size=(1, 3, size, size)).astype(np.float32)


def tokens(length: int, vocabulary: int = 30522, seed: int = 0) -> NDArray[np.int64]:
    """One random sentence (1, length)."""
    return np.random.default_rng(seed).integers(0, vocabulary, (1, length))
