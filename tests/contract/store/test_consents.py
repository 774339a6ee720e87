"""The ledger of consents, on every adapter."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.store.consents import KEPT, Consent, ConsentScope, ConsentSource, Withdrawal
from libs.store.decisions import FactsQuery
from libs.store.erasures import Erasure
from libs.store.outbox import OutboxEvent
from libs.store.store import Store

START = datetime(2096, 11, 23, 9, 30, tzinfo=UTC)


def a_consent(id_: str = "con_1", seconds: float = 0, *, key: str = "k1", **changes: object) -> Consent:
    given_at = START + timedelta(seconds=seconds)
    made = Consent(
        id=id_,
        fingerprint=str(changes.get("fingerprint", id_)),
        account_id="acc-1",
        customer_key=key,
        masked_phone="+9665•••••000",
        scope=ConsentScope.ALL,
        source=ConsentSource.WEB_FORM,
        wording_version="2096-11",
        at=given_at,
        evidence_hash="ab" * 32,
        recorded_at=given_at + timedelta(seconds=1),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # the caller's fields


def a_withdrawal(seconds: float = 0, *, key: str = "k1", scope: ConsentScope = ConsentScope.ALL) -> Withdrawal:
    at = START + timedelta(seconds=seconds)
    return Withdrawal(account_id="acc-1", customer_key=key, scope=scope, at=at, source=ConsentSource.KEYWORD)


async def test_a_consent_comes_back_as_it_was_recorded(store: Store) -> None:
    consent = a_consent(actor="ops", origin="till", import_id="imp_1")

    new = await store.consents.record([consent])

    found = await store.consents.of_customer("acc-1", ["k1", "k2"])
    assert set(new) == {"con_1"}
    assert found.consents == (consent,)
    assert found.standing("support") == consent


async def test_a_repeated_consent_is_not_new_and_keeps_what_was_recorded_first(store: Store) -> None:
    await store.consents.record([a_consent()])

    new = await store.consents.record([a_consent(seconds=99, wording_version="later")])

    assert list(new) == []
    assert (await store.consents.of_customer("acc-1", ["k1"])).consents == (a_consent(),)


async def test_events_are_written_with_what_is_new_and_with_nothing_else(store: Store) -> None:
    recorded, withdrawn = (OutboxEvent(name, name, b"{}", 0.0) for name in ("consent.recorded", "consent.withdrawn"))

    for _ in range(2):
        await store.consents.record([a_consent(), a_consent(key="k2")], [recorded])
    await store.outbox.mark_published([recorded.id])
    for seconds in (5, 3):
        await store.consents.withdraw([a_withdrawal(seconds), a_withdrawal(seconds, key="k2")], [withdrawn])

    assert [event.id for event in await store.outbox.unpublished(9)] == [withdrawn.id]
    await store.outbox.mark_published([withdrawn.id])
    await store.consents.record([a_consent()], [recorded])
    await store.consents.withdraw([a_withdrawal(5)], [withdrawn])
    assert await store.outbox.unpublished(9) == []


async def test_accounts_and_keys_are_apart(store: Store) -> None:
    await store.consents.record([a_consent()])

    assert (await store.consents.of_customer("acc-2", ["k1"])).consents == ()
    assert (await store.consents.of_customer("acc-1", ["k2"])).consents == ()


@pytest.mark.parametrize(
    ("withdrawn", "stands"),
    [
        pytest.param(a_withdrawal(-1), True, id="an earlier withdrawal ends nothing"),
        pytest.param(a_withdrawal(0.9), False, id="in the same second of WhatsApp's clock the withdrawal counts"),
        pytest.param(a_withdrawal(5), False, id="a later withdrawal ends it"),
        pytest.param(a_withdrawal(5, scope=ConsentScope.SUPPORT), False, id="so does one of the purpose alone"),
        pytest.param(a_withdrawal(5, scope=ConsentScope.MARKETING), True, id="that of marketing leaves support"),
    ],
)
async def test_a_withdrawal_ends_the_consents_before_it(store: Store, withdrawn: Withdrawal, stands: bool) -> None:  # noqa: FBT001 -- the table's column
    await store.consents.record([a_consent()])

    await store.consents.withdraw([withdrawn])

    found = await store.consents.of_customer("acc-1", ["k1"])
    assert (found.standing("support") is not None) is stands


async def test_a_consent_to_one_purpose_covers_no_other(store: Store) -> None:
    await store.consents.record([a_consent(scope=ConsentScope.SUPPORT)])

    found = await store.consents.of_customer("acc-1", ["k1"])

    assert found.standing("support") is not None
    assert found.standing("transactional") is None


async def test_a_late_withdrawal_from_before_changes_nothing(store: Store) -> None:
    await store.consents.withdraw([a_withdrawal(10)])
    await store.consents.withdraw([a_withdrawal(5)])
    await store.consents.record([a_consent(seconds=7)])

    found = await store.consents.of_customer("acc-1", ["k1"])

    assert found.standing("support") is None
    assert [each.at for each in found.withdrawals] == [START + timedelta(seconds=10)]


Step = Consent | Withdrawal
STEPS = st.lists(
    st.one_of(
        st.builds(lambda s, n: a_consent(f"con_{n}_{s}", s / 2), st.integers(0, 12), st.integers(0, 3)),
        st.builds(
            lambda s, scope: a_withdrawal(s / 2, scope=scope),
            st.integers(0, 12),
            st.sampled_from([ConsentScope.ALL, ConsentScope.SUPPORT, ConsentScope.MARKETING]),
        ),
    ),
    max_size=4,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_the_order_of_arrival_does_not_matter(store: Store, steps: list[Step]) -> None:
    outcomes = set()
    for number, order in enumerate(permutations(steps)):
        key = f"order-{uuid4()}-{number}"
        for step in order:
            await _apply(store, [replace(step, customer_key=key)])
        found = await store.consents.of_customer("acc-1", [key])
        standing = found.standing("support")
        outcomes.add(None if standing is None else standing.at)

    assert len(outcomes) == 1
    assert outcomes == {_expected(steps)}


async def _apply(store: Store, steps: Sequence[Step]) -> None:
    for step in steps:
        await (store.consents.record([step]) if isinstance(step, Consent) else store.consents.withdraw([step]))


def _expected(steps: Sequence[Step]) -> datetime | None:
    """The definition, written once more: the latest consent in a later whole second than every withdrawal of it."""
    ended = [int(s.at.timestamp()) for s in steps if isinstance(s, Withdrawal) and s.scope in {"all", "support"}]
    left = [s.at for s in steps if isinstance(s, Consent) and int(s.at.timestamp()) > max(ended, default=-1)]
    return max(left, default=None)


async def test_linked_keys_get_the_consents_and_withdrawals_of_each_other(store: Store) -> None:
    await store.consents.record([a_consent("con_1", 0, key="phone")])
    await store.consents.withdraw([a_withdrawal(5, key="user")])

    await store.consents.copy("acc-1", ["phone", "user"], ["phone", "user"])
    await store.consents.copy("acc-1", ["phone", "user"], ["phone", "user"])

    for key in ("phone", "user"):
        found = await store.consents.of_customer("acc-1", [key])
        assert [each.id for each in found.consents] == ["con_1"]
        assert found.standing("support") is None


async def test_a_former_key_leaves_its_consents_to_its_successor(store: Store) -> None:
    await store.consents.record([a_consent(key="former")])
    await store.consents.withdraw([a_withdrawal(-5, key="former")])

    assert await store.customer_links.rekey("acc-1", "former", "present")

    found = await store.consents.of_customer("acc-1", ["present"])
    assert found.standing("support") is not None
    assert len(found.withdrawals) == 1
    assert (await store.consents.of_customer("acc-1", ["former"])).consents == ()


async def test_an_endless_series_of_consents_keeps_the_latest_and_every_withdrawal(store: Store) -> None:
    await store.consents.withdraw([a_withdrawal(50)])
    for number in range(KEPT + 5):
        await store.consents.record([a_consent(f"con_{number:03}", -number)])

    found = await store.consents.of_customer("acc-1", ["k1"])

    assert len(found.consents) == KEPT
    assert found.consents[0].id == "con_000"
    assert found.standing("support") is None


async def test_the_facts_of_a_decision_hold_the_consents_that_they_are_asked_for(store: Store) -> None:
    await store.consents.record([a_consent(key="k1"), a_consent("con_2", 3, key="k2")])
    await store.consents.withdraw([a_withdrawal(-3, key="k2")])
    query = FactsQuery(
        event_id="e1",
        account_id="acc-1",
        number_id="num-1",
        customer_keys=("k1", "k2"),
        day="2096-11-23",
        month="2096-11",
        now=START,
    )

    without = await store.decisions.facts(query)
    asked = await store.decisions.facts(replace(query, with_consents=True))

    assert without.consents.consents == ()
    assert asked.consents == await store.consents.of_customer("acc-1", ["k1", "k2"])
    standing = asked.consents.standing("support")
    assert standing is not None
    assert standing.id == "con_2"


async def test_the_person_sees_the_ledger_and_an_erasure_ends_it(store: Store) -> None:
    await store.consents.record([a_consent()])
    await store.consents.withdraw([a_withdrawal(5)])
    exported = (await store.personal_data.find("acc-1", ["k1"])).consents

    erasure = Erasure(
        id="era_1",
        account_id="acc-1",
        customer_keys=("k1",),
        do_not_contact=("hash",),
        pseudonyms=(),
        reason="asked",
        actor="ops",
        asked_at=START,
    )
    removed = await store.personal_data.erase(erasure, event_ids=(), dead_letters=())

    left = await store.consents.of_customer("acc-1", ["k1"])
    assert [(each["at"], each.get("withdrawn"), each.get("withdrawal")) for each in exported] == [
        (START, True, None),
        (START + timedelta(seconds=5), None, True),
    ]
    assert removed["consents"] >= 1
    assert (left.consents, left.withdrawals) == ((), ())


async def test_pages_go_through_an_accounts_consents_once(store: Store) -> None:
    made = [a_consent(f"con_{number}", key=f"k{number % 3}") for number in range(7)]
    await store.consents.record([*made, a_consent("con_9", account_id="acc-2")])

    first = await store.consents.page(account_id="acc-1", after=None, limit=4)
    rest = await store.consents.page(account_id="acc-1", after=f"{first[-1].id}:{first[-1].customer_key}", limit=9)

    assert [each.id for each in (*first, *rest)] == [each.id for each in made]


async def test_nothing_is_lost_when_several_begin_the_ledger_of_one_customer_at_once(
    store: Store, other: Store
) -> None:
    for number in range(20):
        key = f"key-{number}"
        scopes = (ConsentScope.SUPPORT, ConsentScope.MARKETING, ConsentScope.ALL)
        consents = [a_consent(f"con_{number}_{scope.value}", key=key, scope=scope) for scope in scopes]
        withdrawals = [a_withdrawal(key=key, scope=scope) for scope in scopes]

        added, *_ = await asyncio.gather(
            store.consents.record(consents),
            other.consents.withdraw(withdrawals),
            other.imported_rows.mark("acc-1", [(key, "row-1"), (key, "row-2")]),
        )

        found = await store.consents.of_customer("acc-1", [key])
        assert set(added) == {each.id for each in found.consents} == {each.id for each in consents}
        assert {each.scope for each in found.withdrawals} == set(scopes)
        assert len(await store.imported_rows.known("acc-1", [(key, "row-1"), (key, "row-2")])) == 2
