"""Remote procedures that fail on purpose: the connection's share of `weft.sim.faults`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from weft.sim.faults import CALLS, Faults, Kind


def fault_interceptor(grpc: Any, faults: Faults, switch_off: Callable[[], object], stopped: threading.Event) -> Any:
    """A gRPC server interceptor that lets calls fail as `faults` say.

    `switch_off` stops the server; calls that are never answered wait until `stopped` is set.
    """

    def fail(kind: Kind, context: Any) -> Any:
        if kind == "board_silent":
            stopped.wait()
        if kind == "board_gone":
            switch_off()
        return context.abort(grpc.StatusCode.UNAVAILABLE, f"Socket closed (injected fault {kind})")

    class Interceptor(grpc.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
        def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
            handler = continuation(details)
            struck: list[Kind] = [kind for kind in CALLS if faults.strikes(kind)]
            if not struck or handler is None:
                return handler
            ways = ("unary", "stream")
            name = f"{ways[handler.request_streaming]}_{ways[handler.response_streaming]}"
            return handler._replace(**{name: lambda _request, context: fail(struck[0], context)})

    return Interceptor()
