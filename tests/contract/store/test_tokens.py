"""The contract of `Tokens` and `TokenRegistry`, on every adapter."""

import asyncio
from dataclasses import replace
from typing import Any

from libs.store.store import Store
from libs.store.tokens import Token
from tests.contract.store.builders import NOW, after, an_outbox_event


def a_token(token_id: str = "tok_1", **fields: Any) -> Token:
    given: dict[str, Any] = {
        "label": "Auditors",
        "role": "auditor",
        "accounts": ("acc-1", "acc-2"),
        "sha256": f"digest of {token_id}",
        "created_at": NOW,
        "created_by": "admin",
        "expires_at": after(3600),
    }
    return Token(id=token_id, **(given | fields))


async def test_a_token_is_found_by_its_secrets_digest_alone(store: Store, other: Store) -> None:
    everywhere = a_token("tok_2", accounts=None)
    await store.token_registry.add(a_token(), [an_outbox_event()])
    await store.token_registry.add(everywhere, [])

    assert await other.tokens.by_digest("digest of tok_1") == a_token()
    assert await other.tokens.by_digest("digest of tok_2") == everywhere
    assert await other.tokens.by_digest("digest of tok_3") is None
    assert await other.token_registry.get("tok_1") == a_token()
    assert await other.token_registry.get("tok_3") is None


async def test_a_digest_does_not_show(store: Store) -> None:
    await store.token_registry.add(a_token(), [])

    assert "digest" not in repr(await store.token_registry.get("tok_1"))


async def test_a_token_is_written_with_its_events(store: Store) -> None:
    await store.token_registry.add(a_token(), [an_outbox_event()])

    assert list(await store.outbox.unpublished(10)) == [an_outbox_event()]


async def test_a_token_is_revoked_once_with_its_event(store: Store, other: Store) -> None:
    await store.token_registry.add(a_token(), [])
    told = [an_outbox_event(f"00000000-0000-0000-0000-0000000000{n:02}") for n in range(10)]

    ended = await asyncio.gather(
        *(
            (store, other)[n % 2].token_registry.revoke("tok_1", at=after(n), by=f"op-{n}", events=[told[n]])
            for n in range(10)
        )
    )

    found = await store.tokens.by_digest("digest of tok_1")
    winner = ended.index(True)
    assert sum(ended) == 1
    assert found == replace(a_token(), revoked_at=after(winner), revoked_by=f"op-{winner}")
    assert list(await other.outbox.unpublished(10)) == [told[winner]]
    assert not await store.token_registry.revoke("tok_9", at=NOW, by="op", events=[])


async def test_the_latest_use_counts(store: Store) -> None:
    await store.token_registry.add(a_token(), [])

    await store.tokens.mark_used("tok_1", after(60))
    await store.tokens.mark_used("tok_1", after(30))
    await store.tokens.mark_used("tok_9", after(30))

    assert await store.token_registry.get("tok_1") == replace(a_token(), last_used_at=after(60))


async def test_tokens_are_paged_in_the_order_of_their_ids(store: Store) -> None:
    for n in (3, 1, 2):
        await store.token_registry.add(a_token(f"tok_{n}"), [])

    first = await store.token_registry.page(after=None, limit=2)
    second = await store.token_registry.page(after="tok_2", limit=2)

    assert [[token.id for token in page] for page in (first, second)] == [["tok_1", "tok_2"], ["tok_3"]]
