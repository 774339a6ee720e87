"""Imports of suppressions and opt-ins, on every adapter: repeated, cut off, from two consoles, beside what stands."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.contracts.errors import unavailable
from libs.store.accounts import Account
from libs.store.conversations import Suppression, SuppressionKind
from libs.store.do_not_contact import HashedErasedCustomers
from libs.store.erasures import Erasure
from libs.store.store import Store
from services.console.domain.imports import (
    CONSENT_COLUMNS,
    SUPPRESSION_COLUMNS,
    ConsentRow,
    ImportQuery,
    SuppressionRow,
)
from services.console.domain.principals import Principal, Role
from services.console.handlers.calls import Call
from services.console.handlers.changes import Changes
from services.console.handlers.customer_lookup import CustomerLookup
from services.console.handlers.earlier_erasures import EarlierErasures
from services.console.handlers.import_batches import (
    ApplyConsents,
    ApplySuppressions,
    ImportCustomers,
    ImportRun,
    Outcome,
)
from services.console.handlers.imports import ImportRows
from tests.builders import PSEUDONYMS, an_account
from tests.do_not_contact import hashes_over

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
PHONE = "+966512345678"
KEY = PSEUDONYMS.customer_key("acc_1", PHONE)
SPELLINGS = ("+966512345678", "00966512345678", "966 51 234 5678", "0512345678", "(051) 234-5678", '="+966512345678"')


@dataclass
class Body:
    """A file that arrives, or breaks off after some bytes."""

    content: bytes
    media_type: str = "text/csv"

    async def pieces(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.content), 1000):
            yield self.content[start : start + 1000]


async def nothing_to_publish() -> None:
    """The broker is of no interest here."""


def changes_over(store: Store) -> Changes:
    return Changes(store.registry, store.outbox, lambda: NOON, uuid4, nothing_to_publish)


def suppressions_of(store: Store) -> ImportRows[SuppressionRow]:
    lookup = CustomerLookup(store.customers, hashes_over(store.do_not_contact_entries, PSEUDONYMS))
    customers = ImportCustomers(lookup, store.customer_links)
    apply = ApplySuppressions(customers, store.suppressions, store.consents, store.imported_rows)
    return ImportRows(
        kind="suppressions",
        model=SuppressionRow,
        columns=SUPPRESSION_COLUMNS,
        apply=apply,
        directory=store.directory,
        changes=changes_over(store),
        batch=20,
    )


def consents_of(store: Store) -> ImportRows[ConsentRow]:
    hashes = hashes_over(store.do_not_contact_entries, PSEUDONYMS)
    lookup = CustomerLookup(store.customers, hashes)
    erasures = EarlierErasures(HashedErasedCustomers(store.erased_customers, hashes), hashes)
    apply = ApplyConsents(ImportCustomers(lookup, store.customer_links), store.consents, erasures)
    return ImportRows(
        kind="consents",
        model=ConsentRow,
        columns=CONSENT_COLUMNS,
        apply=apply,
        directory=store.directory,
        changes=changes_over(store),
        batch=20,
    )


async def answered(rows: ImportRows[Any], text: str, **query: Any) -> list[dict[str, Any]]:
    """The lines of an import without the last one."""
    principal = Principal(actor="ops", role=Role.OPERATOR, accounts=None, token_id=None)
    asked = ImportQuery(account_id="acc_1", **query)
    call = cast("Call[ImportQuery, None]", Call(principal, {}, asked, None, rows=Body(text.encode())))
    content = b"".join([part async for part in (await rows(call)).content])
    return [orjson.loads(line) for line in content.splitlines()][:-1]


async def imported(rows: ImportRows[Any], text: str, *, until: int | None = None, **query: Any) -> Counter[str]:
    """The results of an import; `until`: the reader goes away after so many parts of the answer."""
    principal = Principal(actor="ops", role=Role.OPERATOR, accounts=None, token_id=None)
    asked = ImportQuery(account_id="acc_1", **query)
    call = cast("Call[ImportQuery, None]", Call(principal, {}, asked, None, rows=Body(text.encode())))
    stream = await rows(call)
    found: Counter[str] = Counter()
    number = 0
    async for part in stream.content:
        found += Counter(line["result"] for line in map(orjson.loads, part.splitlines()) if "result" in line)
        number += 1
        if until is not None and number >= until:
            break
    return found


@pytest.fixture(autouse=True)
async def account(store: Store) -> Account:
    row = an_account()
    await store.registry.save(row, [], created=True)
    return row


async def active(store: Store, key: str = KEY) -> set[str]:
    rows = await store.suppressions.page(account_id="acc_1", customer_key=key, after=None, limit=9)
    return {row.kind.value for row in rows}


async def test_every_spelling_of_a_number_is_one_customer(store: Store) -> None:
    quoted = (spelling.replace('"', '""') for spelling in SPELLINGS)
    cells = "".join(f'"{cell}"\n' for cell in quoted)

    found = await imported(suppressions_of(store), f"phone\n{cells}")

    assert found == {"added": 1, "unchanged": len(SPELLINGS) - 1}
    assert await active(store) == {"opt_out"}


async def test_the_same_file_again_changes_nothing_from_whichever_console(store: Store, other: Store) -> None:
    text = "phone,since\n" + "".join(f"+9665123{number:05d},2026-11-20\n" for number in range(60))

    at_once = await asyncio.gather(imported(suppressions_of(store), text), imported(suppressions_of(other), text))
    again = await imported(suppressions_of(store), text)

    assert sum(at_once, Counter[str]()).total() == 120
    assert again == {"unchanged": 60}
    rows = await store.suppressions.page(account_id="acc_1", customer_key=None, after=None, limit=200)
    assert len(rows) == 60
    assert {row.source for row in rows} == {"import"}


async def test_an_import_that_was_cut_off_goes_on_where_it_was_or_from_the_beginning(store: Store) -> None:
    text = "phone,at\n" + "".join(f"+9665123{number:05d},2026-11-20\n" for number in range(50))

    cut = await imported(consents_of(store), text, until=1, import_id="imp_1")
    whole = await imported(consents_of(store), text, import_id="imp_1")

    assert cut == {"added": 20}
    assert whole == {"unchanged": 20, "added": 30}
    events = [event for event in await store.outbox.unpublished(50) if event.name == "import.applied"]
    told = [(orjson.loads(event.body)["first_row"], orjson.loads(event.body)["results"]) for event in events]
    assert told == [(1, {"added": 20}), (1, {"unchanged": 20}), (21, {"added": 20}), (41, {"added": 10})]


async def test_a_row_that_an_operator_has_lifted_since_is_not_applied_again(store: Store) -> None:
    text = f"phone,since\n{PHONE},2026-11-20\n"
    await imported(suppressions_of(store), text)
    [row] = await store.suppressions.page(account_id="acc_1", customer_key=KEY, after=None, limit=9)
    lifted = await store.suppressions.lift(
        account_id="acc_1", customer_key=KEY, kind=SuppressionKind.OPT_OUT, at=NOON, events=()
    )
    assert lifted is not None

    again = await imported(suppressions_of(store), text)

    assert again == {"unchanged": 1}
    assert await active(store) == set()
    assert row.id not in {each.id for each in [await store.suppressions.get(row.id)] if each and each.active}


async def test_an_erasure_forgets_the_rows_and_no_id_of_them_can_be_computed(store: Store, other: Store) -> None:
    row = (KEY, "fingerprint")
    await store.imported_rows.mark("acc_1", [row])
    assert await other.imported_rows.known("acc_1", [row, (KEY, "another")]) == {row}
    ids = set()
    for key in ("+966512345671", "+966512345671"):
        text = f"phone,at\n{key},2026-11-20\n"
        await imported(consents_of(store), text)
        [consent] = (await store.consents.of_customer("acc_1", [PSEUDONYMS.customer_key("acc_1", key)])).consents
        ids.add(consent.id)
        await store.personal_data.erase(
            an_erasure(PSEUDONYMS.customer_key("acc_1", key), KEY), event_ids=(), dead_letters=()
        )

    assert len(ids) == 2
    assert await store.imported_rows.known("acc_1", [row]) == frozenset()


def an_erasure(*keys: str) -> Erasure:
    return Erasure(
        id="era_1",
        account_id="acc_1",
        customer_keys=keys,
        do_not_contact=keys,
        pseudonyms=(),
        reason="asked",
        actor="ops",
        asked_at=NOON,
    )


async def erase(store: Store, *phones: str, at: datetime = NOON) -> None:
    """Erase these customers, and leave do-not-contact hashes of those who are suppressed."""
    hashes = hashes_over(store.do_not_contact_entries, PSEUDONYMS)
    keys = tuple(PSEUDONYMS.customer_key("acc_1", phone) for phone in phones)
    await HashedErasedCustomers(store.erased_customers, hashes).mark("acc_1", keys, at)
    erasure = replace(an_erasure(*keys), do_not_contact=await hashes.newest(keys))
    await store.personal_data.erase(erasure, event_ids=(), dead_letters=())


ERASED_PHONE = "+966512345670"


@pytest.mark.parametrize("suppressed", [False, True], ids=["never_suppressed", "do_not_contact"])
@pytest.mark.parametrize("dry_run", [False, True], ids=["applied", "dry_run"])
async def test_an_opt_in_from_before_an_erasure_brings_nobody_back(
    store: Store, *, suppressed: bool, dry_run: bool
) -> None:
    if suppressed:
        await imported(suppressions_of(store), f"phone\n{ERASED_PHONE}\n")
    await erase(store, ERASED_PHONE)
    text = f"phone,at\n{PHONE},2026-11-20\n{ERASED_PHONE},2026-11-20\n"

    lines = await answered(consents_of(store), text, dry_run=dry_run)

    assert [line["result"] for line in lines] == ["added", "refused"]
    assert (lines[1]["field"], lines[1]["code"]) == ("phone", "customer_erased")
    key = PSEUDONYMS.customer_key("acc_1", ERASED_PHONE)
    assert (await store.consents.of_customer("acc_1", [key])).consents == ()
    assert await store.consents.page(account_id="acc_1", after=None, limit=9) == [] or not dry_run


async def test_who_agrees_after_the_erasure_is_recorded_unless_they_must_not_be_contacted(store: Store) -> None:
    forbidden = "+966512345671"
    await imported(suppressions_of(store), f"phone\n{forbidden}\n")
    await erase(store, ERASED_PHONE, forbidden, at=NOON - timedelta(days=1))
    text = f"phone,at\n{ERASED_PHONE},2026-11-28T11:00:00Z\n{forbidden},2026-11-28T11:00:00Z\n"

    lines = await answered(consents_of(store), text)
    await lift_what_the_erasure_left(store)
    again = await answered(consents_of(store), text)

    assert [line["result"] for line in lines] == ["added", "refused"]
    assert [line["result"] for line in again] == ["unchanged", "added"]


async def lift_what_the_erasure_left(store: Store) -> None:
    [left] = await store.suppressions.page(account_id="acc_1", customer_key=None, after=None, limit=9)
    assert left.source == "erasure"
    lifted = await store.suppressions.lift(
        account_id="acc_1", customer_key=left.customer_key, kind=left.kind, at=NOON + timedelta(days=1), events=()
    )
    assert lifted is not None


async def test_a_store_that_goes_away_in_the_middle_leaves_rows_that_a_repetition_completes(store: Store) -> None:
    whole = consents_of(store)
    left = 1

    async def dying(run: ImportRun, rows: Sequence[ConsentRow]) -> Sequence[Outcome]:
        nonlocal left
        outcome = await whole.apply(run, rows)
        left -= 1
        if left < 0:
            raise unavailable("store")
        return outcome

    text = "phone,at\n" + "".join(f"+9665124{number:05d},2026-11-20\n" for number in range(30))
    broken = ImportRows(
        kind="consents",
        model=ConsentRow,
        columns=CONSENT_COLUMNS,
        apply=dying,
        directory=store.directory,
        changes=whole.changes,
        batch=20,
    )

    with pytest.raises(Exception, match="gateway_unavailable"):
        await imported(broken, text)
    again = await imported(whole, text)

    assert again == {"unchanged": 30}


async def test_no_row_lifts_a_stricter_block_and_a_later_start_outlives_an_older_row(store: Store) -> None:
    block = Suppression(
        id="sup_block",
        account_id="acc_1",
        customer_key=KEY,
        masked_phone="",
        kind=SuppressionKind.BLOCKED,
        source="operator",
        reason="fraud",
        actor="ops",
        since=NOON - timedelta(days=9),
    )
    await store.suppressions.suppress(block, ())
    await store.suppressions.lift(
        account_id="acc_1",
        customer_key=KEY,
        kind=SuppressionKind.OPT_OUT,
        at=NOON - timedelta(days=1),
        events=(),
        deduplication_key="wamid.start",
    )

    opt_out = await imported(suppressions_of(store), f"phone,since\n{PHONE},2026-11-20\n")
    marketing = await imported(suppressions_of(store), f"phone,scope\n{PHONE},marketing\n")
    opt_in = await imported(consents_of(store), f"phone,at\n{PHONE},2026-11-28T11:00:00Z\n")

    assert (opt_out, marketing, opt_in) == ({"superseded": 1}, {"added": 1}, {"added": 1})
    assert await active(store) == {"blocked", "marketing"}


NUMBERS = itertools.count(1_000_000)
WORDS = st.lists(st.tuples(st.sampled_from(["opt_in", "opt_out"]), st.integers(1, 4)), min_size=1, max_size=4)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=WORDS, order=st.randoms(use_true_random=False))
async def test_in_whatever_order_files_are_imported_the_latest_word_counts(
    store: Store, words: list[tuple[str, int]], order: Any
) -> None:
    phone = f"+96651{next(NUMBERS):07d}"  # nobody whom an earlier example has suppressed
    latest = max(hour for _, hour in words)
    agreed = all(word == "opt_in" for word, hour in words if hour == latest)
    shuffled = list(words)
    order.shuffle(shuffled)

    for word, hour in shuffled:
        cells = f"{phone},2026-11-28T0{hour}:00:00Z\n"
        if word == "opt_in":
            await imported(consents_of(store), f"phone,at\n{cells}")
        else:
            await imported(suppressions_of(store), f"phone,since\n{cells}")

    found = await store.consents.of_customer("acc_1", [PSEUDONYMS.customer_key("acc_1", phone)])
    assert (found.standing("support") is not None) is agreed
    stopped = any(word == "opt_out" for word, _ in words)
    assert (await active(store, PSEUDONYMS.customer_key("acc_1", phone)) == {"opt_out"}) is stopped
