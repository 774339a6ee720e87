"""Probes of credentials: a read that needs the token, for every provider, with every answer and every fault."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from libs.providers.http import open_session
from libs.providers.outcomes import NotSent, OutcomeUnknown, ProbeOutcome, Refused, Usable
from libs.providers.outgoing import NumberCredentials
from libs.providers.provider import Provider
from libs.providers.registry import PROVIDERS
from tests.contract.providers import example
from tests.contract.providers.http_server import (
    ANYWHERE,
    Script,
    Stub,
    answering,
    provider,
    sender_options,
    writing_then,
)

TOKEN = "a-secret-token"
EVERY = [*PROVIDERS.values(), example.PROVIDER]
CLOUD, EVOLUTION = PROVIDERS["cloud_api"], PROVIDERS["evolution"]
GOOD: dict[str, Any] = {
    "cloud_api": {"id": "1065"},
    "evolution": {"instance": {"instanceName": "main", "state": "open"}},
    "example": {},
}
ERROR = {"error": {"message": "(#190) no", "type": "OAuthException", "code": 190, "fbtrace_id": "AbC"}}


async def probed(
    kind: Provider, script: Script, *, throughput: bool = False, **fields: str
) -> tuple[ProbeOutcome, Stub]:
    async with (
        provider(script) as stub,
        open_session(timeout_s=2.0, connections=2, addresses=ANYWHERE) as session,
    ):
        url = f"http://127.0.0.1:{stub.port}"
        number = NumberCredentials(number_id="n1", phone_number_id="1065", access_token=TOKEN, base_url=url)
        sender = kind.sender(sender_options(session, url, addresses=ANYWHERE))
        return await sender.probe(replace(number, **fields), throughput=throughput), stub


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.kind)
async def test_credentials_that_are_taken_are_usable(kind: Provider) -> None:
    outcome, _ = await probed(kind, answering(200, GOOD[kind.kind]))

    assert isinstance(outcome, Usable)


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.kind)
async def test_credentials_that_are_refused_are_not(kind: Provider, status: int) -> None:
    outcome, _ = await probed(kind, answering(status, {}))

    assert outcome == Refused(code=None, http_status=status)


@pytest.mark.parametrize("status", [500, 502, 503])
@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.kind)
async def test_a_server_that_fails_proves_nothing(kind: Provider, status: int) -> None:
    outcome, _ = await probed(kind, answering(status, {}))

    assert isinstance(outcome, OutcomeUnknown)


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.kind)
async def test_a_line_that_breaks_proves_nothing(kind: Provider) -> None:
    outcome, _ = await probed(kind, writing_then(b"", abort=True))

    assert isinstance(outcome, OutcomeUnknown | NotSent)


@pytest.mark.parametrize("kind", [CLOUD, EVOLUTION], ids=lambda kind: kind.kind)
async def test_an_answer_of_something_else_proves_nothing(kind: Provider) -> None:
    outcome, _ = await probed(kind, answering(200, b"<html>"))

    assert isinstance(outcome, OutcomeUnknown)


@pytest.mark.parametrize("kind", [CLOUD, EVOLUTION], ids=lambda kind: kind.kind)
async def test_a_token_that_fits_no_header_is_not_sent(kind: Provider) -> None:
    outcome, stub = await probed(kind, answering(200, {}), access_token="a\nb")

    assert outcome == NotSent("invalid_token")
    assert stub.requests == []


async def test_metas_error_object_decides_whatever_the_status() -> None:
    outcome, _ = await probed(CLOUD, answering(400, ERROR))

    assert outcome == Refused(code=190, http_status=400, trace_id="AbC")


async def test_a_number_is_read_by_its_id_with_the_token() -> None:
    _, stub = await probed(CLOUD, answering(200, GOOD["cloud_api"]))

    line, headers, _ = stub.requests[0]
    assert line == "GET /v25.0/1065?fields=id HTTP/1.1"
    assert headers["authorization"] == f"Bearer {TOKEN}"


async def test_an_instances_connection_is_read_with_the_key() -> None:
    _, stub = await probed(EVOLUTION, answering(200, GOOD["evolution"]), phone_number_id="my shop")

    line, headers, _ = stub.requests[0]
    assert line == "GET /instance/connectionState/my%20shop HTTP/1.1"
    assert headers["apikey"] == TOKEN


@pytest.mark.parametrize(("level", "rate"), [("STANDARD", 80.0), ("HIGH", 1000.0), ("NOT_APPLICABLE", None), (7, None)])
async def test_a_number_says_how_fast_it_may_send(level: object, rate: float | None) -> None:
    body = {"id": "1065", "throughput": {"level": level}}

    outcome, stub = await probed(CLOUD, answering(200, body), throughput=True)

    assert outcome == Usable(rate)
    assert stub.requests[0][0] == "GET /v25.0/1065?fields=id,throughput HTTP/1.1"


async def test_a_cancelled_probe_is_cancelled() -> None:
    task = asyncio.ensure_future(probed(CLOUD, writing_then(b"")))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
