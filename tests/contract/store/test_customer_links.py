"""What the port `CustomerLinks` promises of the keys of one customer, on every adapter."""

import asyncio

from libs.store.conversations import SuppressionKind
from libs.store.customer_links import CustomerLink, Relation
from libs.store.erasures import Erasure
from libs.store.store import Store
from tests.contract.store.builders import NOW, a_facts_query, a_number, a_suppression, after

ACCOUNT = "acc-1"
PHONE, USER, ALIAS = "by-phone", "by-user-id", "by-other-phone"
FORMER = "by-former-key"


async def group(store: Store, key: str, account_id: str = ACCOUNT) -> dict[str, str]:
    """Every key of the customer with its main key."""
    return {each.customer_key: each.main_key for each in await store.customer_links.find(account_id, [key])}


async def test_a_key_without_a_row_stands_for_itself(store: Store) -> None:
    assert await store.customer_links.find(ACCOUNT, [PHONE]) == []


async def test_a_customer_has_one_main_key_whichever_key_is_asked_for(store: Store, other: Store) -> None:
    assert await store.customer_links.join(ACCOUNT, USER, PHONE, Relation.USER_ID, NOW)
    assert await other.customer_links.join(ACCOUNT, ALIAS, PHONE, Relation.ALIAS, after(1))

    expected = {PHONE: PHONE, USER: PHONE, ALIAS: PHONE}
    assert [await group(store, key) for key in (PHONE, USER, ALIAS)] == [expected] * 3
    assert await group(store, PHONE, account_id="acc-2") == {}


async def test_the_keys_of_a_customer_follow_to_another_main_key(store: Store) -> None:
    await store.customer_links.join(ACCOUNT, USER, ALIAS, Relation.USER_ID, NOW)

    joined = await store.customer_links.join(ACCOUNT, ALIAS, PHONE, Relation.ALIAS, after(1))

    assert joined
    assert await group(store, USER) == {PHONE: PHONE, ALIAS: PHONE, USER: PHONE}


async def test_joining_again_changes_nothing(store: Store) -> None:
    await store.customer_links.join(ACCOUNT, ALIAS, PHONE, Relation.ALIAS, NOW)

    again = await store.customer_links.join(ACCOUNT, ALIAS, PHONE, Relation.ALIAS, NOW)
    reverse = await store.customer_links.join(ACCOUNT, PHONE, ALIAS, Relation.ALIAS, after(1))

    assert (again, reverse) == (True, False)
    assert await group(store, PHONE) == {PHONE: PHONE, ALIAS: PHONE}


async def test_a_user_id_moves_to_whom_it_is_seen_with_later(store: Store) -> None:
    await store.customer_links.join(ACCOUNT, USER, PHONE, Relation.USER_ID, NOW)

    moved = await store.customer_links.join(ACCOUNT, USER, "new-phone", Relation.USER_ID, after(5))
    late = await store.customer_links.join(ACCOUNT, USER, PHONE, Relation.USER_ID, after(1))

    assert (moved, late) == (True, False)
    assert await group(store, USER) == {"new-phone": "new-phone", USER: "new-phone"}
    assert await group(store, PHONE) == {PHONE: PHONE}


async def test_a_phone_that_has_a_new_owner_loses_the_former_ones_user_id_with_its_contact(store: Store) -> None:
    await store.customer_links.join(ACCOUNT, USER, PHONE, Relation.USER_ID, NOW)
    await store.customer_links.keep_contact(ACCOUNT, USER, "sealed", NOW)

    joined = await store.customer_links.join(ACCOUNT, "new-user", PHONE, Relation.USER_ID, after(5))
    late = await store.customer_links.join(ACCOUNT, "late-user", PHONE, Relation.USER_ID, after(1))

    assert (joined, late) == (True, False)
    assert await group(store, PHONE) == {PHONE: PHONE, "new-user": PHONE}
    assert await store.customer_links.find(ACCOUNT, [USER]) == [
        CustomerLink(customer_key=USER, main_key=USER, relation=Relation.MAIN)
    ]


async def test_an_alias_that_is_an_account_of_its_own_leaves_with_nothing(store: Store, other: Store) -> None:
    for key in (ALIAS, "later-alias"):
        at = NOW if key == ALIAS else after(9)
        await store.customer_links.join(ACCOUNT, key, PHONE, Relation.ALIAS, at)
        await store.customer_links.keep_contact(ACCOUNT, key, "sealed", at)

    for key in (ALIAS, "later-alias", PHONE, "stranger"):
        await other.customer_links.leave(ACCOUNT, key, after(5))

    assert await store.customer_links.find(ACCOUNT, [ALIAS]) == [
        CustomerLink(customer_key=ALIAS, main_key=ALIAS, relation=Relation.MAIN)
    ]
    assert await group(store, PHONE) == {PHONE: PHONE, "later-alias": PHONE}


async def test_many_that_join_at_once_make_one_customer(store: Store, other: Store) -> None:
    await asyncio.gather(
        *(
            (store, other)[n % 2].customer_links.join(
                ACCOUNT, (USER, ALIAS)[n % 3 % 2], PHONE, (Relation.USER_ID, Relation.ALIAS)[n % 3 % 2], NOW
            )
            for n in range(20)
        )
    )

    assert await group(store, USER) == {PHONE: PHONE, USER: PHONE, ALIAS: PHONE}


async def test_the_newest_contact_of_a_key_is_kept(store: Store, other: Store) -> None:
    await store.customer_links.keep_contact(ACCOUNT, PHONE, "first", NOW)
    await other.customer_links.keep_contact(ACCOUNT, PHONE, "newer", after(5))
    await store.customer_links.keep_contact(ACCOUNT, PHONE, "late", after(1))

    [found] = await store.customer_links.find(ACCOUNT, [PHONE])
    assert (found.contact, found.contact_at, found.main_key) == ("newer", after(5), PHONE)


