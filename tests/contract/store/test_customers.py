"""The contract of `Customers`, on every adapter."""

from collections.abc import Awaitable, Callable

import pytest

from libs.store.conversations import SuppressionKind
from libs.store.customer_links import Relation
from libs.store.store import Store
from tests.contract.store.builders import NOW, a_number, a_suppression, after


async def by_conversation(store: Store) -> None:
    await store.conversations.open_window("num-2", ["known"], NOW)


async def by_a_closed_window(store: Store) -> None:
    await store.conversations.close_window("num-1", "known", NOW)


async def by_suppression(store: Store) -> None:
    await store.suppressions.suppress(a_suppression(customer_key="known", kind=SuppressionKind.BLOCKED), ())


async def by_lifted_suppression(store: Store) -> None:
    await store.suppressions.suppress(a_suppression(customer_key="known"), ())
    kind = SuppressionKind.OPT_OUT
    await store.suppressions.lift(account_id="acc-1", customer_key="known", kind=kind, at=after(1), events=())


async def by_identity(store: Store) -> None:
    await store.identities.link("acc-1", ["user-id", "known"], NOW)


async def by_alias(store: Store) -> None:
    await store.customer_links.join("acc-1", "known", "main", Relation.ALIAS, NOW)


@pytest.fixture
async def numbers(store: Store) -> None:
    """Two numbers of one account and one of another."""
    for number_id, account_id in (("num-1", "acc-1"), ("num-2", "acc-1"), ("num-3", "acc-2")):
        await store.registry.save(a_number(number_id, account_id=account_id), (), created=True)


@pytest.mark.usefixtures("numbers")
@pytest.mark.parametrize(
    "meet",
    [
        pytest.param(by_conversation, id="a conversation with any number of the account"),
        pytest.param(by_a_closed_window, id="a window that WhatsApp closed"),
        pytest.param(by_suppression, id="a suppression"),
        pytest.param(by_lifted_suppression, id="a suppression that was lifted"),
        pytest.param(by_alias, id="another number of the same person"),
        pytest.param(by_identity, id="a link to another identity"),
    ],
)
async def test_an_account_knows_whom_it_has_met(store: Store, meet: Callable[[Store], Awaitable[None]]) -> None:
    before = await store.customers.known("acc-1", ["known", "stranger"])

    await meet(store)

    assert before == frozenset()
    assert await store.customers.known("acc-1", ["stranger", "known"]) == {"known"}
    assert await store.customers.known("acc-2", ["known"]) == frozenset()


@pytest.mark.usefixtures("numbers")
async def test_each_key_is_answered_once_however_it_is_known(store: Store) -> None:
    await by_conversation(store)
    await by_suppression(store)
    await by_identity(store)
    await store.conversations.open_window("num-1", ["known", "user-id"], NOW)

    assert await store.customers.known("acc-1", ["known", "user-id", "stranger"]) == {"known", "user-id"}


@pytest.mark.usefixtures("numbers")
async def test_a_conversation_with_another_accounts_number_makes_nobody_known(store: Store) -> None:
    await store.conversations.open_window("num-3", ["known"], NOW)

    assert await store.customers.known("acc-1", ["known"]) == frozenset()
    assert await store.customers.known("acc-1", []) == frozenset()
