"""Whatever arrives on a port is answered in the gateway's error shape, and no answer names the software behind it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from libs.chassis.http_server import ApplicationRunner, name_software
from tests.bad_http import NOT_HTTP, SOFTWARE, STRANGE, assert_generic, bytes_of
from tests.e2e.raw import exchange, read_answer


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
