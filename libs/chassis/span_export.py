"""Exports spans over OTLP/HTTP in the background. A collector that is away costs spans and nothing else.

The rule: what is dropped is counted, and logged once a minute at most.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from libs.chassis import metrics
from libs.chassis.clock import Monotonic, monotonic
from libs.chassis.spans import use_tracer
from libs.chassis.telemetry import logger
from libs.chassis.version import VERSION

log = logger(__name__)
QUEUE_SIZE: Final = 2_048
"""Spans that wait for the exporter; about 4 MB."""
EXPORT_SECONDS: Final = 5.0
"""How long one export may take, with its retries."""
WARNING_SECONDS: Final = 60.0
MAX_LINKS: Final = 1_024
NAMESPACE: Final = "whatsapp-gateway"
_Provider: list[TracerProvider] = []


class CountingExporter(SpanExporter):
    """Passes spans on to `inner` and counts those that it could not export."""

    def __init__(
        self, inner: SpanExporter, clock: Monotonic = monotonic, warn: Callable[[int], None] | None = None
    ) -> None:
        self._inner = inner
        self._warn = warn or _warn
        self._now = clock
        self._warned_at = -WARNING_SECONDS
        self._dropped = 0
        self._stopping = self._failing = False
        self.taken = 0
        """Spans that were passed to the exporter so far."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export, or count and drop. While stopping, nothing is tried after a failure: that would take seconds each."""
        self.taken += len(spans)
        if not (self._stopping and self._failing) and self._inner.export(spans) is SpanExportResult.SUCCESS:
            self._failing = False
            return SpanExportResult.SUCCESS
        self._failing = True
        self.drop(len(spans))
        return SpanExportResult.FAILURE

    def drop(self, count: int) -> None:
        """Count spans that are lost; one warning a minute says how many."""
        metrics.SPANS_DROPPED.inc(count)
        self._dropped += count
        if self._now() - self._warned_at >= WARNING_SECONDS:
            self._warn(self._dropped)
            self._warned_at, self._dropped = self._now(), 0

    def stop(self) -> None:
        """Try no more exports after a failed one."""
        self._stopping = True

    def shutdown(self) -> None:
        """As `SpanExporter.shutdown`."""
        self._inner.shutdown()


def _warn(spans: int) -> None:
    log.warning("spans dropped: the trace collector does not take them", spans=spans)


class CountingProcessor(BatchSpanProcessor):
    """The batch processor, which also counts the spans that a full queue drops."""

    def __init__(self, exporter: CountingExporter) -> None:
        super().__init__(exporter, max_queue_size=QUEUE_SIZE)
        self._counting = exporter
        self._ended = 0

    def on_end(self, span: ReadableSpan) -> None:
        """As `BatchSpanProcessor.on_end`."""
        super().on_end(span)
        if span.context is not None and span.context.trace_flags.sampled:
            self._ended += 1
            beyond = self._ended - self._counting.taken - QUEUE_SIZE
            if beyond > 0:
                self._ended -= beyond
                self._counting.drop(beyond)

    def shutdown(self) -> None:
        """Export what waits; give up at the first failure."""
        self._counting.stop()
        super().shutdown()  # type: ignore[no-untyped-call]  # of the library


def configure_tracing(
    service: str, replica: str, *, endpoint: str | None, ratio: float, environment: str | None = None
) -> None:
    """Export the share `ratio` of traces to `endpoint`; without an endpoint only propagate trace ids."""
    if endpoint is None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 -- a tenth of a service's start-up time
        OTLPSpanExporter,
    )

    # The libraries log every failed try and every dropped span, with addresses.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    exporter = CountingExporter(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS))
    resource = resource_from(service, replica, environment)
    provider = provider_from(CountingProcessor(exporter), resource=resource, ratio=ratio)
    _Provider[:] = [provider]
    use_tracer(provider.get_tracer("gateway", VERSION))


def resource_from(service: str, replica: str, environment: str | None) -> Resource:
    """The attributes of the process; OTEL_RESOURCE_ATTRIBUTES adds others."""
    attributes = {
        "service.name": f"gateway-{service}",
        "service.namespace": NAMESPACE,
        "service.version": VERSION,
        "service.instance.id": replica,
    }
    if environment is not None:
        attributes |= {"deployment.environment.name": environment, "deployment.environment": environment}
    return Resource.create(attributes)


def provider_from(processor: SpanProcessor, *, resource: Resource, ratio: float) -> TracerProvider:
    """The provider: a trace is sampled as a whole, by its id."""
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(ratio)),
        resource=resource,
        span_limits=SpanLimits(max_links=MAX_LINKS),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(processor)
    return provider


def shutdown_tracing() -> None:
    """Export the buffered spans. Takes `EXPORT_SECONDS` at most when the collector is away."""
    use_tracer(None)
    while _Provider:
        _Provider.pop().shutdown()
