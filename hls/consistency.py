"""Whether a design hangs together, whoever made it: order of its layers, reuse factors, FIFO depths."""

from __future__ import annotations

from weft.boards.errors import InputError
from weft.hls.design import Design, Layer

_SHOWN = 6  # layers of a circle in one sentence


def check_design(design: Design) -> None:
    """Raise InputError, which names the layer or tensor, for a design that cannot be built: layers in a circle or out
    of order, a tensor that nothing makes, a reuse factor that its products do not have, a FIFO without room."""
    check_order(design)
    for layer in design.layers:
        _check_reuse(layer)
    for tensor in design.tensors.values():
        if tensor.fifo_depth < 1:
            raise InputError(f"tensor {tensor.name} has FIFO depth {tensor.fifo_depth}: give it 1 or more")


def check_order(design: Design) -> None:
    """Raise InputError, which names the layers or the tensor, where a layer reads what none before it writes."""
    known: set[str] = set()
    for layer in design.layers:
        known.update(design.inputs if layer.kind == "Input" else ())
        for name in layer.inputs:
            if name not in known:
                raise InputError(_unordered(design, layer, name))
        known.update(layer.outputs)
    unknown = (known | set(design.outputs)) - (known & set(design.tensors))
    if unknown or not design.outputs:
        raise InputError(f"tensor {sorted(unknown)[0] if unknown else 'for the output'} of {design.name} is missing")


def _unordered(design: Design, layer: Layer, name: str) -> str:
    """Why a layer cannot read `name`: who waits for whom, followed back until a layer comes again."""
    makers = {output: other for other in design.layers for output in other.outputs}
    circle = {layer.name: None}  # a dict keeps the order
    maker = makers.get(name)
    while maker is not None and maker.name not in circle:
        circle[maker.name] = None
        maker = next((makers[source] for source in maker.inputs if source in makers), None)
    if maker is not None and maker.name == layer.name:
        names = list(circle)
        shown = names if len(names) <= _SHOWN else [*names[: _SHOWN - 1], "...", names[-1]]
        return f"design {design.name} has a cycle: {' reads '.join([*shown, layer.name])}: break it"
    return f"layer {layer.name} reads {name}, which no layer before it gives: put the layers in order"


def _check_reuse(layer: Layer) -> None:
    products = _products(layer)
    if layer.reuse_factor < 1:
        raise InputError(
            f"layer {layer.name} has reuse factor {layer.reuse_factor}: use 1 (everything in parallel) or more"
        )
    if products and layer.reuse_factor > products:
        raise InputError(
            f"layer {layer.name} has reuse factor {layer.reuse_factor} and only {products} products to share: "
            f"use {products} or less"
        )


def _products(layer: Layer) -> int:
    """Products that hls4ml counts when it checks a reuse factor (`get_valid_reuse_factors`: n_in x n_out, which for a
    depthwise kernel is the number of channels times what it multiplies); 0 for a layer that shares none."""
    weight = layer.weights.get("weight")
    if weight is None:
        return 0
    return weight.raw.size * (weight.raw.shape[-2] if layer.kind.startswith("Depthwise") else 1)
