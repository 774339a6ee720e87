"""Outgoing calls: the template names the span, the host and the status describe it, and no id of the URL is in it."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from libs.chassis.http_spans import client_call_hooks
from libs.chassis.span_attributes import METHOD, SERVER_ADDRESS, SERVER_PORT, STATUS, URL_TEMPLATE
from libs.chassis.spans import Kind, span
from tests.unit.chassis.collected_spans import Spans, collected_spans

NUMBER_ID = "106540352242922"


@pytest.fixture
def spans() -> Iterator[Spans]:
    with collected_spans() as made:
        yield made


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post(f"/v25.0/{NUMBER_ID}/messages", answer)
    started = TestServer(app)
    await started.start_server()
    yield started
    await started.close()


async def test_a_call_is_named_by_its_template_and_described_without_ids(spans: Spans, server: TestServer) -> None:
    url = server.make_url(f"/v25.0/{NUMBER_ID}/messages")
    async with aiohttp.ClientSession(trace_configs=list(client_call_hooks())) as session:
        with span("POST", Kind.CLIENT):
            async with session.post(url, trace_request_ctx="/{version}/{phone_number_id}/messages"):
                pass

    assert spans.attributes("POST /{version}/{phone_number_id}/messages") == {
        METHOD: "POST",
        URL_TEMPLATE: "/{version}/{phone_number_id}/messages",
        SERVER_ADDRESS: "127.0.0.1",
        SERVER_PORT: url.port,
        STATUS: 202,
    }


async def test_a_call_without_a_template_is_named_by_its_method_alone(spans: Spans, server: TestServer) -> None:
    async with aiohttp.ClientSession(trace_configs=list(client_call_hooks())) as session:
        with span("?", Kind.CLIENT):
            async with session.post(server.make_url(f"/v25.0/{NUMBER_ID}/messages")):
                pass

    assert NUMBER_ID not in str(spans.attributes("POST"))


async def test_a_call_outside_of_a_call_s_span_changes_no_other_span(spans: Spans, server: TestServer) -> None:
    async with aiohttp.ClientSession(trace_configs=list(client_call_hooks())) as session:
        with span("process queue", Kind.CONSUMER):
            async with session.post(server.make_url("/"), trace_request_ctx="/x"):
                pass

    assert spans.attributes("process queue") == {}


def test_without_an_exporter_sessions_have_no_hooks() -> None:
    assert client_call_hooks() == ()
