"""How matrix products are cut into work-groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_ITEMS_PER_UNIT = 4  # work-items each compute unit should get at least, so that none waits for the last one


@dataclass(frozen=True)
class StripTile:
    """kernels/gemm_strip.cl.j2: `tile` rows of `vectors` x 8 columns in registers, `depth` rows of b copied at once."""

    tile: int
    vectors: int
    depth: int

    template = "gemm_strip.cl.j2"

    @property
    def columns(self) -> int:
        """Columns of one work-group."""
        return 8 * self.vectors

    @property
    def parameters(self) -> dict[str, Any]:
        """What the template takes."""
        return {"tile": self.tile, "vectors": self.vectors, "depth": self.depth}

    def rows(self, m: int, n: int, batch: int, units: int) -> int:
        """Rows of one work-group: all, unless that leaves compute units without work."""
        strips = max(-(-n // self.columns) * batch, 1)
        parts = max(1, min(-(-_ITEMS_PER_UNIT * units // strips), -(-m // self.tile)))
        return max(-(-m // parts // self.tile) * self.tile, self.tile)


@dataclass(frozen=True)
class SquareTile:
    """kernels/gemm_tile.cl.j2: 16 x 16 work-items with `side` x `side` results each."""

    side: int

    template = "gemm_tile.cl.j2"

    @property
    def columns(self) -> int:
        """Columns of one work-group."""
        return 16 * self.side

    @property
    def parameters(self) -> dict[str, Any]:
        """What the template takes."""
        return {"side": self.side}

    def rows(self, m: int, n: int, batch: int, units: int) -> int:
        """Rows of one work-group."""
        return 16 * self.side


Tile = StripTile | SquareTile
