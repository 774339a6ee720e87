"""Keeps the spans of a test in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from libs.chassis.span_export import provider_from
from libs.chassis.spans import use_tracer


class Spans:
    """The spans that ended."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    @property
    def all(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> ReadableSpan:
        (found,) = [each for each in self.all if each.name == name]
        return found

    def attributes(self, name: str) -> dict[str, Any]:
        return dict(self.named(name).attributes or {})


@contextmanager
def collected_spans(ratio: float = 1.0) -> Iterator[Spans]:
    """Make spans while the block runs."""
    exporter = InMemorySpanExporter()
    provider = provider_from(SimpleSpanProcessor(exporter), resource=Resource.create({}), ratio=ratio)
    use_tracer(provider.get_tracer("test"))
    try:
        yield Spans(exporter)
    finally:
        use_tracer(None)
        provider.shutdown()
