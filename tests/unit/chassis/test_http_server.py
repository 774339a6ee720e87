"""Whatever arrives on a port is answered in the gateway's error shape, and no answer names the software behind it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from libs.chassis.http_server import ApplicationRunner, Server, name_software
from tests.bad_http import NOT_HTTP, SOFTWARE, STRANGE, assert_generic, bytes_of
from tests.e2e.raw import exchange, head, read_answer


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async def known(_: web.Request) -> web.Response:
        return web.Response(text="known")

    async def defect(_: web.Request) -> web.Response:
        raise RuntimeError("a secret of the handler")

    app = web.Application()
    app.add_routes([web.get("/known", known), web.get("/defect", defect)])
    app.on_response_prepare.append(name_software)
    runner = ApplicationRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize("sent", [*NOT_HTTP.values(), *STRANGE.values()], ids=[*NOT_HTTP, *STRANGE])
async def test_every_error_has_the_gateways_shape(url: str, sent: bytes) -> None:
    answer = await exchange(url, sent)

    assert_generic(answer)
    assert b"a secret" not in answer.content


@pytest.mark.parametrize("sent", NOT_HTTP.values(), ids=NOT_HTTP)
async def test_what_is_not_http_is_answered_400_and_the_connection_closed(url: str, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
    writer.write(sent)

    async with asyncio.timeout(20):
        answer = await read_answer(reader)
        rest = await reader.read()
    writer.close()

    assert (answer.status, answer.result) == (400, "invalid_json")
    assert rest == b""


async def test_a_failed_handler_is_answered_503(url: str) -> None:
    answer = await exchange(url, STRANGE["a handler that fails"])

    assert (answer.status, answer.result) == (503, "gateway_unavailable")
    assert dict(answer.headers)["Retry-After"] == "2"


async def test_the_methods_of_a_path_are_told(url: str) -> None:
    answer = await exchange(url, STRANGE["a method that is not allowed"])

    assert (answer.status, answer.result) == (405, "method_not_allowed")
    assert dict(answer.headers)["Allow"] == "GET, HEAD"


async def test_a_successful_answer_names_no_software_either(url: str) -> None:
    answer = await exchange(url, b"GET /known HTTP/1.1\r\nHost: x\r\n\r\n")

    assert answer.status == 200
    assert SOFTWARE.search(bytes_of(answer)) is None


@pytest.fixture
async def draining() -> AsyncIterator[tuple[Server, str]]:
    """A server that can be drained, and its URL; whoever asks for /slow is answered when /go was asked for."""
    go = asyncio.Event()

    async def known(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/go":
            go.set()
        if request.path == "/slow":
            await go.wait()
        return web.Response(text="known")

    server = Server(known, keepalive_timeout=1.0)
    runner = web.ServerRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield server, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_a_connection_ends_with_its_next_answer_while_the_server_drains(draining: tuple[Server, str]) -> None:
    server, url = draining
    reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
    writer.write(head(url + "/", [], method="GET"))
    before = await read_answer(reader)
    drained = asyncio.create_task(server.drain(20))

    writer.write(head(url + "/", [], method="GET"))
    after = await read_answer(reader)

    assert "Connection" not in dict(before.headers)
    assert dict(after.headers)["Connection"] == "close"
    assert await reader.read() == b""
    await drained
    assert not server.connections


async def test_draining_waits_for_requests_in_flight_and_ends_idle_connections(draining: tuple[Server, str]) -> None:
    server, url = draining
    idle, _ = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
    slow = asyncio.create_task(exchange(url, head(url + "/slow", [], method="GET")))
    while server.requests_count == 0:
        await asyncio.sleep(0)
    drained = asyncio.create_task(server.drain(20))

    assert await idle.read() == b""  # after its keep-alive time
    assert not drained.done()
    await exchange(url, head(url + "/go", [], method="GET"))
    assert (await slow).status == 200
    await drained


async def test_draining_ends_in_time_whatever_is_left(draining: tuple[Server, str]) -> None:
    server, url = draining
    slow = asyncio.create_task(exchange(url, head(url + "/slow", [], method="GET")))
    while server.requests_count == 0:
        await asyncio.sleep(0)

    await server.drain(0.01)

    assert len(server.connections) == 1
    await exchange(url, head(url + "/go", [], method="GET"))
    assert (await slow).status == 200