async def test_facts_name_the_main_key_and_the_contact(store: Store) -> None:
    await store.customer_links.join(ACCOUNT, ALIAS, PHONE, Relation.ALIAS, NOW)
    await store.customer_links.keep_contact(ACCOUNT, ALIAS, "sealed", NOW)

    facts = await store.decisions.facts(a_facts_query(customer_keys=(ALIAS, "a-hash")))
    of_stranger = await store.decisions.facts(a_facts_query(customer_keys=("stranger",)))

    [link] = facts.customer_links
    assert (link.customer_key, link.main_key, link.contact) == (ALIAS, PHONE, "sealed")
    assert of_stranger.customer_links == ()


async def test_an_erasure_removes_the_links_and_contacts(store: Store) -> None:
    await store.customer_links.join(ACCOUNT, USER, PHONE, Relation.USER_ID, NOW)
    await store.customer_links.keep_contact(ACCOUNT, PHONE, "sealed", NOW)
    await store.customer_links.keep_contact(ACCOUNT, "somebody-else", "sealed", NOW)

    erasure = Erasure(
        id="era-1",
        account_id=ACCOUNT,
        customer_keys=(PHONE, USER),
        do_not_contact=("dnc-1", "dnc-2"),
        pseudonyms=(),
        reason="asked",
        actor="admin",
        asked_at=NOW,
    )
    removed = await store.personal_data.erase(erasure, event_ids=(), dead_letters=())

    assert removed["links"] == 2
    assert await store.customer_links.find(ACCOUNT, [PHONE, USER]) == []
    assert len(await store.customer_links.find(ACCOUNT, ["somebody-else"])) == 1


async def test_what_is_under_a_former_key_moves_to_its_successor(store: Store, other: Store) -> None:
    await store.registry.save(a_number(), (), created=True)
    await store.conversations.open_window("num-1", [FORMER], after(5))
    await store.conversations.open_window("num-1", [PHONE], NOW)
    await store.suppressions.suppress(a_suppression("sup-former", customer_key=FORMER, since=NOW), ())
    await store.identities.link(ACCOUNT, [FORMER, USER], NOW)

    moved = await store.customer_links.rekey(ACCOUNT, FORMER, PHONE)
    again = await other.customer_links.rekey(ACCOUNT, FORMER, PHONE)

    assert (moved, again) == (True, False)
    facts = await store.decisions.facts(a_facts_query(customer_keys=(PHONE,)))
    assert facts.conversation.last_inbound_at == after(5)
    assert facts.suppressed == {SuppressionKind.OPT_OUT}
    left = await store.decisions.facts(a_facts_query(customer_keys=(FORMER,)))
    assert (left.conversation.last_inbound_at, left.suppressed) == (None, frozenset())
    assert (await store.identities.link(ACCOUNT, [USER], NOW)).keys == (USER, PHONE)
    assert (await store.identities.link(ACCOUNT, [FORMER], NOW)).keys == (FORMER,)


async def test_a_lift_under_a_former_key_still_outweighs_an_older_opt_out(store: Store) -> None:
    await store.suppressions.lift(
        account_id=ACCOUNT,
        customer_key=FORMER,
        kind=SuppressionKind.OPT_OUT,
        at=after(5),
        events=(),
        deduplication_key="wamid.start",
    )

    await store.customer_links.rekey(ACCOUNT, FORMER, PHONE)
    late = await store.suppressions.suppress(a_suppression("sup-phone", customer_key=PHONE, since=NOW), ())

    assert not late.active


async def test_a_suppression_of_the_successor_stands_when_both_keys_have_one(store: Store) -> None:
    await store.suppressions.suppress(a_suppression("sup-former", customer_key=FORMER, since=NOW), ())
    standing = await store.suppressions.suppress(a_suppression("sup-phone", customer_key=PHONE, since=NOW), ())

    await store.customer_links.rekey(ACCOUNT, FORMER, PHONE)

    found = await store.suppressions.page(account_id=ACCOUNT, customer_key=None, after=None, limit=10)
    assert [row.id for row in found] == [standing.id]


async def test_the_latest_window_of_a_customer_is_that_of_the_main_key(store: Store, other: Store) -> None:
    for number_id, account_id in (("num-1", "acc-1"), ("num-2", "acc-1"), ("num-3", "acc-2")):
        await store.registry.save(a_number(number_id, account_id=account_id), (), created=True)
    await store.conversations.open_window("num-1", [PHONE], NOW)
    await store.conversations.open_window("num-1", [ALIAS], after(9))
    await store.conversations.close_window("num-1", PHONE, after(5))
    await store.conversations.open_window("num-3", [ALIAS], after(9))

    await store.conversations.join_windows(ACCOUNT, [PHONE, ALIAS, USER], PHONE)
    await other.conversations.join_windows(ACCOUNT, [PHONE, ALIAS, USER], PHONE)

    async def opened(number_id: str, key: str) -> object:
        query = a_facts_query(customer_keys=(key,), number_id=number_id)
        return (await store.decisions.facts(query)).conversation.last_inbound_at

    assert [await opened(number_id, PHONE) for number_id in ("num-1", "num-2", "num-3")] == [after(9), None, None]
    assert [await opened("num-1", key) for key in (ALIAS, USER)] == [after(9), None]
    facts = await store.decisions.facts(a_facts_query(customer_keys=(PHONE,)))
    assert facts.conversation.closed_at is None
