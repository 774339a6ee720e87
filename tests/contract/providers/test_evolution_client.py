"""Evolution's client against a server and a network that fail in every way."""

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from libs.providers.errors import Verdict
from libs.providers.evolution.client import EvolutionSender
from libs.providers.evolution.responses import ERRORS
from libs.providers.http import open_session
from libs.providers.outcomes import Accepted, NotSent, OutcomeUnknown, Refused, SendOutcome
from libs.providers.outgoing import Customer, NumberCredentials, OutgoingTemplate, OutgoingText
from services.sender.adapters.forward_client import AddressLimits
from tests.contract.providers.http_server import (
    ANYWHERE,
    Script,
    answering,
    padded,
    provider,
    raw,
    sender_options,
    silence,
    writing_then,
)
from tests.contract.providers.test_cloud_api_client import OK
from tests.evolution_stub import EvolutionStub, Sent, evolution, refused, taken

PHONE, TEXT, KEY = "+966500000001", "Your order is ready", "an-instance-key"
JID = "966500000001@s.whatsapp.net"
MESSAGE = OutgoingText(to=Customer(phone=PHONE), text=TEXT, callback="gw1:id:mac")
TEMPLATE = OutgoingTemplate(to=Customer(phone=PHONE), name="missed", language="ar", parameters=("Ann",), callback="c")
META = {
    "message": "(#131047) Re-engagement message",
    "type": "OAuthException",
    "code": 131047,
    "error_data": {"messaging_product": "whatsapp", "details": "…"},
    "fbtrace_id": "AbC-1",
}
WHOLE = json.dumps(taken(JID, "A")).encode()
V1 = "Cannot read properties of undefined (reading 'textMessage')"


def number(url: str, **changes: str) -> NumberCredentials:
    known = NumberCredentials(number_id="n1", phone_number_id="main", access_token=KEY, base_url=url)
    return replace(known, **changes)


@asynccontextmanager
async def adapter(limits: AddressLimits = ANYWHERE, *, timeout_s: float = 5.0) -> AsyncIterator[EvolutionSender]:
    async with open_session(timeout_s=timeout_s, connections=10, addresses=limits) as session:
        yield EvolutionSender(sender_options(session, addresses=limits))


async def outcome_of(script: Script, *, timeout_s: float = 5.0) -> tuple[SendOutcome, int]:
    async with provider(script) as stub, adapter(timeout_s=timeout_s) as api:
        outcome = await api.send(number(f"http://127.0.0.1:{stub.port}"), MESSAGE)
        return outcome, len(stub.requests)


async def test_a_text_goes_out_in_the_wire_format_of_the_reference() -> None:
    async with evolution(EvolutionStub()) as stub, adapter() as api:
        outcome = await api.send(number(f"{stub.url}/"), MESSAGE)

    assert outcome == Accepted(message_id="3EB00000000000000001", wa_id="966500000001")
    assert stub.sent == [Sent("sendText", "main", {"number": "966500000001", "text": TEXT, "linkPreview": False})]


async def test_a_template_goes_out_in_metas_form() -> None:
    async with evolution(EvolutionStub()) as stub, adapter() as api:
        outcome = await api.send(number(stub.url), TEMPLATE)

    assert isinstance(outcome, Accepted)
    components = [{"type": "body", "parameters": [{"type": "text", "text": "Ann"}]}]
    template = {"number": "966500000001", "name": "missed", "language": "ar", "components": components}
    assert stub.sent == [Sent("sendTemplate", "main", template)]


async def test_a_customer_known_by_whatsapps_own_id_is_written_to_by_it() -> None:
    async with evolution(EvolutionStub()) as stub, adapter() as api:
        outcome = await api.send(number(stub.url), replace(MESSAGE, to=Customer(user_id="8877@lid")))

    assert outcome == Accepted(message_id="3EB00000000000000001", wa_id=None, user_id="8877@lid")
    assert stub.sent[0].body["number"] == "8877@lid"


async def test_a_customer_without_a_phone_is_refused_without_a_call() -> None:
    async with evolution(EvolutionStub()) as stub, adapter() as api:
        outcome = await api.send(number(stub.url), replace(MESSAGE, to=Customer(user_id="US.1349")))

    assert outcome == Refused(code=None, http_status=0, reason="no_phone")
    assert stub.sent == []


