"""Logs as JSON lines, and traces across services; neither contains personal data.

Only this module imports opentelemetry. Without an endpoint no trace is exported, and trace ids are still propagated.
"""

import logging
import os
import re
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar

import orjson
import structlog
from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from libs.chassis.failures import redact_exception

_URL_PASSWORD = re.compile(r"(\w+://)[^/\s]+@")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def _trace_ids(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if (propagated := _propagated.get()) is not None:
        line["trace_id"] = propagated["traceparent"].split("-")[1]
        return line
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        line["trace_id"] = f"{context.trace_id:032x}"
    return line


def _without_passwords(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for key, value in line.items():
        if isinstance(value, str) and "://" in value:
            line[key] = _URL_PASSWORD.sub(r"\1…@", value)
    return line


def configure_logging(service: str, replica: str, level: str = "info") -> None:
    """Write logs as JSON lines to standard output, warnings of libraries included."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _trace_ids,
        redact_exception,
        _without_passwords,
    ]
    render = structlog.processors.JSONRenderer(serializer=lambda line, **_: orjson.dumps(line, default=str).decode())
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=render, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    # They log whole messages at debug level, and addresses at warning level.
    for noisy in ("aio_pika", "aiormq"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    structlog.contextvars.bind_contextvars(service=service, replica=replica)


def configure_tracing(service: str, replica: str, *, endpoint: str | None, ratio: float) -> None:
    """Export the share `ratio` of traces to `endpoint`; without an endpoint only propagate trace ids."""
    if endpoint is None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 -- a tenth of a service's start-up time
        OTLPSpanExporter,
    )

    resource = Resource.create({"service.name": f"gateway-{service}", "service.instance.id": replica})
    provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(ratio)), resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
    trace.set_tracer_provider(provider)


def shutdown_tracing() -> None:
    """Export the buffered spans."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


_tracer = trace.get_tracer("gateway")
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_propagated: ContextVar[Mapping[str, str] | None] = ContextVar("propagated trace headers", default=None)


class _PropagatedSpan:
    """A span that is not exported: propagates the caller's context or a new one, at a tenth of a span's cost."""

    __slots__ = ("_headers", "_token")

    def __init__(self, carrier: Mapping[str, str] | None) -> None:
        self._headers = _context_of(carrier) or _propagated.get() or _new_context()

    def __enter__(self) -> None:
        self._token = _propagated.set(self._headers)

    def __exit__(self, *_: object) -> None:
        _propagated.reset(self._token)


def _context_of(carrier: Mapping[str, str] | None) -> Mapping[str, str] | None:
    if not carrier or _TRACEPARENT.fullmatch(carrier.get("traceparent", "")) is None:
        return None
    return {name: carrier[name] for name in ("traceparent", "tracestate") if name in carrier}


def _new_context() -> Mapping[str, str]:
    return {"traceparent": f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-00"}


def span(
    name: str, carrier: Mapping[str, str] | None = None, **attributes: str | int
) -> AbstractContextManager[object]:
    """A span; `carrier` holds the caller's W3C trace context (HTTP or AMQP headers)."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        return _PropagatedSpan(carrier)
    context = propagate.extract(dict(carrier)) if carrier and "traceparent" in carrier else None
    return _tracer.start_as_current_span(name, context=context, attributes=attributes, record_exception=False)


def trace_headers() -> dict[str, str]:
    """The W3C headers that propagate the current trace."""
    if (propagated := _propagated.get()) is not None:
        return dict(propagated)
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers


def logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A structured logger; log ids and codes, never bodies, addresses, phone numbers or secrets."""
    bound: structlog.typing.FilteringBoundLogger = structlog.get_logger(name)
    return bound
