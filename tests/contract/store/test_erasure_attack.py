"""What is found with the whole store and every key but the do-not-contact key, by trying all numbers of a region.

Before an erasure the attack finds the person, so it is one; afterwards it finds nobody.
"""

import base64
import re
import unicodedata
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.chassis.clock import utc_now
from libs.chassis.subscriptions import Received, Subscription
from libs.contracts.events import (
    Event,
    ForwardRequested,
    MessageApproved,
    MessageStatusUpdated,
    WebhookAnswered,
    WebhookPayload,
    WebhookReceived,
    WhatsAppMessageReceived,
    WhatsAppStatusReceived,
)
from libs.contracts.identity import masked
from libs.store.callers import Caller, CredentialKind
from libs.store.directory_cache import CachedDirectory, CachedIntegrations
from libs.store.sealer import sealer_from
from services.policy.app import subscriptions
from services.sender.handlers.forward_events import forward_from
from tests.contract.store.builders import a_claim, an_integration
from tests.contract.store.deployments import ACCOUNT, PSEUDONYMS, SECRET_KEYS, Deployment, a_deployment, key_of
from tools.stack.stored_data import stored_data

REGION = "+96651234"
"""The attacked numbers: all 10,000 that begin so."""
PHONE, BYSTANDER = f"{REGION}5678", f"{REGION}0001"
TEXT = "Your parcel is at the desk."
DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
BODY = '{{"event_type":"outbound_message","to":"{}","text":"' + TEXT + '","message_purpose":"support"}}'


