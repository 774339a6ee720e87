"""The Cloud API's client against a server and a network that fail in every way."""

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from libs.providers.cloud_api.client import CloudApiSender
from libs.providers.http import open_session
from libs.providers.outcomes import Accepted, NotSent, OutcomeUnknown, Refused, SendOutcome
from libs.providers.outgoing import Customer, NumberCredentials, Outgoing, OutgoingTemplate, OutgoingText
from tests.contract.providers.http_server import (
    Script,
    Stub,
    answering,
    padded,
    provider,
    raw,
    sender_options,
    silence,
    writing_then,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PHONE, TEXT, TOKEN = "+966500000001", "Your order is ready", "made-up-token"
NUMBER = NumberCredentials(number_id="n1", phone_number_id="1065", access_token=TOKEN)
MESSAGE = OutgoingText(to=Customer(phone=PHONE), text=TEXT, callback="gw1:id:mac")
OK = {"contacts": [{"input": PHONE, "wa_id": "966500000001"}], "messages": [{"id": "wamid.A"}]}


@asynccontextmanager
async def adapter(url: str, *, timeout_s: float = 5.0) -> AsyncIterator[CloudApiSender]:
    async with open_session(timeout_s=timeout_s, connections=10) as session:
        yield CloudApiSender(sender_options(session, url))


async def outcome_of(
    script: Script, outgoing: Outgoing = MESSAGE, *, timeout_s: float = 5.0
) -> tuple[SendOutcome, Stub]:
    async with provider(script) as stub, adapter(f"http://127.0.0.1:{stub.port}", timeout_s=timeout_s) as api:
        return await api.send(NUMBER, outgoing), stub


def error(code: int | str, **more: object) -> dict[str, object]:
    return {"error": {"message": f"(#{code}) no", "type": "OAuthException", "code": code, **more}}


async def test_a_text_goes_out_in_the_wire_format_of_the_reference() -> None:
    outcome, stub = await outcome_of(answering(200, OK))

    assert outcome == Accepted(message_id="wamid.A", wa_id="966500000001")
    line, headers, body = stub.requests[0]
    assert line == "POST /v25.0/1065/messages HTTP/1.1"
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["content-type"] == "application/json"
    assert body == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "966500000001",
        "type": "text",
        "text": {"preview_url": False, "body": TEXT},
        "biz_opaque_callback_data": "gw1:id:mac",
    }


async def test_a_template_goes_out_with_its_parameters() -> None:
    template = OutgoingTemplate(
        to=Customer(phone=PHONE), name="missed", language="en_US", parameters=("Ann", "9:00"), callback="c"
    )

    _, stub = await outcome_of(answering(200, OK), template)

    assert stub.requests[0][2]["template"] == {
        "name": "missed",
        "language": {"code": "en_US"},
        "components": [
            {"type": "body", "parameters": [{"type": "text", "text": "Ann"}, {"type": "text", "text": "9:00"}]}
        ],
    }


