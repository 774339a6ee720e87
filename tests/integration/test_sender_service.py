"""Sender as its own process, on a real broker, a real store and the simulator: repeated, stopped, and killed."""

import asyncio
import base64
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
from aiohttp import web

from libs.chassis.amqp import Broker
from libs.chassis.clock import utc_now
from libs.chassis.subscriptions import Received
from libs.chassis.topology import MESSAGES, RECORDS, STATUSES
from libs.contracts.callback_data import callback_from
from libs.contracts.errors import ErrorCode
from libs.contracts.events import (
    Event,
    MessageApproved,
    MessageSettled,
    MessageStatusUpdated,
    WebhookAnswered,
    WhatsAppStatusReceived,
    WhatsAppStatusUnmatched,
    answer_id,
)
from libs.contracts.identity import Pseudonyms
from libs.contracts.results import AnswerStatus
from libs.store.factory import open_store
from libs.store.sealer import sealer_from
from services.sender.adapters.numbers import TOKEN_FIELD
from tests.event_keys import EveryonesKeys, key_setting
from tests.integration.forked import Forked
from tests.unit.sender.gateway import a_number, approved
from tools.simulator.app import simulator_runner
from tools.simulator.client import SimulatorClient
from tools.simulator.faults import Fault, FaultStep, Match
from tools.simulator.simulator_state import SimulatorSettings

E = TypeVar("E", bound=Event)
KEYS = "k1:" + base64.b64encode(bytes(32)).decode()
PROVIDER_TIMEOUT_S = 2.0
FOLLOWING = ("message.*", "whatsapp.status_unmatched")
LEASE_S = PROVIDER_TIMEOUT_S + 5.0


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


@dataclass
class Place:
    """Where senders run: broker, store and simulator; and what was answered, with the answers' ids."""

    environ: dict[str, str]
    broker: Broker
    whatsapp: SimulatorClient
    answers: list[tuple[UUID, WebhookAnswered]] = field(default_factory=list)
    followed: list[Event] = field(default_factory=list)
    processes: list[Forked] = field(default_factory=list)

    async def start(self) -> Forked:
        process = await Forked.start("services.sender", environ=self.environ)
        self.processes.append(process)
        return process

    async def say(self, event: MessageApproved) -> None:
        await self.broker.publish(event, id=event.derived_id(event.event_id))

    async def report(self, status: str, message_id: str, callback: str | None = None) -> None:
        """WhatsApp reports a status, as ingress tells of it."""
        event = WhatsAppStatusReceived(
            account_id="a1", number_id="n1", message_id=message_id, status=status, at=utc_now(), callback_data=callback
        )
        await self.broker.publish(event, id=uuid4())

    async def heard(self, kind: type[E]) -> E:
        """The first event of a kind that sender says."""

        async def there() -> bool:
            return any(isinstance(event, kind) for event in self.followed)

        await until(there)
        return next(event for event in self.followed if isinstance(event, kind))

    async def answered(self, event_id: UUID, times: int = 1) -> list[WebhookAnswered]:
        async def there() -> bool:
            return len(self.answers_to(event_id)) >= times

        await until(there)
        return self.answers_to(event_id)

    def answers_to(self, event_id: UUID) -> list[WebhookAnswered]:
        assert all(id_ == answer_id(answer.event_id) for id_, answer in self.answers)
        return [answer for _, answer in self.answers if answer.event_id == event_id]

    async def asked(self, callback_calls: int) -> None:
        async def there() -> bool:
            return (await self.whatsapp.stats()).requests >= callback_calls

        await until(there)


