"""What stands for the sockets and rows around policy and sender in `bench.message_steps`."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final, cast
from uuid import uuid4

from libs.chassis.amqp.authentication import sign
from libs.chassis.amqp.envelope import message_from
from libs.chassis.amqp.wire.delivered_message import DeliveredMessage, as_message
from libs.chassis.amqp.wire.properties import decoded, encoded
from libs.chassis.event_keys import EventKeys
from libs.chassis.subscriptions import MessageMetadata
from libs.chassis.topology import EXCHANGE
from libs.chassis.trace_context import new_context
from libs.contracts.events import Event, WebhookPayload, WebhookReceived
from libs.contracts.identity import Pseudonyms
from libs.providers.cloud_api.message_bodies import body_from
from libs.providers.cloud_api.responses import ERRORS
from libs.providers.outcomes import Accepted, SendOutcome
from libs.providers.outgoing import NumberCredentials, Outgoing
from libs.store.accounts import Account, Integration, Number, Plan
from libs.store.sealer import sealer_from
from libs.store.store import Store
from services.sender.adapters.numbers import TOKEN_FIELD

INTEGRATIONS: Final = 100
HASH_KEY: Final = "b" * 32
PSEUDONYMS: Final = Pseudonyms(HASH_KEY.encode())
SECRETS: Final = f"k1:{base64.b64encode(b's' * 32).decode()}"
ACCOUNT: Final = "acc_" + "0" * 32
_CHUNK: Final = 2_000


@dataclass(frozen=True, slots=True)
class Published:
    """An event with its AMQP header and body."""

    event: Event
    head: bytes
    body: bytes


@dataclass
class Socket:
    """Stands for a service's connection: encodes what is published, and takes acknowledgements."""

    keys: EventKeys
    producer: str
    published: list[Published] = field(default_factory=list)
    channel: Any = field(default_factory=lambda: SimpleNamespace(is_closed=False))

    def acknowledge(self, channel: object, tag: int, *, multiple: bool) -> bool:
        """Nothing is written."""
        del channel, tag, multiple
        return True

    async def publish(self, event: Event, metadata: MessageMetadata) -> None:
        """Make and sign the message, as `Publisher.publish`, up to the socket."""
        message = message_from(event, metadata, self.producer)
        sign(message, self.keys)
        self.published.append(Published(event, encoded(message), message.body))

    def delivery(self, tag: int, each: Published) -> Any:
        """What was published, as the connection hands it over."""
        method = ("tag", tag, False, EXCHANGE, each.event.routing_key)
        properties = decoded(each.head)[1]
        return as_message(DeliveredMessage(cast("Any", self), self.channel, method, properties, each.body))


class Provider:
    """WhatsApp without HTTP: takes every message."""

    errors = ERRORS

    async def send(self, number: NumberCredentials, outgoing: Outgoing) -> SendOutcome:
        """Make the body, and take it in the loop's next step."""
        del number
        body_from(outgoing)
        await asyncio.sleep(0)
        return Accepted(message_id=f"wamid.{uuid4().hex}")


def phone(serial: int) -> str:
    """Each message goes to a customer of its own."""
    return f"+9665{serial:08d}"


async def fill(store: Store, messages: int) -> None:
    """One account with its integrations, and an open window for the customer of each message."""
    now = datetime.now(UTC)
    await asyncio.gather(*(store.registry.save(row, (), created=True) for row in _rows(now)))
    opened = store.conversations.open_window
    for start in range(0, messages, _CHUNK):
        serials = range(start, min(start + _CHUNK, messages))
        keys = [(_number(serial), PSEUDONYMS.customer_key(ACCOUNT, phone(serial))) for serial in serials]
        await asyncio.gather(*(opened(number, [key], now) for number, key in keys))


def _number(serial: int) -> str:
    return f"num_{serial % INTEGRATIONS:032}"


def _rows(now: datetime) -> Sequence[Account | Number | Integration]:
    times: dict[str, Any] = {"created_at": now, "updated_at": now}
    limits: dict[str, Any] = {"plan": Plan.SCALE, "daily_limit": 10_000_000}
    rows: list[Account | Number | Integration] = [
        Account(id=ACCOUNT, name="Bench", business_name="Bench", default_region="SA", **limits, **times)
    ]
    sealer, given = sealer_from(SECRETS), {"account_id": ACCOUNT, **times}
    for serial in range(INTEGRATIONS):
        number_id = _number(serial)
        token = sealer.seal("EAAbench", owner=number_id, field_name=TOKEN_FIELD)
        fast: dict[str, Any] = {"phone_number_id": f"{2 * 10**12 + serial}", "messages_per_second": 1000.0}
        rows.append(Number(id=number_id, sealed_token=token, **fast, **given))
        rows.append(Integration(id=f"int_{serial:032}", instance_id=number_id, **given))
    return rows


async def webhooks(messages: int, keys: EventKeys) -> list[Published]:
    """What ingress publishes for as many agents' replies."""
    socket = Socket(keys, "ingress-1")
    for serial in range(messages):
        payload = WebhookPayload(
            event_type="outbound_message",
            to=phone(serial),
            text=f"Hello, your order {serial} is on its way and will be there this afternoon.",
            message_purpose="support",
            conversation_id=f"c{serial}",
            agent_extension="101",
        )
        names = {"account_id": ACCOUNT, "integration_id": f"int_{serial % INTEGRATIONS:032}"}
        event = WebhookReceived(**names, reply_to="ingress-1", payload=payload)
        await socket.publish(event, MessageMetadata(id=uuid4(), at=datetime.now(UTC), headers=dict(new_context())))
    return socket.published
