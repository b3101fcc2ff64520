"""A limit to the work of a simulation, so that a stranger's design ends: counted, and so the same on every machine."""

from __future__ import annotations

from dataclasses import dataclass

from weft.boards.errors import TooLongError

#: A visit takes as long as solving that many iterations (5 us and 0.05 us each, on 2 cores of an x86-64 server).
_VISIT = 100


@dataclass
class Budget:
    """Iterations of layers that may still be solved (some 20 million a second); None is without a limit."""

    left: int | None = None

    def visit(self, iterations: int = 0) -> None:
        """Take what one visit of a process costs, in which that many of its iterations are solved."""
        self.spend(_VISIT + iterations)

    def spend(self, iterations: int) -> None:
        """Take from what is left. Raises TooLongError where it is not enough."""
        if self.left is not None:
            self.left -= iterations
            if self.left < 0:
                raise TooLongError("the design is too large to be simulated event by event within the limit given")
