"""The operations under `/consents` and the imports, through HTTP."""

import hashlib
from datetime import timedelta
from typing import Any

import orjson
import pytest

from libs.contracts.events import BY_NAME, AccessRefused, ConsentRecorded, ConsentWithdrawn, DataRead, ImportApplied
from tests.unit.console.world import NOON, PHONE, World

AT = (NOON - timedelta(days=2)).isoformat()


async def recorded(world: World, account: str, **changes: Any) -> tuple[int, dict[str, Any]]:
    body = {"account_id": account, "phone": PHONE, "at": AT, "wording_version": "2026-11", "evidence": "I agree."}
    response = await world.call("POST", "/consents", json=body | changes)
    return response.status, await response.json()


async def imported(world: World, path: str, body: str | bytes, **query: Any) -> list[dict[str, Any]]:
    headers = {"Content-Type": query.pop("media_type", "text/csv")}
    response = await world.call("POST", path, data=body, headers=headers, params=query)
    assert response.status == 200, await response.text()
    return [orjson.loads(line) for line in (await response.read()).splitlines()]


async def test_an_opt_in_is_recorded_once_with_the_digest_of_its_evidence(world: World) -> None:
    account = (await world.account())["id"]

    first, view = await recorded(world, account)
    again, same = await recorded(world, account)

    assert (first, again) == (201, 200)
    assert view == same
    assert (view["scope"], view["source"], view["withdrawn"]) == ("all", "operator", False)
    assert view["evidence_sha256"] == hashlib.sha256(b"I agree.").hexdigest()
    assert PHONE not in str(view)
    assert len([each for each in world.broker.events if isinstance(each, ConsentRecorded)]) == 1


async def test_a_withdrawal_ends_it_and_both_are_listed(world: World) -> None:
    account = (await world.account())["id"]
    await recorded(world, account)

    await world.ok("POST", "/consents/withdrawals", {"account_id": account, "phone": PHONE, "reason": "by letter"})

    listed = await world.ok("GET", "/consents", params={"account_id": account, "phone": PHONE})
    assert [each["withdrawn"] for each in listed["items"]] == [True]
    assert [each["source"] for each in listed["withdrawals"]] == ["operator"]
    assert len([each for each in world.broker.events if isinstance(each, ConsentWithdrawn)]) == 1


@pytest.mark.parametrize(
    ("kind", "scopes"),
    [("opt_out", ["all"]), ("marketing", ["marketing"]), ("blocked", [])],
    ids=str,
)
async def test_an_opt_out_that_an_operator_passes_on_takes_consents_back_and_a_block_does_not(
    world: World, kind: str, scopes: list[str]
) -> None:
    account = (await world.account())["id"]
    await recorded(world, account, scope=scopes[0] if scopes else "all")
    body = {"account_id": account, "phone": PHONE, "kind": kind, "reason": "the customer asked by phone"}

    made = [(await world.call("POST", "/suppressions", json=body)).status for _ in range(2)]

    listed = await world.ok("GET", "/consents", params={"account_id": account, "phone": PHONE})
    assert made == [201, 200]
    assert [each["withdrawn"] for each in listed["items"]] == [bool(scopes)]
    assert [each["scope"] for each in listed["withdrawals"]] == scopes


