"""Posting over real sockets on the loopback: what is refused, read and never followed."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from libs.chassis.clock import utc_now
from services.sender.adapters.forward_client import (
    MAX_RESPONSE_BYTES,
    AddressLimits,
    HttpForwardClient,
    open_forward_session,
)
from services.sender.domain.forwards import ForwardResponse

TIMEOUT_S = 1.0


@dataclass
class Pbx:
    """A server that counts what reaches it."""

    url: str = ""
    port: int = 0
    reached: list[str] = field(default_factory=list)


@asynccontextmanager
async def a_pbx(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[Pbx]:
    pbx = Pbx()

    async def take(request: web.Request) -> web.StreamResponse:
        pbx.reached.append(request.path)
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pbx.port = runner.addresses[0][1]
    pbx.url = f"http://127.0.0.1:{pbx.port}/hook"
    yield pbx
    await runner.cleanup()


@asynccontextmanager
async def a_poster(
    limits: AddressLimits, *, resolver: AbstractResolver | None = None
) -> AsyncIterator[HttpForwardClient]:
    async with open_forward_session(limits, timeout_s=TIMEOUT_S, connections=10) as session:
        if resolver is not None:
            connector = session.connector
            assert isinstance(connector, aiohttp.TCPConnector)
            connector._resolver = resolver
        yield HttpForwardClient(session, limits, utc_now)


OPEN = AddressLimits(private_allowed=True, ports=())


async def ok(_: web.Request) -> web.Response:
    return web.Response(text="fine")


class Answering(AbstractResolver):
    """DNS whose answers change: the first is asked for by whoever checks, the last by whoever connects."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        address = self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)]

    async def close(self) -> None:
        return None


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("127.0.0.1", id="a literal"),
        pytest.param("localhost", id="a name"),
        pytest.param("2130706433", id="a decimal number"),
        pytest.param("0x7f000001", id="a hexadecimal number"),
        pytest.param("0177.0.0.1", id="an octal number"),
        pytest.param("127.1", id="a short form"),
        pytest.param("0.0.0.0", id="this host"),  # noqa: S104 -- refused, not bound
        pytest.param("0", id="this host, shortest"),
        pytest.param("[::1]", id="IPv6"),
        pytest.param("[::ffff:127.0.0.1]", id="mapped"),
        pytest.param("[::ffff:7f00:1]", id="mapped, in hexadecimal"),
        pytest.param("[64:ff9b::7f00:1]", id="NAT64"),
        pytest.param("169.254.169.254", id="cloud metadata"),
    ],
)
async def test_no_spelling_of_an_inside_address_is_reached(host: str) -> None:
    async with a_pbx(ok) as pbx:
        limits = AddressLimits(private_allowed=False, ports=(pbx.port,))
        async with a_poster(limits) as poster:
            reply = await poster.post(f"https://{host}:{pbx.port}/hook", b"{}", {})

    assert reply.error in {"address_refused", "dns_failed", "invalid_url"}
    assert pbx.reached == []


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "64:ff9b::7f00:1", "::ffff:7f00:1", "224.0.0.1"]
)
async def test_a_name_that_leads_inside_is_refused_at_the_connection(address: str) -> None:
    limits = AddressLimits(private_allowed=False, ports=(443,))
    async with a_poster(limits, resolver=Answering(address)) as poster:
        reply = await poster.post("https://pbx.example.com/hook", b"{}", {})

    assert reply == ForwardResponse(error="address_refused")


async def test_an_answer_of_dns_that_changed_since_the_check_reaches_nothing_inside() -> None:
    async with a_pbx(ok) as pbx:
        limits = AddressLimits(private_allowed=False, ports=(pbx.port,))
        rebinding = Answering("192.0.2.1", "127.0.0.1")
        async with a_poster(limits, resolver=rebinding) as poster:
            await rebinding.resolve("pbx.example.com")  # whoever checks first is told a harmless address

            reply = await poster.post(f"https://pbx.example.com:{pbx.port}/hook", b"{}", {})

    assert reply == ForwardResponse(error="address_refused")
    assert pbx.reached == []


async def test_a_redirect_is_a_failure_and_never_followed() -> None:
    async def away(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "/inside"})

    async with a_pbx(away) as pbx, a_poster(OPEN) as poster:
        reply = await poster.post(pbx.url, b"{}", {})

    assert reply == ForwardResponse(307, "redirect")
    assert pbx.reached == ["/hook"]


async def test_the_body_and_the_headers_arrive_as_they_were_signed() -> None:
    taken: list[tuple[bytes, Any]] = []

    async def take(request: web.Request) -> web.Response:
        taken.append((await request.read(), request.headers.copy()))
        return web.Response(status=202)

    async with a_pbx(take) as pbx, a_poster(OPEN) as poster:
        headers = {"webhook-id": "7", "Content-Type": "application/json"}
        reply = await poster.post(pbx.url, '{"text":"é"}'.encode(), headers)

    assert reply == ForwardResponse(202)
    assert taken[0][0] == '{"text":"é"}'.encode()
    assert (taken[0][1]["webhook-id"], taken[0][1]["Content-Type"]) == ("7", "application/json")


async def test_an_endless_answer_is_cut_off_and_its_status_counts() -> None:
    written = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse(status=200)
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 16_384)
                written += 16_384
        except ConnectionError:
            return response

    async with a_pbx(flood) as pbx, a_poster(OPEN) as poster:
        reply = await asyncio.wait_for(poster.post(pbx.url, b"{}", {}), TIMEOUT_S / 2)

    assert reply == ForwardResponse(200)
    assert written < 100 * MAX_RESPONSE_BYTES


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        pytest.param("hang", "timeout", id="never answers"),
        pytest.param("close", "disconnected", id="hangs up"),
        pytest.param("garbage", "unreadable_answer", id="speaks no HTTP"),
    ],
)
async def test_a_fault_of_the_line_is_a_word(behaviour: str, error: str) -> None:
    async def misbehave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if behaviour == "hang":
            await reader.read()
        elif behaviour == "garbage":
            writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(misbehave, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, a_poster(OPEN) as poster:
        reply = await poster.post(f"http://127.0.0.1:{port}/", b"{}", {})

    assert reply == ForwardResponse(error=error)


async def test_nobody_there_is_a_word() -> None:
    async with a_poster(OPEN) as poster:
        reply = await poster.post("http://127.0.0.1:1/", b"{}", {})

    assert reply == ForwardResponse(error="connect_failed")
