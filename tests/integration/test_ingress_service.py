"""Ingress as its own process, on a real broker and a real store: answered, changed, cut off, and stopped."""

import asyncio
import base64
import hashlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

import aiohttp
import pytest

from libs.chassis.amqp import Broker
from libs.chassis.subscriptions import DeadLettered, Received, on
from libs.chassis.topology import POSTS, RECORDS, WEBHOOKS
from libs.contracts.events import (
    Event,
    IntegrationChanged,
    WebhookAnswered,
    WebhookReceived,
    WebhookRejected,
    WhatsAppMessageReceived,
    WhatsAppPostSetAside,
)
from libs.contracts.results import AnswerStatus
from libs.store.accounts import Integration, SecretHash
from libs.store.factory import open_store
from libs.store.posts import post_sealer_from
from libs.store.store import Store
from tests.builders import a_number, an_integration
from tests.e2e.raw import RawAnswer, head, read_answer
from tests.event_keys import EveryonesKeys, key_setting
from tests.integration.forked import Forked
from tests.proxy import Proxy
from tests.unit.providers.cloud_api.samples import MESSAGE, document_of, signature_of
from tools.broker import BrokerNode

SECRET = "integration-test-secret"
HEADERS = {"X-WhatsApp-Gateway-3CX-Secret": SECRET}
REPLY_TIMEOUT_S = 2.0
POST_KEYS = f"p1:{base64.b64encode(bytes(32)).decode()}"


def row(**changes: Any) -> Integration:
    hashed = SecretHash(sha256=hashlib.sha256(SECRET.encode()).hexdigest())
    return an_integration(**({"secrets": (hashed,)} | changes))


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


@dataclass
class Place:
    """Where an ingress runs; a made-up policy answers what it publishes, and everything published is kept."""

    environ: dict[str, str]
    broker: Broker
    store: Store
    http: aiohttp.ClientSession
    port: int = 0
    health_port: int = 0
    answering: bool = True
    recorded: list[tuple[UUID, Event]] = field(default_factory=list)
    process: Forked | None = None

    async def start(self) -> Forked:
        """Start ingress and wait until it takes requests."""
        process = await self.launch()

        async def answers() -> bool:
            try:
                async with self.http.get(f"http://127.0.0.1:{self.port}/") as response:
                    return response.status == 404
            except aiohttp.ClientConnectionError:
                return False

        await until(answers)
        return process

    async def launch(self) -> Forked:
        """Start ingress; it takes requests once it has its broker and its store."""
        self.port, self.health_port = await _free_ports(2)
        ports = {"GATEWAY_PORT": str(self.port), "GATEWAY_INGRESS_METRICS_PORT": str(self.health_port)}
        self.process = await Forked.start("services.ingress", environ=self.environ | ports)
        return self.process

    async def readiness(self) -> tuple[int, dict[str, bool]]:
        """What `/readyz` answers: the status, and what each check found."""
        async with self.http.get(f"http://127.0.0.1:{self.health_port}/readyz") as response:
            return response.status, (await response.json())["checks"]

    async def post(self, **headers: str) -> tuple[int, dict[str, Any], float]:
        begun = time.monotonic()
        url = f"http://127.0.0.1:{self.port}/integrations/3cx/webhook/int_1"
        async with self.http.post(url, json={"event_type": "test"}, headers=HEADERS | headers) as response:
            return response.status, await response.json(), time.monotonic() - begun

    async def judge(self, received: Received[WebhookReceived]) -> WebhookAnswered | None:
        event = received.event
        answered = WebhookAnswered(event_id=received.id, reply_to=event.reply_to, code=AnswerStatus.OK)
        return answered if self.answering else None

    async def record(self, batch: Sequence[Received[Event]]) -> None:
        self.recorded += [(received.id, received.event) for received in batch]

    async def answer(self, event_id: UUID, event: WebhookReceived) -> None:
        answered = WebhookAnswered(event_id=event_id, reply_to=event.reply_to, code=AnswerStatus.OK)
        await self.broker.publish(answered, id=answered.derived_id(event_id))

    def of(self, kind: type[Event]) -> list[tuple[UUID, Any]]:
        return [(id_, event) for id_, event in self.recorded if isinstance(event, kind)]


async def _free_ports(count: int) -> list[int]:
    """Ports that nothing listened on a moment ago."""
    servers = [await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) for _ in range(count)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    for server in servers:
        server.close()
        await server.wait_closed()
    return ports


