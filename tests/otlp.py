"""A trace collector in the test's process: takes OTLP/HTTP with protobuf and keeps the spans."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

ERROR = Status.StatusCode.STATUS_CODE_ERROR


@dataclass(frozen=True, slots=True)
class KeptSpan:
    """One span as it arrived."""

    service: str
    name: str
    kind: str
    trace_id: str
    id: str
    parent_id: str
    attributes: Mapping[str, str | int]
    failed: bool
    links: tuple[tuple[str, Mapping[str, str | int]], ...]
    """The trace and the attributes of each link."""


@dataclass
class Collector:
    """The spans of all services, and every byte that was exported."""

    spans: list[KeptSpan] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray, repr=False)
    resources: dict[str, Mapping[str, str | int]] = field(default_factory=dict)

    def trace(self, trace_id: str) -> list[KeptSpan]:
        """The spans of one trace."""
        return [span for span in self.spans if span.trace_id == trace_id]

    def of_event(self, event_id: str, name: str) -> list[KeptSpan]:
        """The spans of this name about one event."""
        return [
            span for span in self.spans if span.name == name and span.attributes.get("gateway.event_id") == event_id
        ]

    async def take(self, request: web.Request) -> web.Response:
        """Keep one export."""
        body = await request.read()
        self.raw += body
        message = ExportTraceServiceRequest()
        message.ParseFromString(body)
        for of_service in message.resource_spans:
            resource = _attributes(of_service.resource.attributes)
            self.resources[str(resource["service.name"])] = resource
            for scope in of_service.scope_spans:
                self.spans += [_kept(span, str(resource["service.name"])) for span in scope.spans]
        return web.Response(content_type="application/x-protobuf")


@asynccontextmanager
async def running_collector(port: int) -> AsyncIterator[Collector]:
    """A collector on the loopback."""
    collector = Collector()
    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield collector
    finally:
        await runner.cleanup()


def _kept(span: ProtoSpan, service: str) -> KeptSpan:
    return KeptSpan(
        service=service.removeprefix("gateway-"),
        name=span.name,
        kind=ProtoSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        attributes=_attributes(span.attributes),
        failed=span.status.code == ERROR,
        links=tuple((link.trace_id.hex(), _attributes(link.attributes)) for link in span.links),
    )


def _attributes(pairs: "Iterator[KeyValue]") -> dict[str, str | int]:
    return {
        pair.key: pair.value.int_value if pair.value.HasField("int_value") else pair.value.string_value
        for pair in pairs
    }
