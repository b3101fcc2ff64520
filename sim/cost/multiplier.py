"""Arrays of products by strategy: the one door through which layers ask for multipliers and adders."""

from __future__ import annotations

from weft.boards.errors import InputError, WeftError
from weft.hls.design import Layer, Weight
from weft.hls.precision import FixedType
from weft.sim.cost.constants import signed_digits
from weft.sim.cost.distributed import distributed_products
from weft.sim.cost.dsp import dsps_per_product
from weft.sim.cost.model import Context
from weft.sim.cost.reading import reuse
from weft.sim.cost.shared import shared_products
from weft.sim.cost.timing import Products
from weft.sim.cost.unrolled import unrolled_products

__all__ = ["Products", "dsps_per_product", "products", "signed_digits", "weight_of"]


def weight_of(layer: Layer, name: str = "weight") -> Weight:
    """A layer's constant. Raises InputError if the design lacks it."""
    if name not in layer.weights:
        raise InputError(f"layer {layer.name} ({layer.kind}) has no weight {name!r}: the design is damaged")
    return layer.weights[name]


def products(layer: Layer, weight: Weight, data: FixedType, n_in: int, n_out: int, context: Context) -> Products:
    """`n_in` values times `weight`, summed into `n_out` values, by the layer's strategy and reuse factor.

    `weight.raw` holds every product's constant (n_in * n_out of them, or fewer where outputs see part of the input).
    """
    strategy = layer.strategy.lower()
    if strategy == "distributed_arithmetic":
        return distributed_products(layer, weight, data, n_out, context)
    if strategy not in ("latency", "resource", "resource_unrolled"):
        raise WeftError(
            f"layer {layer.name}: strategy {layer.strategy!r} has no cost model: "
            "use latency, resource, resource_unrolled or distributed_arithmetic"
        )
    if strategy == "latency" or reuse(layer) == 1:  # Resource at reuse 1 behaves like Latency (FACTS, section 2)
        return unrolled_products(layer, weight, data, n_out, context)
    return shared_products(layer, weight, data, n_in, n_out, context)
