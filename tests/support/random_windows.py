"""Random layers that look at windows of an image (H, W, C) or of a sequence (W, C), or take parts of them away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from random_products import Products

_AXES = (("height", "top", "bottom"), ("width", "left", "right"))


class Windows(Products):
    """Each method adds a layer behind `behind` and returns its name."""

    def frame(
        self, behind: str, kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int], prefix: str = "filt"
    ) -> tuple[tuple[int, ...], dict[str, Any]]:
        """The extents of what windows of `kernel` give, and what hls4ml's layers say of them."""
        *extents, channels = self.shapes[behind]
        out = [
            (extent + 2 * pad - size) // stride + 1
            for extent, size, stride, pad in zip(extents, kernel, strides, pads, strict=True)
        ]
        said: dict[str, Any] = {"n_chan": channels, "data_format": "channels_last"}
        said["padding"] = "same" if any(pads) else "valid"
        rows = zip(_AXES[2 - len(extents) :], extents, out, kernel, strides, pads, strict=True)
        for (axis, low, high), extent, after, size, stride, pad in rows:
            said |= {f"in_{axis}": extent, f"out_{axis}": after, f"{prefix}_{axis}": size, f"stride_{axis}": stride}
            said |= {f"pad_{low}": pad, f"pad_{high}": pad}
        return tuple(out), said

    def conv(
        self, behind: str, filters: int, kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int],
        strategy: str = "",
    ) -> str:  # fmt: skip
        extents, said = self.frame(behind, kernel, strides, pads)
        channels = said["n_chan"]
        name = self.add(
            f"Conv{len(kernel)}D",
            [behind],
            (*extents, filters),
            self.product_types(),
            **said,
            n_filt=filters,
            weight_data=self.weights(*kernel, channels, filters),
            bias_data=self.weights(filters),
            use_bias=True,
        )
        size = channels
        for extent in kernel:
            size *= extent
        self.multiply(name, size, filters, strategy, window=True)
        return name

    def depthwise(self, behind: str, kernel: Sequence[int]) -> str:
        extents, said = self.frame(behind, kernel, [1] * len(kernel), [0] * len(kernel))
        channels = said["n_chan"]
        name = self.add(
            f"DepthwiseConv{len(kernel)}D",
            [behind],
            (*extents, channels),
            self.product_types(),
            **said,
            n_filt=channels,
            depth_multiplier=1,
            depthwise_data=self.weights(*kernel, channels, 1),
            bias_data=self.weights(channels),
            use_bias=True,
        )
        if self.io == "io_stream" and self.random.random() < 0.7:  # hls4ml has no parallel one
            size = channels
            for extent in kernel:
                size *= extent
            factor = int(self.random.choice([factor for factor in range(1, size + 1) if size % factor == 0]))
            self.config[name] |= {"Strategy": "Resource", "ReuseFactor": factor}
        return name

    def separable(self, behind: str, filters: int, kernel: Sequence[int]) -> str:
        extents, said = self.frame(behind, kernel, [1] * len(kernel), [0] * len(kernel))
        types = {name: self.type() for name in ("depthwise", "pointwise", "bias", "depthwise_result")}
        types |= {f"{name}_accum": self.accumulator() for name in ("depthwise", "pointwise")}
        dilation = {f"dilation_{axis}": 1 for axis, _, _ in _AXES[2 - len(kernel) :]}
        return self.add(
            f"SeparableConv{len(kernel)}D",
            [behind],
            (*extents, filters),
            types,
            **said,
            **dilation,
            n_filt=filters,
            depth_multiplier=1,
            depthwise_data=self.weights(*kernel, said["n_chan"], 1),
            pointwise_data=self.weights(*[1] * len(kernel), said["n_chan"], filters),
            bias_data=self.weights(filters),
            use_bias=True,
        )

    def pool(
        self, behind: str, operation: str, size: Sequence[int], strides: Sequence[int], pads: Sequence[int]
    ) -> str:
        extents, said = self.frame(behind, size, strides, pads, "pool")
        channels = said.pop("n_chan")
        if len(size) == 1:
            said |= {"n_in": said["in_width"], "n_out": said["out_width"]}
        return self.add(
            f"{operation}Pooling{len(size)}D",
            [behind],
            (*extents, channels),
            {"accum": self.accumulator()},
            **said,
            n_filt=channels,
            count_pad=bool(self.random.random() < 0.5),
        )

    def global_pool(self, behind: str, operation: str) -> str:
        *extents, channels = self.shapes[behind]
        said = {f"in_{axis}": extent for (axis, _, _), extent in zip(_AXES[2 - len(extents) :], extents, strict=True)}
        return self.add(
            f"Global{operation}Pooling{len(extents)}D",
            [behind],
            (channels,),
            {"accum": self.accumulator()},
            **said,
            n_in=extents[-1],
            n_filt=channels,
            data_format="channels_last",
        )

    def crop(self, behind: str) -> str:
        """One row or column off each side."""
        *extents, channels = self.shapes[behind]
        said: dict[str, Any] = {"n_chan": channels, "data_format": "channels_last"}
        for (axis, low, high), extent in zip(_AXES[2 - len(extents) :], extents, strict=True):
            said |= {f"crop_{low}": 1, f"crop_{high}": 1, f"in_{axis}": extent, f"out_{axis}": extent - 2}
        shape = (*(extent - 2 for extent in extents), channels)
        return self.add(f"Cropping{len(extents)}D", [behind], shape, {}, **said)

    def zero_padding(self, behind: str) -> str:
        *extents, channels = self.shapes[behind]
        said: dict[str, Any] = {"n_chan": channels, "data_format": "channels_last"}
        out = []
        for (axis, low, high), extent in zip(_AXES[2 - len(extents) :], extents, strict=True):
            before, after = self.integer(0, 2), self.integer(0, 2)
            out.append(extent + before + after)
            said |= {f"pad_{low}": before, f"pad_{high}": after, f"in_{axis}": extent, f"out_{axis}": out[-1]}
        return self.add(f"ZeroPadding{len(extents)}D", [behind], (*out, channels), {}, **said)

    def resize(self, behind: str) -> str:
        """By nearest neighbour; by whole factors in io_stream."""
        *extents, channels = self.shapes[behind]
        out = [extent * self.integer(1, 3) for extent in extents]
        if self.io == "io_parallel" and self.random.random() < 0.7:
            out = [self.integer(1, 3 * extent) for extent in extents]
        said: dict[str, Any] = {"n_chan": channels, "data_format": "channels_last", "algorithm": "nearest"}
        for (axis, _, _), old, new in zip(_AXES, [1, *extents][-2:], [1, *out][-2:], strict=True):
            said |= {f"in_{axis}": old, f"out_{axis}": new}
        return self.add("Resize", [behind], (*out, channels), {}, **said)