@asynccontextmanager
async def placed(amqp_url: str, folder: Path) -> AsyncIterator[Place]:
    store_url = f"sqlite:///{folder / 'gateway.db'}"
    store = await open_store(store_url)
    assert await store.registry.save(row(), [], created=True)
    environ = (
        os.environ
        | key_setting("ingress")
        | {
            "GATEWAY_AMQP_URL": amqp_url,
            "GATEWAY_STORE_URL": store_url,
            "GATEWAY_HASH_KEY": "h" * 32,
            "GATEWAY_WHATSAPP_APP_SECRET": "app-secret",
            "GATEWAY_WHATSAPP_VERIFY_TOKEN": "verify-token",
            "GATEWAY_POST_KEYS": POST_KEYS,
            "GATEWAY_METRICS_HOST": "127.0.0.1",
            "GATEWAY_HOST": "127.0.0.1",
            "GATEWAY_REPLY_TIMEOUT": str(REPLY_TIMEOUT_S),
        }
    )
    works = (WEBHOOKS, RECORDS, POSTS)
    async with (
        Broker.connected("test", amqp_url, keys=EveryonesKeys(), works=works) as broker,
        aiohttp.ClientSession() as http,
    ):
        place = Place(environ, broker, store, http)
        await broker.consume(WEBHOOKS, (on(WebhookReceived, place.judge),), prefetch=10)
        await broker.consume_in_batches(RECORDS, place.record)
        try:
            yield place
        finally:
            if place.process is not None and place.process.returncode is None:
                place.process.kill()
                await place.process.wait()
            await store.close()


