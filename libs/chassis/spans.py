"""Spans across services, by OpenTelemetry's semantic conventions; they contain no personal data.

Only this module, `trace_context` and `span_export` import opentelemetry. Without an exporter no span is made, at a
tenth of a span's cost; trace ids are propagated all the same, since logs show them. A trace context from outside is a
link and never a parent: it decides neither the trace's id nor whether it is sampled.
"""

from collections.abc import Mapping, Sequence
from contextvars import Token
from types import TracebackType
from typing import Final, Protocol, Self

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from libs.chassis.span_attributes import ERROR_TYPE, METHOD, ROUTE, Attributes, allowed, method_from
from libs.chassis.trace_context import PROPAGATED, W3C, Headers, context_in, new_context

Kind = SpanKind


class Span(Protocol):
    """A step of a trace, used as a context manager; an exception that leaves the block fails it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

    def set(self, attributes: Attributes) -> None:
        """Set attributes; those that are not on the list of `span_attributes` are dropped."""

    def fail(self, error_type: str) -> None:
        """Mark the span as failed: a server error, a dead letter, an unknown outcome."""


class _Tracer:
    """The tracer of the configured exporter; None without one."""

    current: trace.Tracer | None = None


def use_tracer(tracer: trace.Tracer | None) -> None:
    """Make spans with `tracer` from now on; without one, only propagate trace ids."""
    _Tracer.current = tracer


def is_exporting() -> bool:
    """True when spans are made."""
    return _Tracer.current is not None


class _PropagatedSpan:
    """A span that is not exported: propagates the parent's context, the current one or a new one."""

    __slots__ = ("_headers", "_token")

    def __init__(self, parent: Headers | None) -> None:
        self._headers = context_in(parent) or PROPAGATED.get() or new_context()

    def __enter__(self) -> Self:
        self._token = PROPAGATED.set(self._headers)
        return self

    def __exit__(self, *_: object) -> None:
        PROPAGATED.reset(self._token)

    def set(self, attributes: Attributes) -> None:
        """Nothing is kept."""

    def fail(self, error_type: str) -> None:
        """Nothing is kept."""


class _NoSpan:
    """Stands for a span where nothing is exported and nothing is to be propagated."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing ends."""

    def set(self, attributes: Attributes) -> None:
        """Nothing is kept."""

    def fail(self, error_type: str) -> None:
        """Nothing is kept."""


NO_SPAN: Final[Span] = _NoSpan()


class _ExportedSpan:
    """A span that is exported when it is sampled."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def __enter__(self) -> Self:
        self._token: Token[Context] = context_api.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, _: TracebackType | None, /
    ) -> None:
        if kind is not None and issubclass(kind, Exception):
            code = getattr(failure, "code", None)
            self.fail(kind.__name__ if code is None else str(code))
        self._span.end()
        context_api.detach(self._token)

    def set(self, attributes: Attributes) -> None:
        """As `Span.set`."""
        self._span.set_attributes(allowed(attributes))

    def fail(self, error_type: str) -> None:
        """As `Span.fail`."""
        _fail(self._span, error_type)


def span(
    name: str,
    kind: Kind = Kind.INTERNAL,
    *,
    parent: Headers | None = None,
    links: Sequence[tuple[Headers, Attributes]] = (),
    attributes: Attributes | None = None,
) -> Span:
    """A new span under `parent`, or else under the current one; `links` are contexts with attributes of their own."""
    tracer = _Tracer.current
    if tracer is None:
        return _PropagatedSpan(parent)
    known = context_in(parent)
    made = tracer.start_span(
        name,
        context=None if known is None else W3C.extract(known),
        kind=kind,
        attributes=allowed(attributes or {}),
        links=[link for headers, about in links if (link := _link(headers, about)) is not None],
        record_exception=False,
        set_status_on_exception=False,
    )
    return _ExportedSpan(made)


def server_span(method: str, route: str, headers: Mapping[str, str]) -> Span:
    """The span of an HTTP request; the caller's own trace context becomes a link."""
    known = method_from(method)
    links: list[tuple[Headers, Attributes]] = [(headers, {})] if "traceparent" in headers and is_exporting() else []
    return span(f"{known} {route}", Kind.SERVER, links=links, attributes={METHOD: known, ROUTE: route})


def annotate(attributes: Attributes) -> None:
    """Set attributes of the current span; as `Span.set`."""
    if _Tracer.current is not None:
        trace.get_current_span().set_attributes(allowed(attributes))


def annotate_call(attributes: Attributes, *, name: str | None = None) -> None:
    """Set attributes of the current CLIENT span, and rename it; other spans stay as they are."""
    current = trace.get_current_span()
    if _Tracer.current is not None and getattr(current, "kind", None) is Kind.CLIENT:
        current.set_attributes(allowed(attributes))
        if name is not None:
            current.update_name(name)


def fail_current(error_type: str) -> None:
    """Mark the current span as failed; as `Span.fail`."""
    if _Tracer.current is not None:
        _fail(trace.get_current_span(), error_type)


def _fail(failed: trace.Span, error_type: str) -> None:
    failed.set_attributes(allowed({ERROR_TYPE: error_type}))
    failed.set_status(Status(StatusCode.ERROR))


def exemplar() -> dict[str, str] | None:
    """The current trace as an exemplar of a metric; None unless the trace is exported."""
    if _Tracer.current is None:
        return None
    context = trace.get_current_span().get_span_context()
    return {"trace_id": f"{context.trace_id:032x}"} if context.is_valid and context.trace_flags.sampled else None


def _link(headers: Headers, about: Attributes) -> Link | None:
    known = context_in(headers)
    if known is None:
        return None
    context = trace.get_current_span(W3C.extract(known, Context())).get_span_context()
    return Link(context, allowed(about)) if context.is_valid else None
