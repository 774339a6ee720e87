"""W3C trace context: reading it from headers, and passing the current one on, with or without an exporter."""

import os
import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Final

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

Headers = Mapping[str, str]
"""`traceparent` and `tracestate`, as HTTP or AMQP headers."""
W3C: Final = TraceContextTextMapPropagator()
PROPAGATED: Final[ContextVar[Headers | None]] = ContextVar("propagated trace headers", default=None)
"""The current context where no spans are made."""
_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def context_in(headers: Headers | None) -> Headers | None:
    """The trace context in headers, without any other header; None when there is none, or an invalid one."""
    if not headers or _TRACEPARENT.fullmatch(headers.get("traceparent", "")) is None:
        return None
    return {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}


def trace_headers() -> dict[str, str]:
    """The W3C headers that propagate the current trace."""
    if (propagated := PROPAGATED.get()) is not None:
        return dict(propagated)
    headers: dict[str, str] = {}
    W3C.inject(headers)
    return headers


def current_trace_id() -> str | None:
    """The id of the current trace, in hexadecimal, for logs; None outside of a trace."""
    if (propagated := PROPAGATED.get()) is not None:
        return propagated["traceparent"].split("-")[1]
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def new_context() -> Headers:
    """A new trace that is not sampled."""
    return {"traceparent": f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-00"}
