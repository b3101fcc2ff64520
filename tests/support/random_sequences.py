"""Random layers that keep a state over time."""

from __future__ import annotations

from typing import Any

from random_drawing import OVERFLOWS, ROUNDINGS, Drawing


class Sequences(Drawing):
    """Each method adds a layer behind `behind` and returns its name."""

    def recurrent(self, behind: str, kind: str, size: int, *states: str, activation: str = "tanh") -> str:
        """With its whole sequence or the last of it. `states`, initial ones, are inputs of `size` values."""
        steps, n_in = self.shapes[behind]
        sequences = bool(self.random.random() < 0.5)
        gates = 4 if kind == "LSTM" else 3
        weights = ("weight", "recurrent_weight", "bias", "recurrent_bias")
        types = {key: f"fixed<{self.integer(4, 12)},{self.integer(1, 4)}>" for key in weights}
        modes = f"{self.random.choice(ROUNDINGS)},{self.random.choice(OVERFLOWS[:3])}"
        accumulator = f"fixed<{self.integer(12, 40)},{self.integer(4, 8)},{modes}>"
        if states:  # then nnet_recurrent.h takes both kinds of weights in one type
            types |= {f"recurrent_{key}": types[key] for key in ("weight", "bias")}
        same = [behind, *states] if kind == "LSTM" else states
        for name in same:  # nnet::lstm compiles only where input, states, result and accumulator are one type
            self.config[name]["Precision"]["result"] = accumulator
        name = self.add(
            kind,
            [behind, *states],
            (steps, size) if sequences else (size,),
            types | {"accum": accumulator},
            n_in=n_in,
            n_out=size,
            n_timesteps=steps,
            activation=activation,
            recurrent_activation=str(self.random.choice(["sigmoid", "tanh", "relu"])),
            return_sequences=sequences,
            return_state=False,
            pass_initial_states=bool(states),
            time_major=False,
            pytorch=bool(self.random.random() < 0.5),
            weight_data=self.random.normal(size=(n_in, gates * size)),
            recurrent_weight_data=self.random.normal(size=(size, gates * size)),
            bias_data=self.random.normal(size=gates * size),
            recurrent_bias_data=self.random.normal(size=gates * size),
        )
        if kind == "GRU":
            self.layers[-1]["apply_reset_gate"] = "after"
        if kind == "LSTM" or states:
            self.config[name]["Precision"]["result"] = accumulator
        self.config[name] |= {"table_t": self.type(8, 18), "static": bool(self.random.random() < 0.5)}
        self.config[name]["Strategy"] = str(self.random.choice(["Resource", "Latency"]))
        return name

    def bidirectional(self, behind: str, kinds: tuple[str, str], size: int, *, sequences: bool) -> str:
        steps, n_in = self.shapes[behind]
        types = {"accum": f"fixed<{self.integer(12, 28)},{self.integer(4, 8)}>"}
        rest: dict[str, Any] = {}
        for way, kind in zip(("forward", "backward"), kinds, strict=True):
            gates = 4 if kind == "LSTM" else 3
            shapes = {"weight": (n_in, gates * size), "recurrent_weight": (size, gates * size)}
            for key in ("weight", "recurrent_weight", "bias", "recurrent_bias"):
                types[f"{way}_{key}"] = f"fixed<{self.integer(4, 12)},{self.integer(1, 4)}>"
                rest[f"{way}_{key}_data"] = self.random.normal(size=shapes.get(key, (gates * size,)))
            rest |= {f"{way}_class_name": kind, f"{way}_n_states": size, f"{way}_activation": "tanh"}
            rest[f"{way}_recurrent_activation"] = "sigmoid"
        name = self.add(
            "Bidirectional",
            [behind],
            (steps, 2 * size) if sequences else (2 * size,),
            types,
            n_in=n_in,
            n_out=2 * size,
            n_timesteps=steps,
            merge_mode="concat",
            return_sequences=sequences,
            return_state=False,
            time_major=False,
            **rest,
        )
        self.config[name]["Strategy"] = "Resource" if sequences else "Latency"
        return name
