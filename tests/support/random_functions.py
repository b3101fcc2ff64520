"""Random layers that are functions of single values, of pairs of them, or of all along an axis."""

from __future__ import annotations

from math import prod

from random_drawing import Drawing


class Functions(Drawing):
    """Each method adds a layer behind `behind` and returns its name."""

    def activation(self, behind: str, name: str) -> str:
        shape = self.shapes[behind]
        name = self.add("Activation", [behind], shape, {}, activation=name, n_in=prod(shape))
        self.config[name]["table_t"] = self.type(8, 18)
        return name

    def leaky(self, behind: str, kind: str, name: str) -> str:
        shape, parameter = self.shapes[behind], float(self.random.uniform(0.1, 1))
        types = {"param": self.type(6, 12)}
        return self.add(kind, [behind], shape, types, activation=name, activ_param=parameter, n_in=prod(shape))

    def prelu(self, behind: str) -> str:
        shape = self.shapes[behind]
        slopes = self.random.normal(size=shape)
        types = {"param": self.type()}
        return self.add("PReLU", [behind], shape, types, activation="prelu", n_in=prod(shape), param_data=slopes)

    def hard_activation(self, behind: str, activation: str) -> str:
        shape, slope = self.shapes[behind], float(self.random.uniform(0.1, 0.5))
        said = {"activation": activation, "n_in": prod(shape), "slope": slope, "shift": 0.5}
        return self.add("HardActivation", [behind], shape, {}, **said)

    def batch_normalization(self, behind: str, *, every: bool = False) -> str:
        """One scale a channel, or, with `every`, one a value."""
        shape = self.shapes[behind]
        count = prod(shape) if every else shape[-1]
        return self.add(
            "BatchNormalization",
            [behind],
            shape,
            {"scale": self.type(), "bias": self.type()},
            n_in=prod(shape),
            n_filt=-1 if every else shape[-1],
            scale_data=self.random.normal(size=count),
            bias_data=self.random.normal(size=count),
            use_gamma=True,
            use_beta=True,
        )

    def softmax(self, behind: str, implementation: str, axis: int = -1) -> str:
        """Of an input; hls4ml sizes its tables by that one's width, and widths differ from 10 up."""
        shape = self.shapes[behind]
        odd, self.odd = self.odd, False
        self.config[behind]["Precision"]["result"] = self.type(11, 16)
        name = self.add("Softmax", [behind], shape, {}, activation="softmax", axis=-1, n_in=prod(shape))
        self.odd = odd
        inner = prod(shape[axis % len(shape) + 1 :])
        outer = prod(shape[: axis % len(shape)])
        self.layers[-1] |= {"implementation": implementation, "n_outer": outer, "n_inner": inner}
        if implementation in ("stable", "latency") and self.random.random() < 0.5:
            self.config[name] |= {"exp_table_t": "ufixed<17,1,RND,SAT>", "inv_inp_t": "ufixed<14,4,TRN,SAT>"}
        return name

    def layer_normalization(self, behind: str) -> str:
        *outer, size = self.shapes[behind]
        accumulator = self.type(14, 20, wrap=bool(self.random.random() < 0.5)).replace("ufixed", "fixed")
        name = self.add(
            "LayerNormalization",
            [behind],
            (*outer, size),
            {"scale": self.type(), "bias": self.type(), "accum": accumulator},
            n_in=prod(outer) * size,
            seq_len=prod(outer),
            axis=2,
            epsilon_power_of_10=self.integer(2, 4),
            gamma_data=self.random.normal(size=size),
            beta_data=self.random.normal(size=size),
        )
        self.config[name] |= {"table_t": self.type(8, 18), "table_range_power2": self.integer(0, 2)}
        return name

    def merge(self, first: str, second: str, operation: str) -> str:
        shapes = [self.shapes[name] for name in (first, second)]
        return self.add("Merge", [first, second], max(shapes, key=prod), {}, op=operation)

    def concatenate(self, first: str, second: str, axis: int) -> str:
        """`axis` counts without the batch, which hls4ml's begins with."""
        shape = list(self.shapes[first])
        shape[axis] += self.shapes[second][axis]
        operation = f"concatenate{len(shape)}d"
        return self.add("Concatenate", [first, second], tuple(shape), {}, op=operation, axis=axis + 1)

    def embedding(self, behind: str, size: int) -> str:
        """With a row for each of 16 indices."""
        (count,) = self.shapes[behind]
        table = self.random.normal(size=(16, size))
        said = {"n_in": count, "n_out": size, "vocab_size": 16, "embeddings_data": table}
        return self.add("Embedding", [behind], (count, size), {"embeddings": self.type()}, **said)

    def reshape(self, behind: str, *shape: int) -> str:
        name = self.add("Reshape", [behind], shape, {}, target_shape=list(shape))
        del self.config[name]
        return name

    def transpose(self, behind: str, *order: int) -> str:
        shape = tuple(self.shapes[behind][axis] for axis in order)
        return self.add("Transpose", [behind], shape, {}, perm=list(order))
