"""Random layers that multiply by weights or by one another: Dense, EinsumDense, Einsum, Dot."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from random_drawing import Drawing


class Products(Drawing):
    """Each method adds a layer behind `behind` and returns its name."""

    def weights(self, *shape: int) -> NDArray[np.float64]:
        """In steps of 1/64, so that what da4ml multiplies by, which hls4ml does not quantise, stays narrow."""
        return np.asarray(np.round(self.random.normal(size=shape) * 64) / 64)

    def product_types(self) -> dict[str, str]:
        return {"weight": self.type(), "bias": self.type(), "accum": self.accumulator()}

    def dense(self, behind: str, n_out: int, strategy: str = "") -> str:
        *outer, n_in = self.shapes[behind]
        name = self.add(
            "Dense",
            [behind],
            (*outer, n_out),
            self.product_types(),
            n_in=n_in,
            n_out=n_out,
            weight_data=self.weights(n_in, n_out),
            bias_data=self.weights(n_out),
            use_bias=True,
        )
        self.multiply(name, n_in, n_out, strategy, window=bool(outer))
        return name

    def multiply(self, name: str, n_in: int, n_out: int, strategy: str = "", *, window: bool = False) -> None:
        """Strategy `strategy`, or any, with a reuse factor that is valid for it."""
        choices = ["Resource", "Latency", "Resource_unrolled"]
        strategy = strategy or str(self.random.choice(choices[:2] if window else choices))
        valid = [
            factor
            for factor in range(1, n_in * n_out + 1)
            if (n_in * n_out) % factor == 0 and (factor % n_in == 0 or factor < n_in)
        ]
        valid = [f for f in valid if f >= n_in or -(-n_in * n_out // f) % n_out == 0]
        if window and self.io == "io_parallel":
            valid = [factor for factor in valid if factor <= n_in]  # beyond, hls4ml reads out of bounds
        factor = int(self.random.choice(valid)) if strategy.startswith("Resource") else 1
        self.config[name] |= {"Strategy": strategy, "ReuseFactor": factor}

    def einsum(self, first: str, second: str, equation: str, shape: tuple[int, ...]) -> str:
        return self.add(
            "Einsum",
            [first, second],
            shape,
            {"accum": self.type(10, 30)},
            equation=equation,
            inp0_shape=self.shapes[first],
            inp1_shape=self.shapes[second],
            out_shape=shape,
        )

    def einsum_dense(
        self, behind: str, equation: str, kernel: tuple[int, ...], shape: tuple[int, ...], strategy: str = "latency"
    ) -> str:
        name = self.add(
            "EinsumDense",
            [behind],
            shape,
            self.product_types(),
            equation=equation,
            inp_shape=self.shapes[behind],
            out_shape=shape,
            weight_data=self.weights(*kernel),
            bias_data=self.weights(*shape),
        )
        self.config[name]["Strategy"] = strategy
        return name

    def dot(self, first: str, second: str) -> str:
        return self.add("Dot", [first, second], (1,), {"accum": self.type(8, 30)}, op="dot1d", axes=1)


def distributed_arithmetic(otherwise: str) -> str:
    """The strategy of that name where da4ml is installed, which hls4ml needs for it."""
    return "distributed_arithmetic" if find_spec("da4ml") else otherwise