async def test_a_customer_without_a_phone_is_addressed_by_user_id() -> None:
    _, stub = await outcome_of(answering(200, OK), OutgoingText(to=Customer(user_id="US.1"), text=TEXT, callback="c"))

    body = stub.requests[0][2]
    assert body["recipient"] == "US.1"
    assert "to" not in body


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        pytest.param(answering(200, b"<html>ok</html>"), OutcomeUnknown("no_message_id", 200), id="200 with garbage"),
        pytest.param(answering(200, {"messages": []}), OutcomeUnknown("no_message_id", 200), id="200 without an id"),
        pytest.param(answering(200, b""), OutcomeUnknown("no_message_id", 200), id="200 with nothing"),
        pytest.param(answering(400, error(131047)), Refused(code=131047, http_status=400), id="a policy"),
        pytest.param(answering(400, error(131026)), Refused(code=131026, http_status=400), id="a permanent fault"),
        pytest.param(answering(401, error(190)), Refused(code=190, http_status=401), id="an expired token"),
        pytest.param(answering(401, b""), Refused(code=None, http_status=401), id="a bare 401"),
        pytest.param(
            answering(429, error(130429), "Retry-After: 3"),
            Refused(code=130429, http_status=429, retry_after=3.0),
            id="a throttle with its time",
        ),
        pytest.param(
            answering(429, b"", "Retry-After: Mon, 23 Nov 2026 12:00:09 GMT"),
            Refused(code=None, http_status=429, retry_after=9.0),
            id="a bare 429 with a date",
        ),
        pytest.param(
            answering(429, b"", "Retry-After: 1.5", "Retry-After: 0.5"),
            Refused(code=None, http_status=429, retry_after=1.5),
            id="a bare 429 with fractions of a second, twice",
        ),
        pytest.param(
            answering(429, b"", "Retry-After: Mon, 23 Nov 99999999999999999999 11:00:00 GMT"),
            Refused(code=None, http_status=429),
            id="a bare 429 with a date that is none",
        ),
        pytest.param(answering(400, error("131047")), Refused(code=131047, http_status=400), id="a code as text"),
        pytest.param(answering(500, error(131000)), Refused(code=131000, http_status=500), id="500 with an error"),
        pytest.param(answering(500, b"oops"), OutcomeUnknown("server_error", 500), id="500 without one"),
        pytest.param(answering(503, b""), OutcomeUnknown("server_error", 503), id="a bare 503"),
        pytest.param(answering(502, b"<html>"), OutcomeUnknown("server_error", 502), id="502 of a proxy"),
        pytest.param(answering(200, padded(OK)), OutcomeUnknown("no_message_id", 200), id="200 without an end"),
        pytest.param(
            answering(400, padded(error(131047))), Refused(code=None, http_status=400), id="400 without an end"
        ),
        pytest.param(writing_then(b""), OutcomeUnknown("disconnected"), id="closed after the request"),
        pytest.param(writing_then(b"", abort=True), OutcomeUnknown("disconnected"), id="reset after the request"),
        pytest.param(writing_then(b"HTTP/1.1 20"), OutcomeUnknown("disconnected"), id="cut off in the status line"),
        pytest.param(writing_then(b"garbage\r\n\r\n"), OutcomeUnknown("unreadable_answer"), id="no HTTP at all"),
        pytest.param(
            writing_then(raw(200, json.dumps(OK).encode())[:-5]),
            OutcomeUnknown("no_message_id", 200),
            id="cut off in the body",
        ),
    ],
)
async def test_every_answer_and_every_fault_after_the_request_is_classified(
    script: Script, outcome: SendOutcome
) -> None:
    seen, stub = await outcome_of(script)

    if isinstance(seen, OutcomeUnknown) and seen.reason == "connection_lost":
        seen = OutcomeUnknown(
            "disconnected", seen.http_status
        )  # whether a reset shows as an error or an end is the kernel's
    assert seen == outcome
    assert len(stub.requests) == 1


async def test_a_provider_that_hangs_is_given_up_on_and_nobody_knows() -> None:
    outcome, stub = await outcome_of(silence, timeout_s=0.3)

    assert outcome == OutcomeUnknown("timeout")
    assert len(stub.requests) == 1


async def test_an_answer_that_never_ends_is_given_up_on() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        await reader.read()

    outcome, _ = await outcome_of(drip, timeout_s=0.3)

    assert outcome == OutcomeUnknown("no_message_id", 200)


async def test_a_redirect_is_refused_and_not_followed() -> None:
    async with provider(answering(200, OK)) as elsewhere:
        location = f"Location: http://127.0.0.1:{elsewhere.port}/v25.0/1065/messages"
        outcome, _ = await outcome_of(answering(307, b"", location))

    assert outcome == Refused(code=None, http_status=307)
    assert elsewhere.requests == []


async def test_a_refused_port_was_surely_not_reached() -> None:
    async with provider(silence) as gone:
        pass
    async with adapter(f"http://127.0.0.1:{gone.port}") as api:
        outcome = await api.send(NUMBER, MESSAGE)

    assert outcome == NotSent("connect_failed")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("http://no-such-host.invalid", "dns_failed", id="a host without an address"),
        pytest.param("ftp://127.0.0.1", "invalid_provider_url", id="another scheme"),
        pytest.param("http://", "invalid_provider_url", id="no host"),
        pytest.param("http://[::1", "invalid_provider_url", id="no URL"),
    ],
)
async def test_an_address_that_leads_nowhere_was_surely_not_reached(url: str, reason: str) -> None:
    async with adapter(url) as api:
        outcome = await api.send(NUMBER, MESSAGE)

    assert outcome == NotSent(reason)


