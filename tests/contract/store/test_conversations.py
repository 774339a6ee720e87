"""The contract of `Conversations` and `Suppressions`, on every adapter."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import permutations

import pytest

from libs.store.conversations import Conversation, Suppression, SuppressionKind, is_customers_own
from libs.store.factory import open_store
from libs.store.store import Store
from tests.contract.store.builders import NOW, a_facts_query, a_suppression, after, an_outbox_event


async def conversation(store: Store, key: str = "customer-1") -> Conversation:
    return (await store.decisions.facts(a_facts_query(customer_keys=(key,)))).conversation


async def suppressed(store: Store, account_id: str = "acc-1") -> frozenset[SuppressionKind]:
    return (await store.decisions.facts(a_facts_query(account_id=account_id))).suppressed


async def posted(store: Store) -> list[str]:
    return [event.id for event in await store.outbox.unpublished(100)]


async def lift(
    store: Store,
    at: datetime,
    *,
    kind: SuppressionKind = SuppressionKind.OPT_OUT,
    event: str | None = None,
    deduplication_key: str | None = None,
) -> Suppression | None:
    return await store.suppressions.lift(
        account_id="acc-1",
        customer_key="customer-1",
        kind=kind,
        at=at,
        events=[an_outbox_event(event)] if event else [],
        deduplication_key=deduplication_key,
    )


async def test_a_customers_message_opens_the_window_for_each_of_their_keys(store: Store, other: Store) -> None:
    await store.conversations.open_window("num-1", ["by-phone", "by-user-id"], NOW)

    assert await conversation(other, "by-phone") == Conversation(last_inbound_at=NOW)
    assert await conversation(other, "by-user-id") == Conversation(last_inbound_at=NOW)
    assert await conversation(other, "somebody else") == Conversation()


async def test_an_earlier_message_that_comes_late_changes_nothing(store: Store) -> None:
    for seconds in (5, 10, 0, 7):
        await store.conversations.open_window("num-1", ["customer-1"], after(seconds))

    assert await conversation(store) == Conversation(last_inbound_at=after(10))


async def test_a_window_that_whatsapp_closed_is_closed(store: Store) -> None:
    await store.conversations.open_window("num-1", ["customer-1"], NOW)
    await store.conversations.close_window("num-1", "customer-1", after(60))
    await store.conversations.close_window("num-1", "customer-1", after(30))

    assert await conversation(store) == Conversation(last_inbound_at=NOW, closed_at=after(60))


async def test_a_window_can_be_closed_for_a_customer_who_never_wrote(store: Store) -> None:
    await store.conversations.close_window("num-1", "customer-1", NOW)

    assert await conversation(store) == Conversation(closed_at=NOW)


async def test_a_message_after_the_closing_opens_the_window_in_whatever_order_both_arrive(store: Store) -> None:
    await store.conversations.close_window("num-1", "customer-1", after(10))
    await store.conversations.open_window("num-1", ["customer-1"], after(5))
    still_closed = await conversation(store)
    await store.conversations.open_window("num-1", ["customer-1"], after(20))
    await store.conversations.close_window("num-1", "customer-1", after(15))

    assert still_closed == Conversation(last_inbound_at=after(5), closed_at=after(10))
    assert await conversation(store) == Conversation(last_inbound_at=after(20), closed_at=None)


async def test_a_suppression_is_kept_as_it_was_given(store: Store, other: Store) -> None:
    given = a_suppression(reason="asked on the phone", actor="op-1", evidence={"message_id": "wamid.1", "length": 4})

    stands = await store.suppressions.suppress(given, [an_outbox_event("told")])

    assert stands == given
    assert await other.suppressions.get("sup-1") == given
    assert await other.suppressions.get("sup-9") is None
    assert await suppressed(other) == {SuppressionKind.OPT_OUT}
    assert await posted(other) == ["told"]


async def test_suppressing_again_changes_nothing_and_writes_no_event(store: Store) -> None:
    first = await store.suppressions.suppress(a_suppression("sup-1"), [an_outbox_event("told")])

    again = await store.suppressions.suppress(
        a_suppression("sup-2", since=after(9), reason="again"), [an_outbox_event("no")]
    )
    redelivered = await store.suppressions.suppress(a_suppression("sup-1"), [an_outbox_event("told")])

    assert first.id == again.id == redelivered.id == "sup-1"
    assert again == redelivered == replace(first, repeated_at=after(9))
    assert await store.suppressions.get("sup-2") is None
    assert await posted(store) == ["told"]


async def test_kinds_are_lifted_one_by_one(store: Store) -> None:
    await store.suppressions.suppress(a_suppression("sup-1"), [])
    await store.suppressions.suppress(a_suppression("sup-2", kind=SuppressionKind.BLOCKED), [])

    lifted = await lift(store, after(1), event="lifted")

    assert lifted == a_suppression("sup-1", active=False)
    assert await store.suppressions.get("sup-1") == a_suppression("sup-1", active=False)
    assert await suppressed(store) == {SuppressionKind.BLOCKED}
    assert await posted(store) == ["lifted"]


async def test_lifting_what_is_not_suppressed_writes_no_event(store: Store) -> None:
    never = await lift(store, NOW, event="no-1")
    await store.suppressions.suppress(a_suppression(since=after(1)), [])
    await lift(store, after(2))
    again = await lift(store, after(3), event="no-2")

    assert never is None
    assert again is None
    assert await posted(store) == []


async def test_an_opt_out_older_than_the_opt_in_comes_too_late(store: Store) -> None:
    await store.suppressions.suppress(a_suppression("sup-1"), [])
    await lift(store, after(10), deduplication_key="wamid.start")

    stands = await store.suppressions.suppress(a_suppression("sup-2", since=after(5)), [an_outbox_event("no")])

    assert not stands.active
    assert await suppressed(store) == frozenset()
    assert await posted(store) == []
    assert await store.suppressions.get("sup-2") is None


async def test_an_opt_in_is_remembered_when_its_opt_out_comes_late(store: Store) -> None:
    await lift(store, after(10), deduplication_key="wamid.start")

    stands = await store.suppressions.suppress(a_suppression(since=after(5)), [an_outbox_event("no")])

    assert not stands.active
    assert await suppressed(store) == frozenset()
    assert await posted(store) == []


async def test_a_lift_older_than_the_opt_out_changes_nothing(store: Store) -> None:
    await store.suppressions.suppress(a_suppression(since=after(10)), [])

    assert await lift(store, after(5), event="no") is None
    assert await suppressed(store) == {SuppressionKind.OPT_OUT}
    assert await posted(store) == []


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("kind", SuppressionKind)
async def test_an_opt_out_in_the_second_of_an_operators_lift_counts(
    store: Store, other: Store, kind: SuppressionKind, fraction: float
) -> None:
    second = NOW.replace(microsecond=0)
    await store.suppressions.suppress(a_suppression("sup-1", kind=kind, since=second - timedelta(hours=1)), [])
    lifted = await lift(store, second + timedelta(seconds=fraction), kind=kind)

    stands = await other.suppressions.suppress(a_suppression("sup-2", kind=kind, since=second), [an_outbox_event()])

    assert lifted is not None
    assert stands == a_suppression("sup-2", kind=kind, since=second)
    assert await suppressed(store) == {kind}
    assert len(await posted(store)) == 1


async def test_an_opt_out_from_before_an_operators_lift_counts_when_it_arrives_after_it(store: Store) -> None:
    await store.suppressions.suppress(a_suppression("sup-1"), [])
    await lift(store, after(600))

    stands = await store.suppressions.suppress(a_suppression("sup-2", since=after(300)), [an_outbox_event()])

    assert stands.active
    assert await suppressed(store) == {SuppressionKind.OPT_OUT}
    assert len(await posted(store)) == 1


async def test_an_operator_cannot_lift_in_the_second_in_which_the_customer_asked(store: Store) -> None:
    second = NOW.replace(microsecond=0)
    await store.suppressions.suppress(a_suppression("sup-1", since=second - timedelta(hours=1)), [])
    await store.suppressions.suppress(a_suppression("sup-2", since=second), [])

    refused = await lift(store, second + timedelta(seconds=0.9), event="no")
    at_that_time = await suppressed(store)
    lifted = await lift(store, second + timedelta(seconds=1))

    assert (refused, at_that_time) == (None, frozenset({SuppressionKind.OPT_OUT}))
    assert lifted is not None
    assert (await suppressed(store), await posted(store)) == (frozenset(), [])


async def test_an_operator_lifts_an_operators_block_at_once(store: Store) -> None:
    await store.suppressions.suppress(a_suppression("sup-1", source="operator", kind=SuppressionKind.BLOCKED), [])

    assert await lift(store, NOW, kind=SuppressionKind.BLOCKED) is not None
    assert await suppressed(store) == set()


async def test_an_opt_out_that_an_active_one_includes_is_known_after_the_lift(store: Store, other: Store) -> None:
    await store.suppressions.suppress(a_suppression("sup-1"), [])
    await store.suppressions.suppress(a_suppression("sup-2", since=after(5)), [])
    await lift(store, after(60))

    for again in ("sup-1", "sup-2"):
        stands = await other.suppressions.suppress(a_suppression(again, since=after(5)), [an_outbox_event()])
        assert not stands.active

    assert (await suppressed(store), await posted(store)) == (frozenset(), [])


async def test_the_kinds_that_stand_are_read_for_several_keys(store: Store) -> None:
    await store.suppressions.suppress(a_suppression("sup-1"), [])
    await store.suppressions.suppress(
        a_suppression("sup-2", customer_key="customer-2", kind=SuppressionKind.BLOCKED), []
    )
    await store.suppressions.suppress(a_suppression("sup-3", kind=SuppressionKind.MARKETING), [])
    await lift(store, after(1), kind=SuppressionKind.MARKETING)

    standing = store.suppressions.standing
    assert await standing("acc-1", ["customer-1", "customer-2"]) == {SuppressionKind.OPT_OUT, SuppressionKind.BLOCKED}
    assert await standing("acc-1", ["customer-1"]) == {SuppressionKind.OPT_OUT}
    assert await standing("acc-2", ["customer-1"]) == await standing("acc-1", []) == frozenset()


async def test_the_same_opt_out_delivered_again_after_a_lift_changes_nothing(store: Store) -> None:
    await store.suppressions.suppress(a_suppression("sup-1"), [])
    await lift(store, after(1))

    stands = await store.suppressions.suppress(a_suppression("sup-1"), [an_outbox_event("no")])

    assert not stands.active
    assert await suppressed(store) == set()
    assert await posted(store) == []


@pytest.mark.parametrize("last_word", ["stop", "start"])
async def test_the_customers_last_word_counts_in_whatever_order_their_words_arrive(
    store: Store, last_word: str
) -> None:
    words = [("stop", 0), ("start", 1), ("stop", 2)] + ([("start", 3)] if last_word == "start" else [])
    expected = {SuppressionKind.OPT_OUT} if last_word == "stop" else set()

    wrong = []
    for number, order in enumerate(permutations(words)):
        customer = f"customer-{number}"
        for word, seconds in order:
            if word == "stop":
                row = a_suppression(f"{number}-{seconds}", customer_key=customer, since=after(seconds))
                await store.suppressions.suppress(row, [])
            else:
                await store.suppressions.lift(
                    account_id="acc-1",
                    customer_key=customer,
                    kind=SuppressionKind.OPT_OUT,
                    at=after(seconds),
                    events=[],
                    deduplication_key=f"start-{seconds}",
                )
        facts = await store.decisions.facts(a_facts_query(customer_keys=(customer,)))
        if facts.suppressed != expected:
            wrong.append(order)

    assert wrong == []


async def test_a_customer_can_opt_out_again(store: Store) -> None:
    await store.suppressions.suppress(a_suppression("sup-1"), [])
    await lift(store, after(10))

    stands = await store.suppressions.suppress(a_suppression("sup-2", since=after(20)), [an_outbox_event("told")])

    assert stands == a_suppression("sup-2", since=after(20))
    assert await store.suppressions.get("sup-1") == a_suppression("sup-1", active=False)
    assert await suppressed(store) == {SuppressionKind.OPT_OUT}
    assert await posted(store) == ["told"]


async def test_of_fifty_simultaneous_opt_outs_one_is_written_with_its_event(store: Store, other: Store) -> None:
    stands = await asyncio.gather(
        *(
            (store, other)[n % 2].suppressions.suppress(a_suppression(f"sup-{n}"), [an_outbox_event(f"told-{n}")])
            for n in range(50)
        )
    )

    kept = {row.id for row in stands}
    page = await store.suppressions.page(account_id="acc-1", customer_key=None, after=None, limit=50)
    assert len(kept) == 1
    assert {row.id for row in page} == kept
    assert await posted(store) == [f"told-{kept.pop().removeprefix('sup-')}"]


async def test_active_suppressions_are_paged_by_id_account_and_customer(store: Store) -> None:
    for number in (3, 1, 4, 2):
        row = a_suppression(f"sup-{number}", customer_key=f"customer-{number}")
        await store.suppressions.suppress(row, [])
    await store.suppressions.suppress(a_suppression("sup-5", account_id="acc-2"), [])
    await lift(store, after(1))

    async def ids(
        account_id: str | None = None, customer_key: str | None = None, after: str | None = None, limit: int = 50
    ) -> list[str]:
        page = await store.suppressions.page(account_id=account_id, customer_key=customer_key, after=after, limit=limit)
        return [row.id for row in page]

    assert await ids() == ["sup-2", "sup-3", "sup-4", "sup-5"]
    assert await ids(limit=2) == ["sup-2", "sup-3"]
    assert await ids(after="sup-3") == ["sup-4", "sup-5"]
    assert await ids(account_id="acc-1", after="sup-3") == ["sup-4"]
    assert await ids(customer_key="customer-1") == ["sup-5"]
    assert await ids(account_id="acc-1", customer_key="customer-3") == ["sup-3"]
    assert await ids(account_id="acc-1", customer_key="customer-1") == []


async def test_a_suppression_outlives_its_process(store: Store, store_url: str) -> None:
    await store.suppressions.suppress(a_suppression(), [])
    await store.conversations.open_window("num-1", ["customer-1"], NOW)
    await store.close()

    reopened = await open_store(store_url)
    kept, window = await suppressed(reopened), await conversation(reopened)
    row = await reopened.suppressions.get("sup-1")
    await reopened.close()

    assert kept == {SuppressionKind.OPT_OUT}
    assert window == Conversation(last_inbound_at=NOW)
    assert row == replace(a_suppression(), active=True)


async def test_a_repeated_message_returns_what_it_lifted_before(store: Store, other: Store) -> None:
    stop = await store.suppressions.suppress(a_suppression(), [])

    first = await lift(store, after(1), deduplication_key="wamid.start")
    again = await lift(other, after(1), deduplication_key="wamid.start", event="no")

    assert first == again == replace(stop, active=False)
    assert await posted(store) == []


async def test_an_opt_in_that_comes_again_lifts_no_later_opt_out(store: Store) -> None:
    await store.suppressions.suppress(a_suppression("sup-1"), [])
    await lift(store, after(1), deduplication_key="wamid.start")
    await store.suppressions.suppress(a_suppression("sup-2", since=after(1)), [])

    again = await lift(store, after(1), deduplication_key="wamid.start")

    assert again is not None
    assert again.id == "sup-1"
    assert await suppressed(store) == {SuppressionKind.OPT_OUT}


async def test_an_opt_in_that_lifted_nothing_lifts_nothing_when_it_comes_again(store: Store, other: Store) -> None:
    first = await lift(store, NOW, deduplication_key="wamid.start")
    await store.suppressions.suppress(a_suppression(), [])

    again = await lift(other, NOW, deduplication_key="wamid.start")

    assert (first, again) == (None, None)
    assert await suppressed(store) == {SuppressionKind.OPT_OUT}


@pytest.mark.parametrize("order", list(permutations(["stop", "start", "again"])))
async def test_opt_ins_in_the_second_of_an_opt_out_lift_nothing_in_any_order(
    store: Store, order: tuple[str, ...]
) -> None:
    for step in order:
        if step == "stop":
            await store.suppressions.suppress(a_suppression(), [])
        else:
            assert await lift(store, NOW, deduplication_key=f"wamid.{step}") is None

    assert await suppressed(store) == {SuppressionKind.OPT_OUT}


async def test_one_word_that_comes_many_times_at_once_lifts_once(store: Store, other: Store) -> None:
    await store.suppressions.suppress(a_suppression(), [])

    lifted = await asyncio.gather(
        *(
            lift(
                (store, other)[n % 2],
                after(1),
                event=f"00000000-0000-0000-0000-{n:012}",
                deduplication_key="wamid.start",
            )
            for n in range(10)
        )
    )

    assert [row.id for row in lifted if row is not None] == ["sup-1"] * 10
    assert len(await posted(store)) == 1


async def test_a_suppression_tells_when_the_customer_asked_last(store: Store) -> None:
    await store.suppressions.suppress(a_suppression("sup-1", source="operator"), [])
    by_operator = await store.suppressions.get("sup-1")
    await store.suppressions.suppress(a_suppression("sup-2", since=after(-90.4)), [])
    await store.suppressions.suppress(a_suppression("sup-3", since=after(-200)), [])
    included = await store.suppressions.get("sup-1")

    assert by_operator is not None
    assert included is not None
    assert (by_operator.asked_at, is_customers_own(by_operator)) == (None, False)
    assert (included.asked_at, is_customers_own(included)) == (after(-90.4).replace(microsecond=0), True)
    assert included.source == "operator"


@pytest.mark.parametrize(
    ("kind", "source", "own"),
    [
        (SuppressionKind.OPT_OUT, "keyword", True),
        (SuppressionKind.OPT_OUT, "import", True),
        (SuppressionKind.MARKETING, "provider", True),
        (SuppressionKind.OPT_OUT, "erasure", True),
        (SuppressionKind.OPT_OUT, "operator", False),
        (SuppressionKind.BLOCKED, "operator", False),
        (SuppressionKind.BLOCKED, "erasure", False),
        (SuppressionKind.PROVIDER_BLOCK, "provider", False),
    ],
)
def test_an_opt_out_is_the_customers_own_unless_an_operator_made_it(
    kind: SuppressionKind, source: str, *, own: bool
) -> None:
    assert is_customers_own(a_suppression(kind=kind, source=source)) is own


async def test_an_operators_lift_ends_what_the_operator_has_read_and_nothing_newer(store: Store, other: Store) -> None:
    await store.suppressions.suppress(a_suppression("sup-1", since=after(-100)), [])
    known = await store.suppressions.get("sup-1")
    await other.suppressions.suppress(a_suppression("sup-2", since=after(-50)), [])
    newer = await store.suppressions.get("sup-1")
    lift = partial(
        store.suppressions.lift, account_id="acc-1", customer_key="customer-1", kind=SuppressionKind.OPT_OUT, at=NOW
    )

    refused = await lift(events=[an_outbox_event()], known=known)
    lifted = await lift(events=[], known=newer)

    assert refused is None
    assert await store.outbox.unpublished(10) == []
    assert lifted is not None
    assert lifted.active is False


async def test_an_operators_lift_of_a_block_leaves_an_opt_out_that_it_came_to_include(store: Store) -> None:
    await store.suppressions.suppress(a_suppression("sup-1", source="operator"), [])
    known = await store.suppressions.get("sup-1")
    await store.suppressions.suppress(a_suppression("sup-2", since=after(-50)), [])

    lifted = await store.suppressions.lift(
        account_id="acc-1",
        customer_key="customer-1",
        kind=SuppressionKind.OPT_OUT,
        at=after(60),
        events=[],
        known=known,
    )

    assert lifted is None
    assert await store.suppressions.standing("acc-1", ["customer-1"]) == {SuppressionKind.OPT_OUT}