@pytest.fixture
async def world(store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator["Handlers"]:
    async with a_deployment(store_url, tmp_path, capsys) as made:
        await made.store.registry.save(
            an_integration(
                "int-1",
                account_id=ACCOUNT,
                instance_id="num-1",
                enabled=True,
                sending_enabled=True,
                forward_url="https://pbx.example.com/hook",
                sealed_forward_secret="k1:nonce:sealed",
            ),
            [],
            created=True,
        )
        yield Handlers(made)


@dataclass
class Handlers:
    """Policy's and audit's own handlers over one store; what sender writes goes through the store's ports."""

    made: Deployment
    told: list[Event] = field(default_factory=list)

    @cached_property
    def bound(self) -> list[Subscription[Any]]:
        """What policy handles; it reads its lists of words once."""
        store = self.made.store
        by_queue = subscriptions(
            store,
            CachedDirectory(store.directory),
            CachedIntegrations(store.registry),
            do_not_contact=self.made.hashes,
            sealer=sealer_from(SECRET_KEYS),
        )
        return [each for queue in by_queue.values() for each in queue]

    async def happens(self, event: Event, id_: UUID | None = None, at: datetime | None = None) -> None:
        """An event is recorded and handled, and so is everything that follows from it."""
        name, when = id_ or uuid4(), at or utc_now()
        self.told.append(event)
        await self.made.happened(event, ids=[name], at=when)
        received: Received[Any] = Received(event=event, id=name, at=when, producer="ingress")
        for each in self.bound:
            if type(event) is each.event:
                for result in _events(await each.handler(received)):
                    await self.happens(result, result.derived_id(name))
        await self._as_sender(received)

    async def _as_sender(self, received: Received[Any]) -> None:
        event, now, store = received.event, utc_now(), self.made.store
        if isinstance(event, ForwardRequested):
            key = key_of(event.customer or "")
            await store.forwards.start(
                forward_from(received, now, customer_key=key), owner="s1", now=now, lease=timedelta()
            )
        if isinstance(event, MessageApproved):
            wamid = f"wamid.{base64.b64encode(f'HB{event.customer}'.encode()).decode()}"
            claim = a_claim(str(event.event_id), account_id=ACCOUNT, number_id="num-1", customer_key=event.customer_key)
            await store.ledger.claim(claim)
            await store.ledger.finish(str(event.event_id), owner=claim.owner, outcome=b"{}", message_id=wamid, now=now)
            fields = {name: getattr(event, name) for name in ("account_id", "integration_id", "event_id", "reply_to")}
            fields |= {"customer": event.customer, "receipt": event.receipt, "message_id": wamid}
            await self.happens(WebhookAnswered(code="sent", received_at=now, **fields))
            status = {"account_id": ACCOUNT, "number_id": "num-1", "message_id": wamid, "status": "read", "at": now}
            await self.happens(WhatsAppStatusReceived(customer=event.customer, **status))
            await self.happens(MessageStatusUpdated(customer=event.customer, event_id=event.event_id, **status))

    async def writes(self, text: str, at: datetime, phone: str = PHONE) -> None:
        """A customer writes to the number."""
        message = {
            "number_id": "num-1",
            "message_id": f"wamid.{uuid4().hex}",
            "type": "text",
            "profile_name": "Somebody",
        }
        event = WhatsAppMessageReceived(account_id=ACCOUNT, customer=phone, text=text, sent_at=at, **message)
        await self.happens(event, at=at)

    async def is_sent_to(self, phone: str) -> None:
        """An agent's message, with the phone in every label in which people write one."""
        event_id, now = uuid4(), utc_now()
        digits = PSEUDONYMS.fingerprint(BODY.format(phone).encode())
        for key in (f"call-{phone}", f"order-{len(self.told)}"):
            caller = Caller("int-1", CredentialKind.SECRET)
            claim = self.made.store.idempotency.claim
            await claim(caller=caller, key=key, body_hash=digits, event_id=str(event_id), now=now)
        payload = WebhookPayload(
            event_type="outbound_message",
            to=phone,
            text=TEXT,
            message_purpose="support",
            conversation_id=f"wa-{phone}",
            queue=f"Sales {phone.translate(DIGITS)}",
            agent_extension=f"{phone[:4]} {phone[4:6]} {phone[6:9]}-{phone[9:]}",
        )
        fields = {"account_id": ACCOUNT, "integration_id": "int-1", "reply_to": "ingress-1"}
        await self.happens(WebhookReceived(payload=payload, **fields), event_id, now)


def _events(result: Any) -> list[Event]:
    if result is None:
        return []
    return [result] if isinstance(result, Event) else list(result)


@dataclass(frozen=True)
class Attack:
    """Searches what is stored for everything that a guess of a number leads to."""

    content: str

    def found(self) -> set[str]:
        """The numbers of the region about which the content tells that they are there."""
        hashes = set(re.findall(r"[0-9a-f]{64}|(?<=sup_)[0-9a-f]{24}", self.content))
        masks = set(re.findall(r"\+\d{1,5}•+\d{3}", self.content))
        numbers, tokens = self._numbers(), set(re.findall(r"[A-Za-z0-9+/=]{12,}", self.content))
        return {
            guess
            for guess, leads_to, mask, token in _guesses()
            if not hashes.isdisjoint(leads_to)
            or mask in masks
            or guess[1:] in numbers
            or f"0{guess[4:]}" in numbers
            or token in tokens
        }

    def _numbers(self) -> set[str]:
        """Every 10 and 12 digits in a row of the content, in any script and whatever stands between them."""
        plain = unicodedata.normalize("NFKC", self.content)
        runs = re.findall(r"\d(?:[^\w\x00-\x1f]{0,3}\d){9,}", plain)
        digits = ["".join(str(unicodedata.digit(sign)) for sign in run if sign.isdigit()) for run in runs]
        return {run[at : at + length] for run in digits for length in (10, 12) for at in range(len(run) - length + 1)}


@cache
def _guesses() -> list[tuple[str, tuple[str, ...], str, str]]:
    """Every number of the region with its hashes, its mask, and the end of its message ids."""
    region = [f"{REGION}{n:04}" for n in range(10_000)]
    tokens = [base64.b64encode(f"HB{guess}".encode()).decode() for guess in region]
    return [
        (guess, tuple(_hashes_of(guess)), masked(guess), token) for guess, token in zip(region, tokens, strict=True)
    ]


def _hashes_of(guess: str) -> Iterator[str]:
    key = key_of(guess)
    fast = PSEUDONYMS.do_not_contact_hash(key)
    yield from (key, fast, fast[:24], sha256(f"erased:{ACCOUNT}:{key}".encode()).hexdigest())
    yield PSEUDONYMS.text_hash(ACCOUNT, guess)
    yield PSEUDONYMS.fingerprint(BODY.format(guess).encode())
    yield sha256(guess.encode()).hexdigest()
    yield sha256(fast.encode()).hexdigest()[:24]


def attack(made: Deployment) -> Attack:
    return Attack(stored_data(made.url).content().decode("utf-8", "replace"))


async def test_nobody_is_found_after_an_erasure_and_the_person_before_it(world: Handlers) -> None:
    made, before = world.made, utc_now() - timedelta(minutes=5)
    await world.writes("Hello", before)
    await world.is_sent_to(PHONE)
    await world.writes("STOP", utc_now() - timedelta(seconds=2))
    await world.is_sent_to(PHONE)
    answers = [event.code.value for event in world.told if isinstance(event, WebhookAnswered)]
    [subject] = await made.store.subjects.find(customer_keys=[key_of(PHONE)])
    assert {"sent", "recipient_suppressed"} <= set(answers), answers
    assert PHONE in attack(made).found()
    text_hash = PSEUDONYMS.text_hash(ACCOUNT, TEXT)

    await made.erased(PHONE, subject.pseudonym)

    after = attack(made)
    assert after.found() == set()
    assert text_hash not in after.content
    assert await made.is_suppressed(PHONE)
    assert not await made.is_suppressed(BYSTANDER)


async def test_what_an_earlier_release_left_of_somebody_is_found_until_it_is_rehashed_without_their_number(
    world: Handlers,
) -> None:
    made, fast = world.made, PSEUDONYMS.do_not_contact_hash(key_of(PHONE))
    await made.opts_out(PHONE)
    [subject] = [*await made.store.subjects.find(customer_keys=[key_of(PHONE)])]
    await made.erased(PHONE, subject.pseudonym, do_not_contact=fast)
    assert attack(made).found() == {PHONE}
    assert await made.is_suppressed(PHONE)

    rehashed = [await made.hashes.rehash_all(), await made.hashes.rehash_all()]

    assert rehashed == [1, 0]
    assert attack(made).found() == set()
    assert await made.is_suppressed(PHONE)
    assert not await made.is_suppressed(BYSTANDER)


async def test_an_entry_is_found_with_the_key_that_made_it_after_a_rotation_and_by_nobody_without_it(
    world: Handlers,
) -> None:
    made = world.made
    await made.opts_out(PHONE)
    [subject] = [*await made.store.subjects.find(customer_keys=[key_of(PHONE)])]
    await made.erased(PHONE, subject.pseudonym)
    newer = f"d2:{base64.b64encode(b'n' * 32).decode()}"

    rotated = made.hashes_with(f"{newer},{made.hash_keys}")
    lost = made.hashes_with(newer)

    assert (await rotated.standing(ACCOUNT, [key_of(PHONE)])).kinds
    assert not (await lost.standing(ACCOUNT, [key_of(PHONE)])).kinds


async def test_a_marker_of_an_erasure_needs_the_do_not_contact_key(world: Handlers) -> None:
    made, now = world.made, utc_now()

    await made.erased_customers.mark(ACCOUNT, [key_of(PHONE)], now)

    assert await made.erased_customers.erased_at(ACCOUNT, [key_of(PHONE)]) == now
    assert await made.store.erased_customers.erased_at(ACCOUNT, [key_of(PHONE)]) is None
    assert attack(made).found() == set()


async def test_a_marker_of_an_earlier_release_still_cancels(world: Handlers) -> None:
    made, now = world.made, utc_now()

    await made.store.erased_customers.mark(ACCOUNT, [key_of(PHONE)], now)

    assert await made.erased_customers.erased_at(ACCOUNT, [key_of(PHONE)]) == now


async def test_a_repeated_request_of_an_erased_person_is_not_taken_for_the_same(world: Handlers) -> None:
    """The body's digest is gone with the person; a key without a number stays and refuses the repetition."""
    made, event_id = world.made, str(uuid4())
    caller = Caller("int-1", CredentialKind.SECRET)
    given: dict[str, Any] = {"body_hash": "digest", "now": utc_now()}
    await made.store.idempotency.claim(caller=caller, key="order-12", event_id=event_id, **given)
    pseudonym = await made.customer(PHONE)
    await world.is_sent_to(PHONE)
    job = made.job_of(PHONE, pseudonym, await made.hashes.newest([key_of(PHONE)]))

    await made.store.personal_data.erase(job, event_ids=[event_id], dead_letters=[])

    repeated = await made.store.idempotency.claim(caller=caller, key="order-12", event_id=str(uuid4()), **given)
    assert type(repeated).__name__ == "Reused"