@pytest.fixture
async def place(vhost: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with placed(vhost, tmp_path) as place:
        yield place


async def test_a_webhook_is_published_and_its_result_told(place: Place) -> None:
    await place.start()

    status, body, _ = await place.post()

    async def recorded() -> bool:
        return bool(place.of(WebhookReceived))

    await until(recorded)
    [(event_id, event)] = place.of(WebhookReceived)
    assert (status, body) == (200, {"success": True, "status": "ok", "event_id": str(event_id)})
    assert event.account_id == "acc_1"


async def meta_post(place: Place, document: object) -> int:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    name, value = signature_of(body, "app-secret")
    url = f"http://127.0.0.1:{place.port}/integrations/whatsapp/webhook"
    async with place.http.post(url, data=body, headers={name: value, "Content-Type": "application/json"}) as response:
        return response.status


async def dead_letters_of(place: Place) -> list[DeadLettered]:
    """A list that fills with the dead letters that the broker delivers, as console receives them."""
    found: list[DeadLettered] = []

    async def keep(letter: DeadLettered) -> None:
        found.append(letter)

    await place.broker.consume_dead_letters(keep)
    return found


async def test_a_post_that_cannot_be_read_is_a_dead_letter_and_is_one_again_after_a_replay(place: Place) -> None:
    await place.start()
    letters = await dead_letters_of(place)
    undated = MESSAGE | {"timestamp": "soon", "text": {"body": "a customer's words"}}

    status = await meta_post(place, document_of(messages=[undated]))
    await until(lambda: holds(letters, 1))
    await place.broker.replay(letters[0].queue, letters[0].serialized)
    await until(lambda: holds(letters, 2))

    assert status == 200
    for letter in letters:
        assert (letter.queue, letter.reason) == ("ingress.posts", "unreadable_post")
        assert letter.name == "whatsapp.post_set_aside"
        event = base64.b64decode(json.loads(letter.serialized)["body"]).decode()
        assert MESSAGE["from"] not in event
        assert "customer's words" not in event
    assert letters[0].message_id == letters[1].message_id
    assert place.of(WhatsAppPostSetAside) == []  # the record has no part of it


async def test_a_replayed_post_that_can_be_read_is_published_under_the_ids_of_its_first_reading(place: Place) -> None:
    assert await place.store.registry.save(a_number(phone_number_id="106540352242922"), [], created=True)
    await place.start()
    letters, document, post_id = await dead_letters_of(place), document_of(messages=[MESSAGE]), uuid4()
    sealed = post_sealer_from(POST_KEYS).seal(json.dumps(document).encode(), post_id)
    post = WhatsAppPostSetAside(endpoint="whatsapp", arrived_at=datetime.now(UTC), sealed=sealed)

    assert await meta_post(place, document) == 200
    await place.broker.dead_letter(post, POSTS, id=post_id, reason="unreadable_post")
    await until(lambda: holds(letters, 1))
    await place.broker.replay(letters[0].queue, letters[0].serialized)

    async def read_twice() -> bool:
        return len(place.of(WhatsAppMessageReceived)) == 2

    await until(read_twice)
    assert len({id_ for id_, _ in place.of(WhatsAppMessageReceived)}) == 1
    assert len(letters) == 1


async def holds(letters: list[DeadLettered], count: int) -> bool:
    return len(letters) == count


async def test_a_rejection_reaches_the_record(place: Place) -> None:
    await place.start()

    status, _, _ = await place.post(**{"X-WhatsApp-Gateway-3CX-Secret": "wrong"})

    async def there() -> bool:
        return [event.reason for _, event in place.of(WebhookRejected)] == ["wrong_secret"]

    assert status == 401
    await until(there)


async def test_a_change_reaches_ingress_at_once(place: Place) -> None:
    await place.start()
    before, _, _ = await place.post()
    changed = row(enabled=False, version=2)

    assert await place.store.registry.save(changed, [], created=False)
    event = IntegrationChanged(integration_id="int_1", account_id="acc_1", actor="test")
    await place.broker.publish(event, id=uuid4())

    async def refused() -> bool:
        return (await place.post())[0] == 401

    assert before == 200
    await until(refused, seconds=15)


async def test_a_result_that_comes_late_is_told_on_asking(place: Place) -> None:
    place.answering = False
    await place.start()

    status, body, _ = await place.post()

    url = f"http://127.0.0.1:{place.port}/integrations/3cx/webhook/int_1/events/{body['event_id']}"
    async with place.http.get(url, headers=HEADERS) as response:
        assert (status, response.status) == (202, 202)
        assert await response.json() == body


async def test_sigterm_lets_a_request_in_hand_have_its_answer(place: Place) -> None:
    place.answering = False
    process = await place.start()
    waiting = asyncio.create_task(place.post())

    async def published() -> bool:
        return len(place.of(WebhookReceived)) == 1

    await until(published)
    process.send_signal(signal.SIGTERM)
    [(event_id, event)] = place.of(WebhookReceived)
    await asyncio.sleep(0.3)  # the signal is in hand
    await place.answer(event_id, event)
    status, body, _ = await waiting

    assert (status, body["status"]) == (200, "ok")
    assert await asyncio.wait_for(process.wait(), 15) == 0


async def test_a_request_on_an_idle_connection_is_answered_after_the_signal_to_stop(place: Place) -> None:
    """A proxy sends on connections that it has kept; only when it has noticed the end does it use them no more."""
    process = await place.start()
    idle = [await _Connection.to(place.port) for _ in range(3)]
    before = [await each.post() for each in idle]
    process.send_signal(signal.SIGTERM)
    await until(partial(_refused, place.port))

    after = [await each.post() for each in idle]
    ends = [await each.reader.read() for each in idle]

    assert [(answer.status, _connection(answer)) for answer in before] == [(200, None)] * 3
    assert [(answer.status, _connection(answer)) for answer in after] == [(200, "close")] * 3
    assert ends == [b""] * 3
    assert await asyncio.wait_for(process.wait(), 15) == 0


async def test_connections_that_stay_idle_end_with_their_keep_alive_time(place: Place) -> None:
    place.environ["GATEWAY_KEEP_ALIVE_SECONDS"] = "1"
    process = await place.start()
    idle = await _Connection.to(place.port)
    await idle.post()
    process.send_signal(signal.SIGTERM)

    assert await idle.reader.read() == b""
    assert await asyncio.wait_for(process.wait(), 15) == 0


async def test_ingress_accepts_connections_for_its_stop_delay(place: Place) -> None:
    """An edge that learns of a stop by health checks goes on sending until then."""
    place.environ["GATEWAY_STOP_DELAY_SECONDS"] = "2"
    process = await place.start()
    process.send_signal(signal.SIGTERM)
    answers = []
    while not await _refused(place.port):
        answers.append(await (await _Connection.to(place.port)).post())
        await asyncio.sleep(0.1)

    assert len(answers) > 3
    assert {(answer.status, _connection(answer)) for answer in answers} == {(200, "close")}
    assert await asyncio.wait_for(process.wait(), 15) == 0


@dataclass(frozen=True, slots=True)
class _Connection:
    """A connection that is used for several requests, as a proxy does."""

    url: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def to(cls, port: int) -> Self:
        url = f"http://127.0.0.1:{port}/integrations/3cx/webhook/int_1"
        return cls(url, *await asyncio.open_connection("127.0.0.1", port))

    async def post(self) -> RawAnswer:
        body = b'{"event_type": "test"}'
        headers = [*HEADERS.items(), ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        self.writer.write(head(self.url, headers) + body)
        return await read_answer(self.reader)


def _connection(answer: RawAnswer) -> str | None:
    return {name.lower(): value for name, value in answer.headers}.get("connection")


async def _refused(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    writer.transport.abort()
    return False


async def test_ingress_is_ready_once_it_has_started_and_stays_so_while_its_broker_is_gone(
    place: Place, broker: BrokerNode, vhost: str
) -> None:
    """Ingress then answers 503 itself, with the time to wait; an edge without a ready pod has an answer of its own."""
    async with Proxy.to(broker.port) as line:
        place.environ["GATEWAY_AMQP_URL"] = line.url(vhost)
        await line.refuse()
        await place.launch()
        before_the_start = await _answered(place.readiness)
        await line.heal()
        await until(lambda: _ready(place))
        _, told, _ = await place.post()

        await line.refuse()
        await until(lambda: _lost(place, "broker"))
        ready, checks = await place.readiness()
        refused, body, _ = await place.post()
        unknown, _, _ = await place.post(**{"X-WhatsApp-Gateway-3CX-Secret": "wrong"})
        url = f"http://127.0.0.1:{place.port}/integrations/3cx/webhook/int_1/events/{told['event_id']}"
        async with place.http.get(url, headers=HEADERS) as response:
            status = response.status

    assert before_the_start == (503, {"started": False})
    assert (ready, checks["broker"], checks["store"]) == (200, False, True)
    assert (refused, body["error"], unknown, status) == (503, "gateway_unavailable", 401, 200)


async def test_ingress_is_unready_while_it_drains(place: Place) -> None:
    place.environ["GATEWAY_STOP_DELAY_SECONDS"] = "2"
    process = await place.start()
    before, _ = await place.readiness()
    process.send_signal(signal.SIGTERM)

    async def unready() -> bool:
        return (await place.readiness())[0] == 503

    await until(unready)
    accepted = not await _refused(place.port)

    assert before == 200
    assert accepted  # the edge has had the time to notice
    assert await asyncio.wait_for(process.wait(), 15) == 0


async def _answered(ask: Callable[[], Awaitable[Any]]) -> Any:
    """The first answer of a server that is only starting."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await ask()
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.02)


async def _ready(place: Place) -> bool:
    return (await place.readiness())[0] == 200


async def _lost(place: Place, dependency: str) -> bool:
    return not (await place.readiness())[1][dependency]


async def goes_and_returns(
    place: Place, goes: Callable[[], Awaitable[object]], returns: Callable[[], Awaitable[object]]
) -> None:
    """A client that asks meanwhile is told in time; asked again with the same key, it gets an answer to that event."""
    await place.start()
    before, _, _ = await place.post()
    await goes()

    refused, body, seconds = await place.post(**{"Idempotency-Key": "key-1"})
    await returns()

    async def works() -> bool:
        return (await place.post(**{"Idempotency-Key": "key-1"}))[0] == 200

    assert before == 200
    assert (refused, body["error"]) == (503, "gateway_unavailable")
    assert seconds < 2.5
    await until(works)

    async def recorded() -> bool:
        return body["event_id"] in {str(event.event_id) for _, event in place.of(WebhookAnswered)}

    await until(recorded)


async def test_a_broker_that_is_gone_is_told_in_time_and_its_return_noticed(
    place: Place, broker: BrokerNode, vhost: str
) -> None:
    async with Proxy.to(broker.port) as line:
        place.environ["GATEWAY_AMQP_URL"] = line.url(vhost)
        await goes_and_returns(place, line.refuse, line.heal)


@pytest.mark.long
async def test_a_broker_that_is_killed_is_told_in_time_and_its_return_noticed(tmp_path: Path) -> None:
    async with await BrokerNode.start(tmp_path / "node") as node, placed(node.url, tmp_path) as place:
        await goes_and_returns(place, partial(asyncio.to_thread, node.kill), node.restart)
