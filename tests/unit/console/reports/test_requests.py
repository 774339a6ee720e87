"""Reports and simulations over HTTP: who may read them, what is written down, and what is refused."""

from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has no types
import pytest

from libs.contracts.decisions import Decision, RuleReceipt
from libs.contracts.errors import ErrorCode
from libs.contracts.events import ReportRead
from libs.store.records import Record
from services.console.domain.principals import Principal, Role
from tests.unit.console.world import NOON, PHONE, World, a_world

NOVEMBER = {"from": "2026-11-01", "to": "2026-12-01"}
TYPES = {
    "json": "application/json",
    "csv": "text/csv",
    "html": "text/html",
    "pdf": "application/pdf",
}


async def an_account_with_records(world: World) -> str:
    account_id: str = (await world.account())["id"]
    records = [
        Record(id=f"r-{n}", at=NOON, type="webhook.answered", account_id=account_id, code="sent", details={})
        for n in range(3)
    ]
    await world.store.records.append(records)
    return account_id


async def report(world: World, account_id: str, **query: str) -> Any:
    return await world.call("GET", "/reports/compliance", params={"account_id": account_id, **NOVEMBER, **query})


async def test_a_report_counts_the_accounts_records_as_the_document_describes(world: World) -> None:
    account_id = await an_account_with_records(world)

    told = await (await report(world, account_id)).json()

    document = await world.ok("GET", "/openapi.json")
    schema = {"$ref": "#/components/schemas/ComplianceReport", "components": document["components"]}
    jsonschema.validate(told, schema)
    assert told["outcomes"]["by_code"] == [{"code": "sent", "group": "sent", "count": 3}]
    assert told["period"]["from"] == "2026-10-31T21:00:00Z"
    assert told["period"]["complete"] is False  # it is the 23rd
    assert told["verification"]["state"] == "unproven"


@pytest.mark.parametrize("form", TYPES)
async def test_every_form_is_handed_out_as_what_it_is(world: World, form: str) -> None:
    account_id = await an_account_with_records(world)

    answer = await report(world, account_id, format=form)

    assert (answer.status, answer.content_type) == (200, TYPES[form])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    if form != "json":
        assert answer.headers["Content-Disposition"].endswith(f'-2026-11-01-2026-11-30.{form}"')


async def test_that_a_report_was_read_is_an_event_with_the_digest_of_its_figures(world: World) -> None:
    account_id = await an_account_with_records(world)

    told = await (await report(world, account_id)).json()
    await report(world, account_id, format="pdf")

    read = [event for event in world.broker.events if isinstance(event, ReportRead)]
    assert [(event.format, event.actor, event.account_id) for event in read] == [
        ("json", "admin", account_id),
        ("pdf", "admin", account_id),
    ]
    assert {event.sha256 for event in read} == {told["proof"]["sha256"]}


async def test_with_the_broker_away_the_reading_waits_in_the_outbox(world: World) -> None:
    account_id = await an_account_with_records(world)
    world.broker.down = True

    assert (await report(world, account_id)).status == 200

    assert [posted.name for posted in await world.store.outbox.unpublished(10)] == [ReportRead.name]


@pytest.mark.parametrize("role", list(Role))
async def test_an_auditor_reads_the_reports_of_their_own_accounts_alone(world: World, role: Role) -> None:
    mine, others = await an_account_with_records(world), (await world.account())["id"]
    world.tokens.held["scoped"] = Principal("reader", role, frozenset({mine}))

    statuses = [
        (await world.call("GET", "/reports/compliance", token="scoped", params={"account_id": id_, **NOVEMBER})).status
        for id_ in (mine, others)
    ]

    assert statuses == [200, 422]


@pytest.mark.parametrize(
    "query",
    [
        pytest.param({"to": "2026-10-01"}, id="it ends before it begins"),
        pytest.param({"to": "2028-01-01"}, id="it is too long"),
        pytest.param({"from": "1 November"}, id="no date"),
        pytest.param({"format": "xlsx"}, id="a form that there is not"),
        pytest.param({"account_id": "acc_unknown"}, id="an unknown account"),
        pytest.param({"account_id": ""}, id="no account"),
        pytest.param({"more": "1"}, id="a parameter that there is not"),
    ],
)
async def test_a_report_that_cannot_be_made_is_refused_by_field(world: World, query: dict[str, str]) -> None:
    account_id = await an_account_with_records(world)

    answer = await world.call(
        "GET", "/reports/compliance", params={"account_id": account_id, **NOVEMBER, "format": "json", **query}
    )

    assert answer.status == 422
    assert (await answer.json())["details"]["errors"][0]["field"] in query
    assert not [event for event in world.broker.events if isinstance(event, ReportRead)]


async def test_a_report_that_takes_too_long_is_refused_for_now(tmp_path: Path) -> None:
    async with a_world(tmp_path, report_seconds=1e-6) as world:
        answer = await report(world, (await world.account())["id"])

        assert answer.status == 503
        assert (await answer.json())["error"] == "gateway_unavailable"


async def test_a_simulation_asks_policy_and_shows_what_to_do(world: World) -> None:
    line = await world.integration()
    receipt = (RuleReceipt(rule="window_is_open", version=2, passed=False, inputs={"closes_at": None}),)
    world.policy.decision = Decision(
        code=ErrorCode.CONVERSATION_WINDOW_CLOSED, details={"reason": "never_messaged"}, receipt=receipt
    )
    event = {"event_type": "outbound_message", "to": PHONE, "message_text": " Hello ", "x": {"y": 1}, "caller": 101}

    told = await world.ok("POST", "/policy/simulate", {"integration_id": line["id"], "event": event})

    [asked] = world.policy.asked
    assert (asked.integration_id, asked.actor) == (line["id"], "admin")
    assert (asked.payload.to, asked.payload.text, asked.payload.caller) == (PHONE, "Hello", "101")
    assert (told["approved"], told["code"]) == (False, "conversation_window_closed")
    assert told["fix"] == ErrorCode.CONVERSATION_WINDOW_CLOSED.explanation.fix
    assert told["receipt"][0]["inputs"] == {"closes_at": None}


async def test_an_approval_is_simulated_as_such(world: World) -> None:
    line = await world.integration()

    told = await world.ok("POST", "/policy/simulate", {"integration_id": line["id"], "event": {}})

    assert (told["approved"], told["code"], told["fix"]) == (True, "approved", None)


@pytest.mark.parametrize(
    "event", [{"user_id": "SA.1"}, {"to": {"user_id": "SA.1"}}, {"User_Id": "SA.1", "to": "101"}], ids=str
)
async def test_a_simulation_takes_a_user_id_as_a_webhook_does(world: World, event: dict[str, object]) -> None:
    line = await world.integration()

    await world.ok("POST", "/policy/simulate", {"integration_id": line["id"], "event": event})

    [asked] = world.policy.asked
    assert asked.payload.user_id == "SA.1"


async def test_a_foreign_integration_is_unknown_to_a_simulation(world: World) -> None:
    line = await world.integration()
    world.tokens.held["scoped"] = Principal("reader", Role.AUDITOR, frozenset({"acc_other"}))

    answer = await world.call(
        "POST", "/policy/simulate", token="scoped", json={"integration_id": line["id"], "event": {}}
    )

    assert answer.status == 422
    assert world.policy.asked == []
