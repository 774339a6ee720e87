"""The export of suppressions on every adapter: each active row once, of one account or of all, also erased people."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from libs.store.conversations import Suppression, SuppressionKind
from libs.store.erasures import Erasure
from libs.store.store import Store
from services.console.domain.principals import Principal, Role
from services.console.domain.suppression_exports import CustomerForm, SuppressionExportQuery
from services.console.handlers.calls import Call
from services.console.handlers.suppression_exports import ExportSuppressions
from tests.builders import PSEUDONYMS, an_account
from tests.do_not_contact import hashes_over

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
PAGE, COUNT = 20, 50


@pytest.fixture(autouse=True)
async def accounts(store: Store) -> None:
    for id_ in ("acc_1", "acc_2"):
        await store.registry.save(an_account(id=id_), [], created=True)


def key_of(number: int, account: str = "acc_1") -> str:
    return PSEUDONYMS.customer_key(account, f"+9665{number:08d}")


def a_row(number: int, account: str = "acc_1") -> Suppression:
    return Suppression(
        id=f"sup_{account}_{number:06d}",
        account_id=account,
        customer_key=key_of(number, account),
        masked_phone="+96***78",
        kind=SuppressionKind.OPT_OUT,
        source="import",
        reason=None,
        actor="ops",
        since=NOON,
    )


async def exported(store: Store, **query: Any) -> list[dict[str, Any]]:
    export = ExportSuppressions(
        store.suppressions, store.directory, hashes_over(store.do_not_contact_entries, PSEUDONYMS), page_size=PAGE
    )
    principal = Principal(actor="ops", role=Role.AUDITOR, accounts=None, token_id=None)
    stream = await export(Call(principal, {}, SuppressionExportQuery(**query), None))
    content = b"".join([part async for part in stream.content])
    return [orjson.loads(line) for line in content.splitlines()]


async def test_every_active_suppression_is_exported_once_over_several_pages(store: Store) -> None:
    for number in range(COUNT):
        await store.suppressions.suppress(a_row(number), ())
    await store.suppressions.suppress(a_row(1, "acc_2"), ())
    await store.suppressions.suppress(replace(a_row(1), kind=SuppressionKind.MARKETING, id="sup_marketing"), ())
    lifted = await store.suppressions.lift(
        account_id="acc_1",
        customer_key=key_of(7),
        kind=SuppressionKind.OPT_OUT,
        at=datetime(2026, 11, 29, tzinfo=UTC),
        events=(),
    )
    assert lifted is not None

    one, everything = await exported(store, account_id="acc_1"), await exported(store)

    ids = [row["id"] for row in one[:-1]]
    assert one[-1] == {"rows": COUNT}  # one is lifted, one more is of another kind
    assert len(set(ids)) == len(ids) == COUNT
    assert a_row(7).id not in ids
    assert everything[-1] == {"rows": COUNT + 1}


async def test_who_was_erased_is_a_line_without_a_phone_and_its_hash_is_no_longer_the_persons(store: Store) -> None:
    await store.suppressions.suppress(a_row(1), ())
    [before, _] = await exported(store, customers=CustomerForm.HASHED)
    hashes = hashes_over(store.do_not_contact_entries, PSEUDONYMS)
    keys = (key_of(1),)
    erasure = Erasure(
        id="era_1",
        account_id="acc_1",
        customer_keys=keys,
        do_not_contact=await hashes.newest(keys),
        pseudonyms=(),
        reason="asked",
        actor="ops",
        asked_at=NOON,
    )
    await store.personal_data.erase(erasure, event_ids=(), dead_letters=())

    [masked, _], [hashed, _] = [await exported(store, customers=form) for form in CustomerForm]

    assert (masked["masked_phone"], masked["source"]) == ("", "erasure")
    assert hashed["customer_hash"] not in {before["customer_hash"], erasure.do_not_contact[0]}
    assert key_of(1) not in str([masked, hashed])
