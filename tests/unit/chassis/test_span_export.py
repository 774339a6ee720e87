"""A collector that is away costs spans, which are counted, and one warning a minute; nothing else."""

from collections.abc import Sequence

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from prometheus_client import REGISTRY

from libs.chassis import span_export
from libs.chassis.span_export import CountingExporter, CountingProcessor, provider_from, resource_from
from libs.chassis.spans import span, use_tracer
from libs.chassis.version import VERSION


class Collector(SpanExporter):
    """One that may be away."""

    def __init__(self) -> None:
        self.away = True
        self.tries = 0
        self.got = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.tries += 1
        if self.away:
            return SpanExportResult.FAILURE
        self.got += len(spans)
        return SpanExportResult.SUCCESS


def dropped() -> float:
    return REGISTRY.get_sample_value("gateway_spans_dropped_total") or 0.0


def batch(size: int) -> list[ReadableSpan]:
    return [ReadableSpan(name="x") for _ in range(size)]


def test_what_a_collector_does_not_take_is_counted_and_told_once_a_minute() -> None:
    now, told = 0.0, list[int]()
    exporter, before = CountingExporter(Collector(), lambda: now, told.append), dropped()

    for _ in range(60):
        exporter.export(batch(10))
        now += 2.0

    assert dropped() - before == 600
    assert told == [10, 300]


def test_a_collector_that_is_back_gets_the_next_spans() -> None:
    collector = Collector()
    exporter = CountingExporter(collector)
    exporter.export(batch(3))
    collector.away = False

    assert exporter.export(batch(4)) is SpanExportResult.SUCCESS
    assert collector.got == 4


def test_the_spans_that_a_full_queue_drops_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(span_export, "QUEUE_SIZE", 600)
    collector, before = Collector(), dropped()
    collector.away = False
    processor = CountingProcessor(CountingExporter(collector))
    processor._batch_processor._schedule_delay = 3600  # the worker wakes up for a full batch only
    provider = provider_from(processor, resource=Resource.create({}), ratio=1.0)
    use_tracer(provider.get_tracer("test"))
    with processor._batch_processor._export_lock:  # the exporter hangs
        for _ in range(1_000):
            with span("step"):
                pass
    use_tracer(None)
    provider.shutdown()

    assert collector.got + dropped() - before == 1_000
    assert dropped() - before >= 400


def test_a_service_that_stops_does_not_try_a_dead_collector_again_and_again() -> None:
    collector, before = Collector(), dropped()
    processor = CountingProcessor(CountingExporter(collector))
    provider = provider_from(processor, resource=Resource.create({}), ratio=1.0)
    use_tracer(provider.get_tracer("test"))
    for _ in range(400):
        with span("step"):
            pass
    use_tracer(None)

    processor._batch_processor._max_export_batch_size = 50
    provider.shutdown()

    assert collector.tries == 1
    assert dropped() - before == 400


def test_the_resource_names_the_service_its_release_and_its_deployment() -> None:
    attributes = resource_from("policy", "policy-1", "production").attributes

    assert (
        attributes.items()
        >= {
            "service.name": "gateway-policy",
            "service.namespace": "whatsapp-gateway",
            "service.version": VERSION,
            "service.instance.id": "policy-1",
            "deployment.environment.name": "production",
            "deployment.environment": "production",
        }.items()
    )
    assert "deployment.environment" not in resource_from("policy", "policy-1", None).attributes