async def test_a_failed_tls_handshake_was_surely_not_reached() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"this is no TLS\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server, adapter(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}") as api:
        outcome = await api.send(NUMBER, MESSAGE)

    assert outcome == NotSent("tls_failed")


async def test_a_connect_that_takes_too_long_was_surely_not_reached() -> None:
    async def accept_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(accept_nothing, "127.0.0.1", 0)
    async with server, adapter(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout_s=0.6) as api:
        outcome = await api.send(NUMBER, MESSAGE)

    assert outcome == NotSent("connect_timeout")


async def test_a_full_connection_pool_times_out_as_surely_not_sent() -> None:
    async with (
        provider(silence) as stub,
        open_session(timeout_s=1.5, connections=1) as session,
    ):
        api = CloudApiSender(sender_options(session, f"http://127.0.0.1:{stub.port}"))
        outcomes = await asyncio.gather(api.send(NUMBER, MESSAGE), api.send(NUMBER, MESSAGE))

    assert list(outcomes) == [OutcomeUnknown("timeout"), NotSent("connect_timeout")]
    assert len(stub.requests) == 1


async def test_a_kept_connection_that_the_provider_drops_is_not_tried_twice() -> None:
    answers = iter([answering(200, OK), writing_then(b"", abort=True)])

    async def first_well_then_not(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(answers)(reader, writer)

    async with provider(first_well_then_not) as stub, adapter(f"http://127.0.0.1:{stub.port}") as api:
        outcomes = [await api.send(NUMBER, MESSAGE), await api.send(NUMBER, MESSAGE)]

    assert isinstance(outcomes[0], Accepted)
    assert isinstance(outcomes[1], OutcomeUnknown)
    assert (len(stub.requests), stub.connections) == (2, 1)


async def test_calls_in_a_row_share_one_connection() -> None:
    async with provider(answering(200, OK)) as stub, adapter(f"http://127.0.0.1:{stub.port}/") as api:
        for _ in range(5):
            await api.send(NUMBER, MESSAGE)

    assert (len(stub.requests), stub.connections) == (5, 1)


@pytest.mark.parametrize("token", ["", "a\r\nX-Evil: 1", "töken"])
async def test_a_token_that_fits_no_header_is_not_sent(token: str) -> None:
    odd = NumberCredentials(number_id="n", phone_number_id="1", access_token=token)

    async with provider(silence) as stub, adapter(f"http://127.0.0.1:{stub.port}") as api:
        outcome = await api.send(odd, MESSAGE)

    assert outcome == NotSent("invalid_token")
    assert stub.connections == 0


async def test_a_text_that_is_no_unicode_is_not_sent() -> None:
    async with provider(silence) as stub, adapter(f"http://127.0.0.1:{stub.port}") as api:
        outcome = await api.send(NUMBER, OutgoingText(to=Customer(phone=PHONE), text="\ud800", callback="c"))

    assert outcome == NotSent("invalid_message")
    assert stub.connections == 0


async def test_a_cancelled_call_is_cancelled_and_no_outcome() -> None:
    async with provider(silence) as stub, adapter(f"http://127.0.0.1:{stub.port}") as api:
        call = asyncio.create_task(api.send(NUMBER, MESSAGE))
        while not stub.requests:
            await asyncio.sleep(0.001)

        call.cancel()

        with pytest.raises(asyncio.CancelledError):
            await call


async def test_nothing_personal_shows_in_logs_or_reprs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    scripts = [answering(200, OK), answering(400, error(100, error_data={"details": f"{PHONE} {TEXT}"})), silence]

    outcomes = [(await outcome_of(script, timeout_s=0.3))[0] for script in scripts]

    shown = caplog.text + repr(outcomes) + repr(MESSAGE) + repr(NUMBER) + str(outcomes)
    assert not [secret for secret in (PHONE, PHONE[1:], TEXT, TOKEN) if secret in shown]


async def test_a_certificate_that_nobody_vouches_for_was_surely_not_reached(tmp_path: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(self_signed(tmp_path / "server.pem"))
    stub = Stub(answering(200, OK))
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0, ssl=context)

    async with server, adapter(f"https://localhost:{server.sockets[0].getsockname()[1]}") as api:
        outcome = await api.send(NUMBER, MESSAGE)

    assert outcome == NotSent("tls_failed")
    assert stub.requests == []


def self_signed(path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    valid = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
    plain = serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + valid.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    return path
