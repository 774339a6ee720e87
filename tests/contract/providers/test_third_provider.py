"""A provider that is only registered works through ingress, console and sender: no other file knows about it."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from libs.contracts.errors import ErrorCode
from libs.contracts.events import WhatsAppMessageReceived, WhatsAppStatusReceived
from libs.contracts.results import AnswerStatus
from libs.providers.http import open_session
from libs.providers.registry import PROVIDERS, by_kind
from libs.store.accounts import Number, SecretHash
from services.console.domain.numbers import number_created_from
from services.sender.handlers.error_tables import ErrorTables
from tests.contract.providers import example
from tests.contract.providers.http_server import ANYWHERE, answering, provider, sender_options
from tests.contract.providers.samples import NUMBER_SECRET, SAMPLES, body_of
from tests.unit.ingress.world import NOW, HttpAnswer, World, http_client, request
from tests.unit.sender.fake_provider import FakeNumbers
from tests.unit.sender.gateway import Gateway, approved

REGISTERED = by_kind(*PROVIDERS.values(), example.PROVIDER)
SAMPLE = next(sample for sample in SAMPLES if sample.provider is example.PROVIDER)
PATH = "/integrations/example/webhook/n1"


def a_number(**changes: Any) -> Number:
    known = {
        "id": "n1",
        "account_id": "acc-1",
        "provider": "example",
        "phone_number_id": "shop",
        "sealed_token": "sealed",
        "base_url": "https://server.example.com",
        "created_at": NOW,
        "updated_at": NOW,
        "webhook_secrets": (SecretHash(sha256=hashlib.sha256(NUMBER_SECRET.encode()).hexdigest()),),
    }
    return Number(**(known | changes))


async def posted(
    document: object, *, signed: bool = True, cut: bool = False, path: str = PATH
) -> tuple[World, HttpAnswer]:
    world, body = World(providers=REGISTERED), body_of(document)
    world.directory.numbers["n1"] = a_number()
    sent = request("POST", path, SAMPLE.headers(body) if signed else [], body)
    async with http_client(world) as door:
        return world, await door.send(sent[:-5] if cut else sent)


async def test_ingress_publishes_its_messages_and_statuses() -> None:
    document = {**SAMPLE.message, **SAMPLE.status}

    world, answer = await posted(document)

    assert answer.status == 200
    [message], [status] = world.broker.of(WhatsAppMessageReceived), world.broker.of(WhatsAppStatusReceived)
    assert (message.number_id, message.account_id, message.text) == ("n1", "acc-1", "Hello")
    assert (status.number_id, status.status) == ("n1", "delivered")


@pytest.mark.parametrize(
    ("options", "status"),
    [
        pytest.param({"signed": False}, 401, id="no signature"),
        pytest.param({"path": "/integrations/example/webhook/n2"}, 401, id="an unknown number"),
        pytest.param({"path": "/integrations/example/webhook"}, 404, id="no number"),
        pytest.param({"cut": True}, 400, id="an incomplete body"),
    ],
)
async def test_ingress_refuses_what_is_not_authentic_or_complete(options: dict[str, Any], status: int) -> None:
    world, answer = await posted(SAMPLE.message, **options)

    assert (answer.status, world.broker.taken) == (status, [])


async def result_of(status: int, body: object) -> tuple[Any, Gateway]:
    """The result of an approved message whose number's server answers like this."""
    async with (
        provider(answering(status, body)) as server,
        open_session(timeout_s=5.0, connections=2, addresses=ANYWHERE) as session,
    ):
        number = a_number(sealed_token="a-token", base_url=f"http://127.0.0.1:{server.port}")
        gateway = Gateway(numbers=FakeNumbers((number,)))
        options = sender_options(session, clock=gateway.world.clock)
        senders = {kind: each.sender(options) for kind, each in REGISTERED.items()}
        deliver = gateway.process()
        deliver = replace(
            deliver,
            prepare=replace(deliver.prepare, providers=senders),
            finish=replace(deliver.finish, errors=ErrorTables(gateway.numbers, senders)),
        )
        return await deliver(approved()), gateway


async def test_sender_sends_through_it() -> None:
    result, _ = await result_of(200, {"id": "m-1"})

    assert (result.code, result.message_id) == (AnswerStatus.SENT, "m-1")


async def test_sender_classifies_its_refusals_by_its_own_table() -> None:
    result, _ = await result_of(400, {"error": 7})

    assert result.code is ErrorCode.GATEWAY_SEND_FAILED
    assert result.details["reason"] == "The recipient is not on WhatsApp."
    assert "unclassified" not in result.details


async def test_a_code_that_arrives_by_status_is_classified_by_the_table_of_its_numbers_provider() -> None:
    numbers = FakeNumbers((a_number(), a_number(id="n2", provider="cloud_api")))
    tables = ErrorTables(numbers, {kind: _WithErrors(each.errors) for kind, each in REGISTERED.items()})

    assert 7 in (await tables.of("n1")).by_code
    assert 7 not in (await tables.of("n2")).by_code
    assert not (await tables.of("n3")).by_code


class _WithErrors:
    """A sender that is not called."""

    def __init__(self, errors: Any) -> None:
        self.errors = errors

    async def send(self, *_: object) -> Any:
        raise AssertionError

    async def probe(self, *_: object, **__: object) -> Any:
        raise AssertionError


def test_console_shows_its_webhook_and_its_setup() -> None:
    view = number_created_from(a_number(), example.PROVIDER, "https://gateway.example.com", "a-secret")

    assert view.webhook_url == f"https://gateway.example.com{PATH}"
    assert view.webhook_set == {"callback": view.webhook_url, "signing_secret": "a-secret"}


def test_two_providers_cannot_share_a_kind_or_a_path() -> None:
    with pytest.raises(ValueError, match="same kind or webhook path"):
        by_kind(example.PROVIDER, replace(example.PROVIDER, kind="another"))
    with pytest.raises(ValueError, match="same kind or webhook path"):
        by_kind(example.PROVIDER, replace(example.PROVIDER, endpoint=replace(example.PROVIDER.endpoint, path="x")))