@pytest.fixture
async def place(vhost: str, tmp_path: Path) -> AsyncIterator[Place]:
    runner = simulator_runner(SimulatorSettings(app_secret="app-secret", access_tokens=("made-up-token",)))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    store_url = f"sqlite:///{tmp_path / 'gateway.db'}"
    store = await open_store(store_url)
    sealed = sealer_from(KEYS).seal("made-up-token", owner="n1", field_name=TOKEN_FIELD)
    assert await store.registry.save(a_number(sealed_token=sealed), [], created=True)
    await store.close()
    environ = (
        os.environ
        | key_setting("sender")
        | {
            "GATEWAY_AMQP_URL": vhost,
            "GATEWAY_STORE_URL": store_url,
            "GATEWAY_HASH_KEY": "h" * 32,
            "GATEWAY_SECRET_KEYS": KEYS,
            "GATEWAY_DO_NOT_CONTACT_KEYS": KEYS,
            "GATEWAY_WHATSAPP_API_URL": url,
            "GATEWAY_PROVIDER_TIMEOUT": str(PROVIDER_TIMEOUT_S),
            "GATEWAY_SENDER_METRICS_PORT": "0",
            "GATEWAY_STATUS_PARKING_SECONDS": "4",
            "GATEWAY_METRICS_HOST": "127.0.0.1",
        }
    )
    works = (MESSAGES, STATUSES, RECORDS)
    async with (
        Broker.connected("test", vhost, keys=EveryonesKeys(), works=works) as broker,
        SimulatorClient(url) as whatsapp,
    ):
        place = Place(environ, broker, whatsapp)

        async def hear(received: Received[Event]) -> None:
            if isinstance(received.event, WebhookAnswered):
                place.answers.append((received.id, received.event))
            else:
                place.followed.append(received.event)

        await broker.subscribe_exclusive("answers", ["result.#", *FOLLOWING], hear)
        yield place
        for process in place.processes:
            if process.returncode is None:
                process.kill()
                await process.wait()
    await runner.cleanup()


async def test_an_event_said_three_times_to_two_senders_is_sent_once_and_answered_each_time(place: Place) -> None:
    await place.start()
    await place.start()
    event = approved(event_id=uuid4())

    for _ in range(3):
        await place.say(event)
    answers = await place.answered(event.event_id, times=3)

    [taken] = await place.whatsapp.messages()
    assert {answer.code for answer in answers} == {AnswerStatus.SENT}
    assert {answer.message_id for answer in answers} == {taken.id}


async def test_sigterm_lets_the_call_under_way_end_and_its_answer_go_out(place: Place) -> None:
    await place.whatsapp.script(FaultStep(fault=Fault(kind="late", seconds=1.0)))
    process = await place.start()
    event = approved(event_id=uuid4())
    await place.say(event)
    await place.asked(1)

    process.send_signal(signal.SIGTERM)

    [answer] = await place.answered(event.event_id)
    assert answer.code is AnswerStatus.SENT
    assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_a_sender_killed_in_its_call_leaves_an_unknown_outcome_that_is_never_sent_again(place: Place) -> None:
    await place.whatsapp.script(FaultStep(match=Match(times=1), fault=Fault(kind="late", seconds=1.0)))
    process = await place.start()
    event = approved(event_id=uuid4())
    await place.say(event)
    await place.asked(1)

    process.kill()
    await process.wait()
    await place.start()

    [answer] = await place.answered(event.event_id)
    assert answer.code is ErrorCode.GATEWAY_SEND_FAILED
    assert answer.details["outcome"] == "unknown"
    assert len(await place.whatsapp.messages()) == 1


async def test_a_status_settles_what_a_killed_sender_left_unknown(place: Place) -> None:
    await place.whatsapp.script(FaultStep(match=Match(times=1), fault=Fault(kind="late", seconds=1.0)))
    process = await place.start()
    event = approved(event_id=uuid4())
    await place.say(event)
    await place.asked(1)
    process.kill()
    await process.wait()
    await place.start()
    await place.answered(event.event_id)

    await place.report("delivered", "wamid.late", callback_from(event.event_id, Pseudonyms(b"h" * 32)))

    settled = await place.heard(MessageSettled)
    assert (settled.event_id, settled.outcome, settled.message_id) == (event.event_id, "sent", "wamid.late")
    assert (await place.heard(MessageStatusUpdated)).status == "delivered"


async def test_a_status_that_fits_no_message_waits_in_the_broker_and_is_then_recorded(place: Place) -> None:
    await place.start()

    await place.report("delivered", "wamid.nobody")

    unmatched = await place.heard(WhatsAppStatusUnmatched)
    assert (unmatched.message_id, unmatched.status) == ("wamid.nobody", "delivered")
