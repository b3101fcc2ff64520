"""Faults that a virtual board shows on purpose, so that what a program does about them can be tested.

    board = VirtualBoard("pynq-z2", faults=[Fault("dma_timeout", after=2)])   # the third run never ends

| kind             | occasion         | what a program sees                                                          |
|------------------|------------------|------------------------------------------------------------------------------|
| dma_timeout      | start of a run   | the network takes no start, so the DMAs stay busy for ever                    |
| wrong_bitstream  | start of a run   | another bitstream is in the fabric, as another program would have loaded it   |
| memory_exhausted | allocation       | no contiguous memory (CMA) is free                                            |
| channel_broken   | remote procedure | the connection is cut (UNAVAILABLE); the next call may make a new one         |
| board_silent     | remote procedure | no answer, ever, as when a cable is pulled                                    |
| board_gone       | remote procedure | the board goes off: connections are refused until it is stopped and started   |
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal, get_args

from weft.boards.errors import InputError

Kind = Literal["dma_timeout", "wrong_bitstream", "memory_exhausted", "channel_broken", "board_silent", "board_gone"]
CALLS: tuple[Kind, ...] = ("board_gone", "board_silent", "channel_broken")  # whose occasion is a remote procedure


@dataclass(frozen=True)
class Fault:
    """One fault: `after` occasions go well, then it strikes `times` times (None: at every further occasion).

    Raises InputError for a kind that does not exist and for counts that are none.
    """

    kind: Kind
    after: int = 0
    times: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InputError(f"there is no fault {self.kind!r}: take one of {', '.join(get_args(Kind))}")
        if self.after < 0 or (self.times is not None and self.times < 1):
            raise InputError(f"fault {self.kind} strikes {self.times} times after {self.after} occasions: count from 0")


class Faults:
    """The faults of one board, and how many occasions each has seen. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._seen: list[int] = []

    def add(self, fault: Fault) -> None:
        """Have `fault`, counting occasions from now."""
        with self._lock:
            self._faults.append(fault)
            self._seen.append(0)

    def strikes(self, kind: Kind) -> bool:
        """Count an occasion for every fault of `kind`; returns whether one of them strikes now."""
        struck = False
        with self._lock:
            for place, fault in enumerate(self._faults):
                if fault.kind == kind:
                    turn, self._seen[place] = self._seen[place] - fault.after, self._seen[place] + 1
                    struck |= turn >= 0 and (fault.times is None or turn < fault.times)
        return struck