@pytest.mark.parametrize(
    ("make", "status", "verdict"),
    [
        pytest.param(lambda s: s.not_on_whatsapp.add("966500000001"), 400, Verdict.PERMANENT, id="not on WhatsApp"),
        pytest.param(lambda s: s.instances.update(main="another"), 401, Verdict.AUTH, id="a wrong key"),
        pytest.param(lambda s: s.instances.clear(), 404, Verdict.AUTH, id="an instance that does not exist"),
        pytest.param(lambda s: s.answers.append((201, META)), 201, Verdict.POLICY, id="Meta's error under a 201"),
        pytest.param(lambda s: s.answers.append(refused(500, "", V1)), 500, Verdict.AUTH, id="a server of version 1"),
    ],
)
async def test_what_evolution_refuses_gets_its_verdict(
    make: Callable[[EvolutionStub], object], status: int, verdict: Verdict
) -> None:
    async with evolution(EvolutionStub()) as stub, adapter() as api:
        make(stub)

        outcome = await api.send(number(stub.url), MESSAGE)

    assert isinstance(outcome, Refused)
    assert outcome.http_status == status
    classification = ERRORS.classify(outcome)
    assert (classification.verdict, classification.unclassified) == (verdict, False)


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        pytest.param(answering(201, b"<html>"), OutcomeUnknown("no_message_id", 201), id="201 with garbage"),
        pytest.param(
            answering(201, padded(taken(JID, "A"))), OutcomeUnknown("no_message_id", 201), id="201 without an end"
        ),
        pytest.param(
            answering(429, b"", "Retry-After: 3"), Refused(code=None, http_status=429, retry_after=3.0), id="a throttle"
        ),
        pytest.param(writing_then(b""), OutcomeUnknown("disconnected"), id="closed after the request"),
        pytest.param(writing_then(b"garbage\r\n\r\n"), OutcomeUnknown("unreadable_answer"), id="no HTTP at all"),
        pytest.param(
            writing_then(raw(201, WHOLE)[:-5]),
            OutcomeUnknown("no_message_id", 201),
            id="cut off",
        ),
        pytest.param(silence, OutcomeUnknown("timeout"), id="silence"),
    ],
)
async def test_every_fault_of_the_line_is_classified_after_one_call(script: Script, outcome: SendOutcome) -> None:
    seen, calls = await outcome_of(script, timeout_s=0.5)

    assert (seen, calls) == (outcome, 1)


async def test_a_redirect_is_refused_and_the_key_goes_nowhere_else() -> None:
    async with provider(answering(201, OK)) as elsewhere:
        outcome, _ = await outcome_of(answering(307, b"", f"Location: http://127.0.0.1:{elsewhere.port}/"))

    assert outcome == Refused(code=None, http_status=307)
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("url", "changes", "reason"),
    [
        pytest.param("http://no-such-host.invalid", {}, "dns_failed", id="a host without an address"),
        pytest.param("ftp://127.0.0.1", {}, "invalid_url", id="another scheme"),
        pytest.param("", {}, "invalid_url", id="no address"),
        pytest.param("http://127.0.0.1:1", {}, "connect_failed", id="a closed port"),
        pytest.param("http://127.0.0.1", {"access_token": "a\r\nX: 1"}, "invalid_token", id="a key with a line break"),
        pytest.param("http://127.0.0.1", {"phone_number_id": ".."}, "invalid_instance", id="a name that climbs"),
    ],
)
async def test_what_cannot_be_called_was_surely_not_reached(url: str, changes: dict[str, str], reason: str) -> None:
    async with adapter() as api:
        outcome = await api.send(number(url, **changes), MESSAGE)

    assert outcome == NotSent(reason)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("http://127.0.0.1:{port}", "not_https", id="without TLS"),
        pytest.param("https://127.0.0.1:{port}", "address_refused", id="a private address"),
        pytest.param("https://localhost:{port}", "address_refused", id="a name of a private address"),
        pytest.param("https://evolution.example.com:22", "port_refused", id="an odd port"),
    ],
)
async def test_a_private_server_is_not_dialled_unless_the_deployment_allows_it(url: str, reason: str) -> None:
    async with provider(silence) as stub, adapter(AddressLimits(private_allowed=False, ports=(stub.port, 443))) as api:
        outcome = await api.send(number(url.format(port=stub.port)), MESSAGE)

    assert outcome == NotSent(reason)
    assert stub.connections == 0


async def test_nothing_personal_shows_in_logs_or_reprs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    scripts = [
        answering(201, taken(JID, "A", TEXT)),
        answering(400, refused(400, "Bad Request", [f"Error: {PHONE} {TEXT}"])[1]),
        silence,
    ]

    outcomes = [(await outcome_of(script, timeout_s=0.3))[0] for script in scripts]

    shown = caplog.text + repr(outcomes) + str(outcomes) + repr(number("http://x"))
    assert not [secret for secret in (PHONE, PHONE[1:], TEXT, KEY) if secret in shown]
