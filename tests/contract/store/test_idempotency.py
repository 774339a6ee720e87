"""The contract of `Idempotency` and `Answers`, on every adapter."""

import asyncio
from datetime import datetime, timedelta

from libs.store.callers import Caller, CredentialKind
from libs.store.factory import open_store
from libs.store.idempotency import Duplicate, Fresh, Reused
from libs.store.store import Store
from tests.contract.store.builders import NOW, a_record, after

HOURS = 3600
SECRET = Caller("int-1", CredentialKind.SECRET)
PATH_TOKEN = Caller("int-1", CredentialKind.PATH_TOKEN)


async def claim(
    store: Store,
    event_id: str = "event-1",
    *,
    key: str = "key-1",
    body_hash: str = "body-1",
    now: datetime = NOW,
    caller: Caller = SECRET,
) -> Fresh | Duplicate | Reused:
    return await store.idempotency.claim(caller=caller, key=key, body_hash=body_hash, event_id=event_id, now=now)


async def test_a_new_key_is_fresh(store: Store) -> None:
    assert await claim(store) == Fresh()


async def test_the_same_request_finds_the_first_one_in_flight(store: Store, other: Store) -> None:
    await claim(store, "event-1")

    assert await claim(other, "event-2", now=after(1)) == Duplicate("event-1", None)


async def test_the_same_request_finds_the_first_ones_answer(store: Store, other: Store) -> None:
    await claim(store, "event-1")
    await store.idempotency.answer(caller=SECRET, key="key-1", event_id="event-1", answer=b"200 sent")

    assert await claim(other, "event-2") == Duplicate("event-1", b"200 sent")


async def test_the_key_with_another_body_is_reused(store: Store) -> None:
    await claim(store)

    assert await claim(store, "event-2", body_hash="body-2") == Reused("event-1")


async def test_keys_of_other_integrations_are_other_keys(store: Store) -> None:
    await claim(store)

    assert await claim(store, "event-2", caller=Caller("int-2", CredentialKind.SECRET), body_hash="body-2") == Fresh()
    assert await claim(store, "event-3", key="key-2", body_hash="body-2") == Fresh()


async def test_an_integrations_path_token_has_keys_of_its_own(store: Store, other: Store) -> None:
    await claim(store, "event-1")
    await store.idempotency.answer(caller=SECRET, key="key-1", event_id="event-1", answer=b"200 sent")

    first = await claim(other, "event-2", caller=PATH_TOKEN, body_hash="body-2")
    await store.idempotency.answer(caller=PATH_TOKEN, key="key-1", event_id="event-2", answer=b"200 recorded")

    assert first == Fresh()
    assert await claim(store, "event-3", caller=PATH_TOKEN, body_hash="body-2") == Duplicate("event-2", b"200 recorded")
    assert await claim(store, "event-4") == Duplicate("event-1", b"200 sent")


async def test_a_path_token_frees_no_key_of_the_secret(store: Store) -> None:
    await claim(store, "event-1")

    await store.idempotency.release(caller=PATH_TOKEN, key="key-1", event_id="event-1")

    assert await claim(store, "event-2") == Duplicate("event-1", None)


async def test_no_key_of_the_secret_is_a_path_tokens_key(store: Store) -> None:
    await claim(store, "event-1", key="path_token-key")
    await claim(store, "event-2", key="call 00ff")

    assert await claim(store, "event-3", caller=PATH_TOKEN, key="key", body_hash="body-2") == Fresh()
    assert await claim(store, "event-4", caller=PATH_TOKEN, key="call 00ff", body_hash="body-2") == Fresh()


async def test_a_key_is_free_again_after_a_day(store: Store) -> None:
    await claim(store, "event-1")
    await store.idempotency.answer(caller=SECRET, key="key-1", event_id="event-1", answer=b"old")

    held = await claim(store, "event-2", now=after(24 * HOURS - 1))
    freed = await claim(store, "event-3", body_hash="body-2", now=after(24 * HOURS + 1))

    assert held == Duplicate("event-1", b"old")
    assert freed == Fresh()
    assert await claim(store, "event-4", body_hash="body-2", now=after(24 * HOURS + 2)) == Duplicate("event-3", None)


async def test_the_first_answer_stands(store: Store) -> None:
    await claim(store, "event-1")
    await store.idempotency.answer(caller=SECRET, key="key-1", event_id="event-1", answer=b"first")
    await store.idempotency.answer(caller=SECRET, key="key-1", event_id="event-1", answer=b"second")

    assert await claim(store, "event-2") == Duplicate("event-1", b"first")


async def test_only_the_keys_owner_answers_and_forgets(store: Store) -> None:
    await claim(store, "event-1")
    await store.idempotency.answer(caller=SECRET, key="key-1", event_id="stranger", answer=b"wrong")
    await store.idempotency.release(caller=SECRET, key="key-1", event_id="stranger")

    assert await claim(store, "event-2") == Duplicate("event-1", None)