@pytest.mark.parametrize(
    "change",
    [
        {"at": (NOON + timedelta(hours=1)).isoformat()},
        {"at": "0001-01-01T00:00:00+14:00"},
        {"wording_version": "form 966512345678"},
        {"origin": "call 966 512 345 678"},
        {"scope": "everything"},
        {"evidence_sha256": "zz"},
        {"user_id": "SA.77"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_evidence_that_could_not_count_is_refused(world: World, change: dict[str, Any]) -> None:
    account = (await world.account())["id"]

    status, body = await recorded(world, account, **change)

    assert (status, body["error"]) == (422, "invalid_request")


async def erased(world: World, account: str, *, suppressed: bool) -> None:
    """Erase the customer; who was suppressed leaves a do-not-contact entry."""
    if suppressed:
        await world.ok("POST", "/suppressions", {"account_id": account, "phone": PHONE, "reason": "asked us"})
    body = {"account_id": account, "phone": PHONE, "reason": "letter of today"}
    assert (await world.call("POST", "/erasures", json=body)).status == 200
    world.clock.pass_by(days=1)


@pytest.mark.parametrize(
    ("suppressed", "at"),
    [(False, AT), (True, (NOON + timedelta(hours=1)).isoformat())],
    ids=["agreed_before_the_erasure", "must_not_be_contacted"],
)
async def test_an_operator_brings_no_erased_customer_back_and_the_attempt_is_on_record(
    world: World, *, suppressed: bool, at: str
) -> None:
    account = (await world.account())["id"]
    await erased(world, account, suppressed=suppressed)
    world.broker.down = True

    status, body = await recorded(world, account, at=at)

    assert (status, body["error"]) == (409, "customer_erased")
    assert await world.store.consents.page(account_id=account, after=None, limit=9) == []
    stored = [BY_NAME[each.name].model_validate_json(each.body) for each in await world.store.outbox.unpublished(99)]
    assert [each.code for each in stored if isinstance(each, AccessRefused)] == ["customer_erased"]


async def test_what_a_customer_agrees_to_after_the_erasure_is_recorded(world: World) -> None:
    account = (await world.account())["id"]
    await erased(world, account, suppressed=False)

    status, _ = await recorded(world, account, at=(NOON + timedelta(hours=1)).isoformat())

    assert status == 201


async def test_an_import_is_on_record_as_a_read_also_when_it_changes_nothing(world: World) -> None:
    account = (await world.account())["id"]
    world.broker.down = True

    await imported(world, "/suppressions/imports", f"phone\n{PHONE}\n", account_id=account, dry_run="true")

    stored = [BY_NAME[each.name].model_validate_json(each.body) for each in await world.store.outbox.unpublished(99)]
    [read] = [each for each in stored if isinstance(each, DataRead)]
    assert (read.operation, read.account_id, read.filters) == (
        "import_suppressions",
        account,
        ("account_id", "dry_run"),
    )


async def test_a_new_account_requires_opt_ins_unless_it_is_made_without(world: World) -> None:
    assert (await world.account())["require_opt_in"] is True
    assert (await world.account(require_opt_in=False))["require_opt_in"] is False


async def test_an_import_answers_each_row_and_tells_the_record_of_the_batch(world: World) -> None:
    account = (await world.account())["id"]
    body = f"phone,scope,since,reason\n{PHONE},opt_out,2026-11-20,asked\n050 111 2222,marketing,,\nnobody,,,\n"

    lines = await imported(world, "/suppressions/imports", body, account_id=account)

    assert [line["result"] for line in lines[:-1]] == ["added", "added", "refused"]
    assert (lines[2]["row"], lines[2]["field"]) == (3, "phone")
    assert (lines[-1]["rows"], lines[-1]["results"]) == (3, {"added": 2, "refused": 1})
    [event] = [each for each in world.broker.events if isinstance(each, ImportApplied)]
    assert (event.kind, event.first_row, event.rows, event.results) == (
        "suppressions",
        1,
        3,
        {"added": 2, "refused": 1},
    )
    assert PHONE not in event.model_dump_json()


@pytest.mark.parametrize("at", ["0001-01-01", "0001-01-01T00:00:00-14:00", "1969-12-31T23:59:59Z"])
@pytest.mark.parametrize("kind", ["suppressions", "consents"])
async def test_a_row_from_before_all_time_is_refused_and_makes_no_list_unreadable(
    world: World, kind: str, at: str
) -> None:
    account = (await world.account())["id"]

    [line, _] = await imported(world, f"/{kind}/imports", f"phone,since\n{PHONE},{at}\n", account_id=account)

    assert (line["result"], line["field"]) == ("refused", "since")
    assert (await world.ok("GET", "/suppressions"))["items"] == []


async def test_a_second_file_under_the_same_import_and_row_is_on_record_too(world: World) -> None:
    account = (await world.account())["id"]
    same = {"account_id": account, "import_id": "imp_1", "first_row": "1"}

    for phone in (PHONE, "+966500000001"):
        await imported(world, "/consents/imports", f"phone,at\n{phone},2026-11-20\n", **same)

    told = [(each, id_) for each, id_, _ in world.broker.published if isinstance(each, ImportApplied)]
    assert [each.results for each, _ in told] == [{"added": 1}, {"added": 1}]
    assert len({id_ for _, id_ in told}) == 2


async def test_a_dry_run_says_what_would_happen_and_changes_nothing(world: World) -> None:
    account = (await world.account())["id"]
    body = f"phone\n{PHONE}\n"

    before = await imported(world, "/suppressions/imports", body, account_id=account, dry_run="true")
    listed = await world.ok("GET", "/suppressions", params={"account_id": account})

    assert (before[0]["result"], before[-1]["dry_run"]) == ("added", True)
    assert listed["items"] == []
    assert not [each for each in world.broker.events if isinstance(each, ImportApplied)]


async def test_imported_opt_ins_count_and_a_later_imported_opt_out_takes_them_back(world: World) -> None:
    account = (await world.account())["id"]
    opt_in = orjson.dumps({"phone": PHONE, "at": AT, "source": "till 3", "wording_version": "v2"})

    lines = await imported(world, "/consents/imports", opt_in, account_id=account, media_type="application/x-ndjson")
    listed = await world.ok("GET", "/consents", params={"account_id": account, "phone": PHONE})
    await imported(world, "/suppressions/imports", f"phone,since\n{PHONE},{NOON.isoformat()}\n", account_id=account)
    after = await world.ok("GET", "/consents", params={"account_id": account, "phone": PHONE})

    assert lines[0]["id"] == listed["items"][0]["id"]
    assert (listed["items"][0]["origin"], listed["items"][0]["source"]) == ("till 3", "import")
    assert [each["withdrawn"] for each in after["items"]] == [True]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        pytest.param(b"{}", {"Content-Type": "application/json"}, 400, id="another type"),
        pytest.param(b"x", {"Content-Type": "text/csv", "Content-Encoding": "gzip"}, 400, id="compressed"),
        pytest.param(b"shoe\n1\n", {"Content-Type": "text/csv"}, 422, id="unknown columns"),
        pytest.param(b"phone\n" + b"\n" * 1_000_002, {"Content-Type": "text/csv"}, 413, id="more than a million rows"),
    ],
)
async def test_a_file_that_cannot_be_applied_is_refused_before_its_first_row(
    world: World, body: bytes, headers: dict[str, str], status: int
) -> None:
    account = (await world.account())["id"]

    response = await world.call(
        "POST", "/suppressions/imports", data=body, headers=headers, params={"account_id": account}
    )

    assert response.status == status
    assert (await world.ok("GET", "/suppressions", params={"account_id": account}))["items"] == []


async def test_another_accounts_token_imports_nothing(world: World) -> None:
    response = await world.call(
        "POST",
        "/consents/imports",
        data=b"phone\n1\n",
        headers={"Content-Type": "text/csv"},
        params={"account_id": "acc_x"},
    )

    assert response.status == 422
