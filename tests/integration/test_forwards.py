"""Forwarding by sender as a process, on a real broker and a real store: repeated, killed, and stopped."""

import asyncio
import base64
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from libs.chassis.amqp import Broker
from libs.chassis.subscriptions import Received
from libs.chassis.topology import FORWARDS, RECORDS
from libs.contracts.events import Event, ForwardDelivered, ForwardRequested
from libs.contracts.forwards import ForwardKind
from libs.store.factory import open_store
from libs.store.sealer import sealer_from
from libs.store.store import Store
from services.sender.adapters.forward_targets import FORWARD_SECRET
from tests.builders import NOON, an_integration
from tests.e2e.pbx import Pbx, running_pbx
from tests.e2e.waiting import eventually
from tests.event_keys import EveryonesKeys, key_setting
from tests.integration.forked import Forked

KEYS = "k1:" + base64.b64encode(bytes(32)).decode()


def requested() -> ForwardRequested:
    return ForwardRequested(
        account_id="acc_1",
        integration_id="int_1",
        event_id=UUID(int=1),
        kind=ForwardKind.MESSAGE_RECEIVED,
        number_id="num_1",
        at=NOON,
        customer="+966512345678",
        content={"message": {"id": "wamid.1", "type": "text", "text": "Hello"}},
    )


@dataclass
class Place:
    """Where senders run, the 3CX side, and what was said of it."""

    environ: dict[str, str]
    broker: Broker
    store: Store
    pbx: Pbx
    delivered: list[tuple[UUID, ForwardDelivered]] = field(default_factory=list)
    processes: list[Forked] = field(default_factory=list)

    async def start(self) -> Forked:
        process = await Forked.start("services.sender", environ=self.environ)
        self.processes.append(process)
        return process

    async def said(self, times: int = 1, *, seconds: float = 30.0) -> list[tuple[UUID, ForwardDelivered]]:
        async def there() -> bool:
            return len(self.delivered) >= times

        await eventually(there, seconds=seconds)
        return self.delivered

    async def reached(self, posts: int = 1) -> None:
        async def there() -> bool:
            return len(self.pbx.posts) >= posts

        await eventually(there, seconds=30.0)


@pytest.fixture
async def place(vhost: str, tmp_path: Path) -> AsyncIterator[Place]:
    store_url = f"sqlite:///{tmp_path / 'gateway.db'}"
    store = await open_store(store_url)
    environ = (
        os.environ
        | key_setting("sender")
        | {
            "GATEWAY_AMQP_URL": vhost,
            "GATEWAY_STORE_URL": store_url,
            "GATEWAY_HASH_KEY": "h" * 32,
            "GATEWAY_SECRET_KEYS": KEYS,
            "GATEWAY_DO_NOT_CONTACT_KEYS": KEYS,
            "GATEWAY_SENDER_METRICS_PORT": "0",
            "GATEWAY_METRICS_HOST": "127.0.0.1",
            "GATEWAY_ALLOW_PRIVATE_FORWARD": "true",
            "GATEWAY_FORWARD_TIMEOUT": "1.5",
        }
    )
    async with (
        running_pbx() as pbx,
        Broker.connected("test", vhost, keys=EveryonesKeys(), works=(FORWARDS, RECORDS)) as broker,
    ):
        sealed = sealer_from(KEYS).seal("a-secret", owner="int_1", field_name=FORWARD_SECRET)
        integration = an_integration(forward_url=pbx.url, sealed_forward_secret=sealed)
        assert await store.registry.save(integration, [], created=True)
        place = Place(environ, broker, store, pbx)

        async def hear(received: Received[Event]) -> None:
            assert isinstance(received.event, ForwardDelivered)
            place.delivered.append((received.id, received.event))

        await broker.subscribe_exclusive("delivered", [ForwardDelivered.binding], hear)
        yield place
        for process in place.processes:
            if process.returncode is None:
                process.kill()
                await process.wait()
    await store.close()


async def test_a_request_said_three_times_to_two_senders_is_posted_once_and_answered_each_time(place: Place) -> None:
    await place.start()
    await place.start()
    forward_id = uuid4()

    for _ in range(3):
        await place.broker.publish(requested(), id=forward_id)
    said = await place.said(3)

    assert [told.id for told in place.pbx.posts] == [str(forward_id)]
    assert len({id_ for id_, _ in said}) == 1
    assert {event.forward_id for _, event in said} == {forward_id}


async def test_a_sender_killed_before_it_noted_the_answer_posts_again_under_the_same_id(place: Place) -> None:
    place.pbx.hanging = asyncio.Event()
    process = await place.start()
    forward_id = uuid4()
    await place.broker.publish(requested(), id=forward_id)
    await place.reached()

    process.kill()
    await process.wait()
    place.pbx.hanging.set()
    await place.start()
    [(_, event)] = await place.said()

    assert {told.id for told in place.pbx.posts} == {str(forward_id)}
    assert len({told.headers["webhook-signature"] for told in place.pbx.posts}) == 2
    assert event.status == 200


async def test_sigterm_lets_the_try_under_way_end(place: Place) -> None:
    place.pbx.hanging = asyncio.Event()
    process = await place.start()
    await place.broker.publish(requested(), id=uuid4())
    await place.reached()

    process.send_signal(signal.SIGTERM)
    place.pbx.hanging.set()

    [(_, event)] = await place.said()
    assert event.attempts == 1
    assert await asyncio.wait_for(process.wait(), 30) == 0
    assert len(place.pbx.accepted) == 1


async def test_a_hanging_try_ends_in_time_and_is_made_again(place: Place) -> None:
    place.pbx.hanging = asyncio.Event()
    await place.start()
    forward_id, begun = uuid4(), datetime.now(UTC)
    await place.broker.publish(requested(), id=forward_id)
    await place.reached()

    async def failed() -> bool:
        found = await place.store.forwards.get(str(forward_id))
        return found is not None and bool(found.attempts)

    await eventually(failed, seconds=10.0)
    place.pbx.hanging.set()
    [(_, event)] = await place.said()

    found = await place.store.forwards.get(str(forward_id))
    assert found is not None
    assert [attempt.error for attempt in found.attempts] == ["timeout", None]
    assert event.attempts == 2
    assert 1_400 <= found.attempts[0].duration_ms < 5_000
    assert (datetime.now(UTC) - begun).total_seconds() >= 1.5 + 5.0