async def test_a_forgotten_key_is_free(store: Store, other: Store) -> None:
    await claim(store, "event-1")

    await other.idempotency.release(caller=SECRET, key="key-1", event_id="event-1")

    assert await claim(store, "event-2", body_hash="body-2") == Fresh()


async def test_of_a_hundred_simultaneous_duplicates_one_is_fresh(store: Store, other: Store) -> None:
    answers = await asyncio.gather(*(claim((store, other)[n % 2], f"event-{n}") for n in range(100)))

    fresh = [number for number, answer in enumerate(answers) if answer == Fresh()]
    owner = f"event-{fresh[0]}"
    assert len(fresh) == 1
    assert [answer for answer in answers if answer != Fresh()] == [Duplicate(owner, None)] * 99


async def test_a_claimed_key_outlives_its_process(store: Store, store_url: str) -> None:
    await claim(store, "event-1")
    await store.close()

    reopened = await open_store(store_url)
    again = await claim(reopened, "event-2")
    await reopened.close()

    assert again == Duplicate("event-1", None)


async def test_an_unknown_event_has_no_answer(store: Store) -> None:
    assert await store.answers.find("event-1", "int-1") is None


async def test_a_pending_event_is_known_to_its_own_integration(store: Store, other: Store) -> None:
    await store.answers.mark_pending("event-1", "int-1", now=NOW)
    await store.answers.mark_pending("event-1", "int-1", now=after(1))

    assert await other.answers.find("event-1", "int-1") == {}
    assert await other.answers.find("event-1", "int-2") is None


async def test_the_answer_is_what_was_recorded(store: Store, other: Store) -> None:
    await store.answers.mark_pending("event-1", "int-1", now=NOW)
    await store.ledger.finish("event-1", b"sent", now=NOW, message_id="wamid.1")
    told = {"reason": None, "details": {"risk_score": 55}, "receipt": [{"rule": "r"}]}
    answer = a_record("answer-1", type="webhook.answered", code="sent", details=told)

    await store.records.append([a_record(), answer])

    expected = {"code": "sent", "message_id": "wamid.1", "reason": None, "details": {"risk_score": 55}}
    assert await other.answers.find("event-1", "int-1") == expected
    assert await other.answers.find("event-1", "int-2") is None
    assert await other.answers.find("event-2", "int-1") is None


async def test_an_answer_without_details_has_them_empty(store: Store) -> None:
    await store.records.append([a_record("answer-1", type="webhook.answered", code="ok", details={})])

    found = await store.answers.find("event-1", "int-1")

    assert found == {"code": "ok", "message_id": None, "reason": None, "details": {}}


UNKNOWN = {"message_id": None, "details": {"outcome": "unknown", "reason": "timeout"}}
SETTLED = {"outcome": "sent", "status": "delivered", "at": "2026-11-23T12:00:00+00:00", "message_id": "wamid.1"}


async def test_an_unknown_outcome_that_was_settled_says_how_it_ended(store: Store, other: Store) -> None:
    await store.ledger.finish("event-1", b"unknown", now=NOW, message_id="wamid.1")
    await store.records.append(
        [
            a_record("answer-1", type="webhook.answered", code="gateway_send_failed", details=UNKNOWN),
            a_record("settled-1", type="message.settled", details=SETTLED | {"number_id": "num-1"}),
        ]
    )

    found = await other.answers.find("event-1", "int-1")

    assert found is not None
    assert found["code"] == "gateway_send_failed"
    assert found["details"] == {"outcome": "unknown", "reason": "timeout", "settled": SETTLED}


async def test_an_unknown_outcome_stays_unknown_until_it_is_settled(store: Store) -> None:
    await store.records.append([a_record("answer-1", type="webhook.answered", code="x", details=UNKNOWN)])

    found = await store.answers.find("event-1", "int-1")

    assert found is not None
    assert found["details"] == UNKNOWN["details"]


async def test_a_key_that_is_kept_for_seconds_is_free_after_them(store: Store, other: Store) -> None:
    async def claim_for_seconds(which: Store, event_id: str, at: float) -> Fresh | Duplicate | Reused:
        kept = timedelta(seconds=3)
        return await which.idempotency.claim(
            caller=SECRET, key="chat 1", body_hash="", event_id=event_id, now=after(at), kept=kept
        )

    assert await claim_for_seconds(store, "event-1", 0) == Fresh()
    assert await claim_for_seconds(other, "event-2", 2.9) == Duplicate("event-1")
    assert await claim_for_seconds(other, "event-3", 3) == Fresh()
    assert await claim_for_seconds(store, "event-4", 5) == Duplicate("event-3")
