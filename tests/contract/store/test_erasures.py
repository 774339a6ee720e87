"""The contract of `Erasures` and `PersonalData`, on every adapter; in SQLite, nothing stays in the files either."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from libs.contracts.errors import ErrorCode, GatewayError
from libs.store.callers import Caller, CredentialKind
from libs.store.conversations import SuppressionKind
from libs.store.dead_letters import DeadLetter, DeadLetterFilter
from libs.store.decisions import Cooldown
from libs.store.erasures import Erasure
from libs.store.factory import open_store
from libs.store.forwards import Forward, ForwardState
from libs.store.ledger import Finished
from libs.store.restrictions import RestrictionKind, of_customer, of_pair
from libs.store.sqlite import database
from libs.store.store import Store
from libs.store.subjects import Subject
from tests.contract.store.builders import (
    NOW,
    UNPACED,
    a_claim,
    a_facts_query,
    a_number,
    a_restriction,
    a_suppression,
    after,
    an_account,
    an_approval,
    an_outbox_event,
)
from tools.stack.stored_data import stored_data

SECRET = Caller("int-1", CredentialKind.SECRET)
KEY, OTHER, USER = "c1" * 32, "c2" * 32, "c3" * 32
UNNAMED, UNNAMED_USER = "d1" * 32, "d3" * 32
WAMID = "wamid.HBgMOTY2NTEyMzQ1Njc4"
MASK = "+9665•••••678"


def an_erasure(**fields: Any) -> Erasure:
    given: dict[str, Any] = {
        "account_id": "acc-1",
        "customer_keys": (KEY, USER),
        "do_not_contact": (UNNAMED, UNNAMED_USER),
        "pseudonyms": ("p1",),
        "reason": "asked by letter",
        "actor": "admin",
        "asked_at": NOW,
    }
    return Erasure(id="era-1", **(given | fields))


async def everything_about(store: Store, key: str, *, event_id: str) -> None:
    """Everything that the gateway can come to keep of somebody."""
    await store.conversations.open_window("num-1", [key], NOW)
    await store.template_recipients.count("waba-1", "acc-1", key, NOW)
    for n, subject in enumerate((of_customer(key), of_pair("num-1", key))):
        await store.restrictions.add(a_restriction(subject, id=f"res-{n}-{event_id}"), [])
    await store.restrictions.lift("acc-1", of_pair("num-1", key), RestrictionKind.IDENTITY, at=NOW, events=lambda _: [])
    await store.suppressions.suppress(
        a_suppression(f"sup-{event_id}", customer_key=key, masked_phone=MASK, evidence={"message_id": WAMID}), []
    )
    await store.suppressions.lift(
        account_id="acc-1", customer_key=key, kind=SuppressionKind.MARKETING, at=NOW, events=[], deduplication_key=WAMID
    )
    cooldown = Cooldown(owner_id="int-1", event_type="missed_call", customer_key=key, seconds=900)
    await store.decisions.decide(an_approval(event_id, cooldown=cooldown))
    await store.delivery_order.enqueue(number_id="num-1", customer_key=key, event_id=event_id, now=NOW)
    await store.ledger.claim(a_claim(event_id, customer_key=key, pace=replace(UNPACED, pair_interval=6.0)))
    outcome = orjson.dumps({"code": "sent", "message_id": WAMID, "details": {}})
    await store.ledger.finish(event_id, outcome, now=NOW, message_id=WAMID)
    key_of_event = f"key-{event_id}"
    await store.idempotency.claim(caller=SECRET, key=key_of_event, event_id=event_id, body_hash="b", now=NOW)
    answer = orjson.dumps([200, "sent", orjson.dumps({"status": "sent", "message_id": WAMID}).decode(), None])
    await store.idempotency.answer(caller=SECRET, key=key_of_event, event_id=event_id, answer=answer)
    forward = Forward(
        id=f"forward-{event_id}",
        account_id="acc-1",
        integration_id="int-1",
        kind="message.received",
        event_id=event_id,
        masked_phone=MASK,
        requested_at=NOW,
        state=ForwardState.TRYING,
        updated_at=NOW,
    )
    await store.forwards.start(forward, owner="s", now=NOW, lease=after(60) - NOW)
    await store.dead_letters.add(a_letter(f"letter-{event_id}"))


def a_letter(letter_id: str) -> DeadLetter:
    return DeadLetter(
        id=letter_id,
        queue="sender.messages",
        reason="x",
        name="message.approved",
        message_id=None,
        account_id="acc-1",
        integration_id=None,
        attempts=1,
        died_at=NOW,
        expires_at=after(10**8),
        sealed=f"sealed {KEY}",
    )


async def erase(store: Store, **fields: Any) -> dict[str, int]:
    return dict(
        await store.personal_data.erase(
            an_erasure(**fields), event_ids=["event-1", "forward-event-1"], dead_letters=["letter-event-1"]
        )
    )


@pytest.fixture
async def peopled(store: Store) -> Store:
    """Two persons of one account; the first is known by two keys."""
    await store.registry.save(an_account("acc-1"), [], created=True)
    await store.registry.save(a_number("num-1"), [], created=True)
    await everything_about(store, KEY, event_id="event-1")
    await everything_about(store, OTHER, event_id="event-2")
    await store.identities.link("acc-1", [KEY, USER], NOW)
    return store


async def test_a_job_is_stored_until_it_is_finished_with_one_event(store: Store, other: Store) -> None:
    first, second = an_erasure(), replace(an_erasure(), id="era-2", asked_at=after(1))
    await store.erasures.add(second)
    await store.erasures.add(first)

    assert list(await other.erasures.unfinished(10)) == [first, second]
    assert await other.erasures.finish("era-1", [an_outbox_event()])
    assert not await store.erasures.finish("era-1", [an_outbox_event("00000000-0000-0000-0000-000000000002")])
    assert list(await store.erasures.unfinished(10)) == [second]
    assert list(await store.outbox.unpublished(10)) == [an_outbox_event()]

    await store.outbox.mark_published([an_outbox_event().id])

    assert list(await store.outbox.unpublished(10)) == []
    assert list(await store.erasures.unfinished(10)) == [second]


async def test_all_stored_data_of_a_person_is_found(peopled: Store) -> None:
    held = await peopled.personal_data.find("acc-1", [KEY])

    assert list(held.windows) == [{"number_id": "num-1", "last_inbound_at": NOW, "closed_at": None}]
    (suppression,) = held.suppressions
    assert (suppression["masked_phone"], suppression["evidence"], suppression["active"]) == (
        MASK,
        {"message_id": WAMID},
        True,
    )
    assert [(each["id"], each["number_id"], each["cause"]) for each in held.restrictions] == [
        ("res-0-event-1", None, "131048"),
        ("res-1-event-1", "num-1", "131048"),
    ]
    (message,) = held.messages
    assert (message["event_id"], message["state"], message["message_id"]) == ("event-1", "finished", WAMID)


async def test_nothing_is_found_of_an_erased_person(peopled: Store, other: Store) -> None:
    removed = await erase(peopled)

    held = await other.personal_data.find("acc-1", [KEY, USER])
    assert (list(held.windows), list(held.suppressions), list(held.messages)) == ([], [], [])
    assert list(held.restrictions) == []
    assert not (await other.template_recipients.use("waba-1", KEY, limit=9, now=NOW)).counted
    assert not await other.standing_restrictions.standing("acc-1", [of_customer(KEY), of_pair("num-1", KEY)], NOW)
    assert removed == {
        "suppressions": 1,
        "consents": 0,
        "windows": 1,
        "restrictions": 3,
        "links": 2,
        "dead_letters": 1,
        "messages": 1,
        "forwards": 1,
        "answers": 1,
    }
    assert (await other.identities.link("acc-1", [KEY], NOW)).keys == (KEY,)
    known = await other.statuses.find("event-1")
    assert known is not None
    assert known.message_id is None
    twin = await other.idempotency.claim(caller=SECRET, key="key-event-1", body_hash="b", event_id="e", now=NOW)
    assert WAMID not in str(twin)
    forward = await other.forwards.get("forward-event-1")
    assert forward is not None
    assert forward.masked_phone is None
    assert [letter.id for letter in await other.dead_letters.page(DeadLetterFilter(), after=None, limit=9)] == [
        "letter-event-2"
    ]


async def test_everybody_else_stays(peopled: Store) -> None:
    before = await peopled.personal_data.find("acc-1", [OTHER])

    await erase(peopled)

    assert await peopled.personal_data.find("acc-1", [OTHER]) == before
    forward = await peopled.forwards.get("forward-event-2")
    assert forward is not None
    assert forward.masked_phone == MASK


async def test_the_same_customer_of_another_account_stays(peopled: Store) -> None:
    await peopled.suppressions.suppress(a_suppression("sup-9", account_id="acc-2", customer_key=KEY), [])

    await erase(peopled)

    assert len((await peopled.personal_data.find("acc-2", [KEY])).suppressions) == 1


async def test_a_suppression_remains_under_the_do_not_contact_hash(peopled: Store) -> None:
    await erase(peopled)

    facts = await peopled.decisions.facts(a_facts_query("event-9", customer_keys=(KEY, UNNAMED)))
    (row,) = await peopled.suppressions.page(account_id="acc-1", customer_key=UNNAMED, after=None, limit=9)
    assert facts.suppressed == {SuppressionKind.OPT_OUT}
    assert facts.conversation.last_inbound_at is None
    assert (row.masked_phone, row.source, row.reason, row.actor, row.evidence) == ("", "erasure", None, None, {})
    assert row.since == NOW.replace(hour=0, minute=0, second=0, microsecond=0)


async def test_the_remaining_suppression_is_lifted_by_the_customers_opt_in_and_set_by_the_next_opt_out(
    peopled: Store,
) -> None:
    await erase(peopled)

    lifted = await peopled.suppressions.lift(
        account_id="acc-1", customer_key=UNNAMED, kind=SuppressionKind.OPT_OUT, at=after(60), events=[]
    )
    free = await peopled.decisions.facts(a_facts_query("event-9", customer_keys=(KEY, UNNAMED)))
    await peopled.suppressions.suppress(a_suppression("sup-10", customer_key=KEY, since=after(120)), [])
    await erase(peopled)
    again = await peopled.decisions.facts(a_facts_query("event-9", customer_keys=(KEY, UNNAMED)))

    assert lifted is not None
    assert free.suppressed == frozenset()
    assert again.suppressed == {SuppressionKind.OPT_OUT}


async def test_erasing_again_changes_nothing(peopled: Store) -> None:
    await erase(peopled)

    again = await erase(peopled)

    assert set(again.values()) == {0}
    assert len(await peopled.suppressions.page(account_id="acc-1", customer_key=UNNAMED, after=None, limit=9)) == 1


async def test_an_unpublished_event_about_the_person_is_published_first(peopled: Store) -> None:
    told = an_outbox_event(body=orjson.dumps({"customer_key": USER}))
    await peopled.suppressions.suppress(a_suppression("sup-8", customer_key=USER), [told])

    with pytest.raises(GatewayError) as raised:
        await erase(peopled)

    assert raised.value.code is ErrorCode.GATEWAY_UNAVAILABLE
    await peopled.outbox.mark_published([told.id])
    assert (await erase(peopled))["suppressions"] == 2


async def test_a_finished_message_is_finished_still(peopled: Store) -> None:
    await erase(peopled)

    answer = await peopled.ledger.claim(a_claim("event-1", customer_key=KEY))

    assert isinstance(answer, Finished)
    assert orjson.loads(answer.outcome) == {"code": "sent", "message_id": None, "details": {}}


async def test_no_byte_of_the_person_stays_in_sqlites_files(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")
    await store.registry.save(an_account("acc-1"), [], created=True)
    await store.registry.save(a_number("num-1"), [], created=True)
    await store.erasures.add(an_erasure())
    await everything_about(store, KEY, event_id="event-1")
    await store.identities.link("acc-1", [KEY, USER], NOW)
    traces = [value.encode() for value in (KEY, USER, WAMID, MASK)]
    assert all(value in _bytes_in(tmp_path) for value in traces)

    await erase(store)
    await store.erasures.finish("era-1", [])

    left = _bytes_in(tmp_path)
    await store.close()
    assert [value for value in traces if value in left] == []
    assert UNNAMED.encode() in left


@contextmanager
def a_long_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another process reads the file meanwhile: what is removed stays in the write-ahead log. Nobody waits for it."""
    monkeypatch.setattr(database, "TRUNCATE_SECONDS", 0.0)
    reader = sqlite3.connect(file, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    yield
    reader.execute("COMMIT")
    reader.close()


@pytest.mark.parametrize("part", ["", "-ledger", "-requests"])
async def test_an_erasure_fails_while_a_file_still_has_a_byte_of_the_person_and_ends_on_a_later_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")
    await store.registry.save(an_account("acc-1"), [], created=True)
    await store.registry.save(a_number("num-1"), [], created=True)
    await everything_about(store, KEY, event_id="event-1")

    with a_long_read(tmp_path / f"gateway{part}.db", monkeypatch), pytest.raises(GatewayError) as refused:
        await erase(store)
    await erase(store)

    left = _bytes_in(tmp_path)
    await store.close()
    assert refused.value.code is ErrorCode.GATEWAY_UNAVAILABLE
    assert [value for value in (KEY, WAMID, MASK) if value.encode() in left] == []


async def test_the_key_of_a_record_is_deleted_when_it_is_out_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")
    await store.subjects.add([Subject(KEY, "p1", "sealed" * 8)])

    with a_long_read(tmp_path / "gateway-subjects.db", monkeypatch), pytest.raises(GatewayError):
        await store.subjects.delete([KEY])
    await store.subjects.delete([KEY])

    left = _bytes_in(tmp_path)
    await store.close()
    assert b"sealed" * 8 not in left


async def test_a_job_whose_keys_are_still_in_the_log_is_finished_later_and_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")
    await store.erasures.add(an_erasure())

    with a_long_read(tmp_path / "gateway.db", monkeypatch), pytest.raises(GatewayError):
        await store.erasures.finish("era-1", [an_outbox_event()])
    (emptied,) = await store.erasures.unfinished(9)
    again = await store.erasures.finish("era-1", [an_outbox_event("00000000-0000-0000-0000-000000000002")])

    left, told = _bytes_in(tmp_path), list(await store.outbox.unpublished(9))
    assert (emptied.id, emptied.is_emptied, again) == ("era-1", True, False)
    assert told == [an_outbox_event()]
    assert list(await store.erasures.unfinished(9)) == []
    assert [value for value in (KEY, USER, UNNAMED) if value.encode() in left] == []
    await store.close()


def _bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_an_opt_out_during_the_erasure_is_not_lost(peopled: Store, other: Store) -> None:
    async def opt_out(number: int) -> None:
        await asyncio.sleep(number * 0.002)
        kind = list(SuppressionKind)[number % len(SuppressionKind)]
        await other.suppressions.suppress(a_suppression(f"sup-{number}", customer_key=USER, kind=kind), [])

    await asyncio.gather(erase(peopled), *(opt_out(number) for number in range(24)))

    assert await peopled.suppressions.standing("acc-1", [USER, UNNAMED_USER]) == set(SuppressionKind)


async def test_what_remains_has_the_day_of_the_latest_opt_out(peopled: Store) -> None:
    await peopled.suppressions.suppress(a_suppression("sup-late", customer_key=KEY, since=NOW + timedelta(days=2)), [])
    await erase(peopled)

    between = NOW + timedelta(days=1)
    await peopled.suppressions.lift(
        account_id="acc-1",
        customer_key=UNNAMED,
        kind=SuppressionKind.OPT_OUT,
        at=between,
        events=[],
        deduplication_key="start",
    )

    assert await peopled.suppressions.standing("acc-1", [UNNAMED]) == {SuppressionKind.OPT_OUT}


async def test_a_forward_is_found_by_its_customer_key_alone(peopled: Store) -> None:
    stored = await peopled.forwards.get("forward-event-1")
    assert stored is not None
    named = replace(stored, id="forward-9", customer_key=KEY)
    await peopled.forwards.start(named, owner="s", now=NOW, lease=after(60) - NOW)

    await erase(peopled)

    bare = await peopled.forwards.get("forward-9")
    assert bare is not None
    assert (bare.masked_phone, bare.customer_key) == (None, None)


async def test_an_erased_customers_pace_is_forgotten_and_nobody_elses(store: Store, store_url: str) -> None:
    await store.registry.save(a_number(), [], created=True)
    paced = replace(UNPACED, pair_interval=600.0)
    for event, key in (("event-1", KEY), ("event-2", OTHER)):
        await store.ledger.claim(a_claim(event, customer_key=key, pace=paced))
        await store.ledger.finish(event, b"{}", now=NOW)
    before = stored_data(store_url).content()

    await store.personal_data.erase(an_erasure(), event_ids=["event-1"], dead_letters=[])

    left = stored_data(store_url).content()
    assert KEY.encode() in before
    assert KEY.encode() not in left
    assert OTHER.encode() in left
