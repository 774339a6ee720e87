"""`GET /suppressions/export`: masked or hashed, page by page, on record, and incomplete without its last line."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from libs.contracts.errors import unavailable
from libs.contracts.events import BY_NAME, DataRead
from libs.contracts.identity import Pseudonyms, masked
from libs.store.conversations import Suppression, SuppressionKind
from services.console.domain.principals import Principal, Role
from services.console.domain.suppression_exports import CUT, CustomerForm, SuppressionExportQuery
from services.console.handlers.calls import Call
from services.console.handlers.suppression_exports import PAGE, ExportSuppressions
from tests.do_not_contact import hashes_over
from tests.unit.console.world import NOON, PHONE, World

OTHER = "+966500000001"


async def exported(world: World, token: str | None = None, **query: str) -> list[dict[str, Any]]:
    said: dict[str, Any] = {} if token is None else {"token": token}
    response = await world.call("GET", "/suppressions/export", params=query, **said)
    assert response.status == 200, await response.text()
    assert response.content_type == "application/x-ndjson"
    return [orjson.loads(line) for line in (await response.read()).splitlines()]


async def suppressed(world: World, account: str, *phones: str) -> None:
    for phone in phones:
        await world.ok("POST", "/suppressions", {"account_id": account, "phone": phone, "reason": "asked us"})


async def test_each_active_suppression_is_a_line_and_the_last_one_has_their_number(world: World) -> None:
    account = (await world.account())["id"]
    await suppressed(world, account, PHONE, OTHER)
    lifted = (await world.ok("GET", "/suppressions", params={"account_id": account, "phone": OTHER}))["items"][0]
    await world.ok("DELETE", f"/suppressions/{lifted['id']}", params={"reason": "they asked for it"})

    row, last = await exported(world, account_id=account)

    listed = (await world.ok("GET", "/suppressions"))["items"][0]
    assert row == {name: listed[name] for name in row}
    assert row["masked_phone"] == masked(PHONE)
    assert last == {"rows": 1}


async def test_a_reason_that_names_the_customer_is_not_exported(world: World) -> None:
    account = (await world.account())["id"]
    for phone, reason in ((PHONE, "called from 0966 51-234 5678"), (OTHER, "letter 7 of 2026")):
        await world.ok("POST", "/suppressions", {"account_id": account, "phone": phone, "reason": reason})

    rows = await exported(world)

    assert {row["reason"] for row in rows[:-1]} == {CUT, "letter 7 of 2026"}


async def test_a_hash_stands_for_a_customer_in_each_export_and_no_mask_beside_it(world: World) -> None:
    account = (await world.account())["id"]
    await suppressed(world, account, PHONE, OTHER)

    first, again = [await exported(world, account_id=account, customers="hashed") for _ in range(2)]

    assert first == again
    hashes = {row["customer_hash"] for row in first[:-1]}
    assert len(hashes) == 2
    assert not any("masked_phone" in row for row in first)
    stored = await world.store.suppressions.page(account_id=account, customer_key=None, after=None, limit=9)
    assert not any(row.customer_key in str(first) for row in stored)


async def test_who_lacks_the_do_not_contact_key_finds_no_phone_by_trying_them_all(world: World) -> None:
    account = (await world.account())["id"]
    await suppressed(world, account, PHONE)
    [row, _] = await exported(world, account_id=account, customers="hashed")

    hash_key = Pseudonyms(b"k" * 32)
    keys = [hash_key.customer_key(account, f"+96651234{number:04d}") for number in range(5600, 5700)]
    foreign = hashes_over(keys=(replace(hashes_over()._keys[0], key=b"e" * 32),))

    digest = row["customer_hash"].rpartition(".")[2]
    assert row["customer_hash"] in map(world.deps.do_not_contact.exported, keys)
    assert digest not in {made for key in keys for made in (key, foreign.exported(key).rpartition(".")[2])}


async def test_an_export_is_on_record_before_its_first_line(world: World) -> None:
    account = (await world.account())["id"]
    world.broker.down = True

    response = await world.call("GET", "/suppressions/export", params={"account_id": account, "customers": "hashed"})

    stored = await world.store.outbox.unpublished(100)
    [read] = [BY_NAME[each.name].model_validate_json(each.body) for each in stored if each.name == "data.read"]
    assert isinstance(read, DataRead)
    assert (read.operation, read.actor, read.account_id) == ("export_suppressions", "admin", account)
    assert (read.filters, read.items) == (("account_id", "customers"), None)
    await response.release()


async def test_a_token_of_one_account_exports_that_one_and_no_other(world: World) -> None:
    own, other = [(await world.account())["id"] for _ in range(2)]
    await suppressed(world, own, PHONE)
    await suppressed(world, other, PHONE, OTHER)
    world.tokens.held["sam"] = Principal("sam", Role.AUDITOR, frozenset({own}), "tok_s")

    mine = await exported(world, "sam")
    foreign = await world.call("GET", "/suppressions/export", params={"account_id": other}, token="sam")

    assert ({row["account_id"] for row in mine[:-1]}, mine[-1]) == ({own}, {"rows": 1})
    assert foreign.status == 403
    assert len(await exported(world)) == 4


@pytest.mark.parametrize(
    "query",
    [{"account_id": "acc_unknown"}, {"customers": "plain"}, {"phone": PHONE}],
    ids=lambda query: next(iter(query)),
)
async def test_what_cannot_be_exported_is_refused(world: World, query: dict[str, str]) -> None:
    assert (await world.call("GET", "/suppressions/export", params=query)).status == 422


class Rows:
    """A million suppressions that are made when they are read."""

    def __init__(self, count: int, *, away_after: int | None = None) -> None:
        self.count, self.away_after, self.pages = count, away_after, 0

    async def page(
        self, *, account_id: str | None, customer_key: str | None, after: str | None, limit: int
    ) -> Sequence[Suppression]:
        if self.away_after is not None and self.pages >= self.away_after:
            raise unavailable("store")
        self.pages += 1
        start = 0 if after is None else int(after) + 1
        return [a_row(number) for number in range(start, min(start + limit, self.count))]


def a_row(number: int) -> Suppression:
    return Suppression(
        id=f"{number:08d}",
        account_id="acc_1",
        customer_key=f"key-{number}",
        masked_phone="+96***78",
        kind=SuppressionKind.OPT_OUT,
        source="import",
        reason=None,
        actor="ops",
        since=NOON - timedelta(seconds=number),
    )


async def stream_of(rows: Rows) -> Any:
    export = ExportSuppressions(rows, None, hashes_over())  # type: ignore[arg-type]
    principal = Principal(actor="ops", role=Role.AUDITOR, accounts=None, token_id=None)
    return await export(Call(principal, {}, SuppressionExportQuery(customers=CustomerForm.HASHED), None))


async def test_a_million_rows_are_read_as_fast_as_they_are_taken_and_one_page_is_held() -> None:
    rows = Rows(1_000_000)
    content = (await stream_of(rows)).content

    taken = [await anext(content) for _ in range(20)]

    assert rows.pages == 20
    assert max(map(len, taken)) < 512 * PAGE
    await content.aclose()


async def test_every_row_is_there_once_also_when_the_last_page_is_full() -> None:
    content = b"".join([part async for part in (await stream_of(Rows(3 * PAGE))).content])

    lines = [orjson.loads(line) for line in content.splitlines()]
    assert [line["id"] for line in lines[:-1]] == [f"{number:08d}" for number in range(3 * PAGE)]
    assert lines[-1] == {"rows": 3 * PAGE}


async def test_a_store_that_goes_away_leaves_an_export_without_its_last_line() -> None:
    content = (await stream_of(Rows(5 * PAGE, away_after=2))).content

    parts = [await anext(content) for _ in range(2)]

    with pytest.raises(Exception, match="gateway_unavailable"):
        await anext(content)
    assert len(b"".join(parts).splitlines()) == 2 * PAGE
    assert b'"rows"' not in b"".join(parts)
