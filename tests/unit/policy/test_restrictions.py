"""The rule `no_restriction_stands` within the whole policy, and what ends when a customer writes."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from libs.contracts.decisions import EventType
from libs.store.accounts import Template
from libs.store.factory import open_store
from libs.store.restriction_events import added_events
from libs.store.restrictions import (
    Restriction,
    RestrictionKind,
    Subject,
    of_business_account,
    of_country,
    of_customer,
    of_number,
    of_pair,
    of_template,
)
from services.policy.domain.decisions import decide
from services.policy.handlers.customer_restrictions import CustomerRestrictions
from services.policy.rules import RULES
from tests.builders import EVENT_ID, NOON, a_number, a_restriction, a_webhook, an_integration, received, stored
from tests.unit.policy.fakes import FakeDecisions, FakeDirectory
from tests.unit.policy.inbound import CUSTOMER_KEY, InboundMessages
from tests.unit.policy.test_decide_webhook import a_decide_webhook, a_simulate_decision
from tests.unit.policy.test_rules import facts
from tests.unit.policy.test_simulate_decision import asked

WINDOW_TEMPLATE = {"name": "reopen", "language": "en", "languages": ["ar", "pt_BR"], "parameters": []}
WITH_TEMPLATE = an_integration(strict_window=False, window_template=WINDOW_TEMPLATE)
CALL_EVENTS = an_integration(templates={"missed_call": Template(enabled=True, text="We missed your call.")})
LONG_AGO = timedelta(days=-2)
CUSTOMER, PAIR = of_customer(CUSTOMER_KEY), of_pair("num_1", CUSTOMER_KEY)

AS_REPLY: dict[str, Any] = {}
AS_CALL = {"event_type": EventType.MISSED_CALL, "integration": CALL_EVENTS, "rendered": "We missed your call."}
AS_TEMPLATE = {"integration": WITH_TEMPLATE, "wrote": LONG_AGO}

KIND = RestrictionKind
CASES = [
    pytest.param(of_number("num_1"), KIND.SPAM, AS_REPLY, None, id="131048 lets an agent's reply pass"),
    pytest.param(of_number("num_1"), KIND.SPAM, AS_CALL, "policy_violation", id="131048 stops call events"),
    pytest.param(of_number("num_1"), KIND.SPAM, AS_TEMPLATE, "policy_violation", id="131048 stops templates"),
    pytest.param(PAIR, KIND.TEMPLATE_REST, AS_REPLY, None, id="131049 lets a reply pass"),
    pytest.param(PAIR, KIND.TEMPLATE_REST, AS_CALL, None, id="131049 lets a call event in the window pass"),
    pytest.param(PAIR, KIND.TEMPLATE_REST, AS_TEMPLATE, "policy_violation", id="131049 stops templates"),
    pytest.param(CUSTOMER, KIND.UNREACHABLE, AS_TEMPLATE, "gateway_send_failed", id="131026 stops templates"),
    pytest.param(PAIR, KIND.IDENTITY, AS_REPLY, "policy_violation", id="a changed identity stops everything"),
    pytest.param(of_business_account("1029"), KIND.TEMPLATES, AS_REPLY, None, id="131064 lets a reply pass"),
    pytest.param(of_business_account("1029"), KIND.TEMPLATES, AS_TEMPLATE, "policy_violation", id="131064"),
    pytest.param(of_business_account("1029"), KIND.ACCOUNT, AS_REPLY, "policy_violation", id="a locked account"),
    pytest.param(of_business_account("1029"), KIND.PAYMENT, AS_CALL, "policy_violation", id="no payment"),
    pytest.param(of_country("1029", "SA"), KIND.COUNTRY, AS_REPLY, "policy_violation", id="a blocked country"),
    pytest.param(of_number("num_1"), KIND.CREDENTIALS, AS_REPLY, "gateway_unavailable", id="credentials: reply"),
    pytest.param(of_number("num_1"), KIND.CREDENTIALS, AS_CALL, "gateway_unavailable", id="credentials: call event"),
    pytest.param(of_number("num_1"), KIND.REGISTRATION, AS_REPLY, "gateway_unavailable", id="not registered"),
    pytest.param(of_template("1029", "reopen", "ar"), KIND.TEMPLATE, AS_REPLY, None, id="a template is not a reply"),
]


def decision(restrictions: list[Restriction], **changes: Any) -> Any:
    wrote = changes.pop("wrote", timedelta(hours=-1))
    event_type = changes.get("event_type", EventType.OUTBOUND_MESSAGE)
    known = facts(**{"stored": stored(wrote=wrote, restrictions=restrictions), **changes})
    return decide(a_webhook(event_type=event_type), known, RULES)


@pytest.mark.parametrize(("subject", "kind", "sent", "code"), CASES)
def test_what_a_restriction_does_to_a_message(
    subject: Subject, kind: RestrictionKind, sent: dict[str, Any], code: str | None
) -> None:
    assert decision([a_restriction(subject, kind=kind)], **sent).code == code
    assert decision([a_restriction(subject, kind=kind, until=NOON)], **sent).code is None


def test_the_receipt_names_scope_cause_and_end() -> None:
    until = NOON + timedelta(days=6)
    made = decision([a_restriction(CUSTOMER, cause="131026", until=until)], **AS_TEMPLATE)

    line = made.receipt[-1]
    assert (line.rule, line.passed) == ("no_restriction_stands", False)
    assert line.inputs == {
        "restriction_id": "res_1",
        "scope": "customer",
        "kind": "unreachable",
        "cause": "131026",
        "until": until.isoformat(),
    }
    assert made.details["reason"] == "unreachable"
    assert CUSTOMER_KEY not in orjson.dumps([made.details, line.inputs]).decode()


def test_a_customer_who_wrote_since_is_reachable() -> None:
    restriction = a_restriction(CUSTOMER, since=NOON - timedelta(hours=1))

    assert decision([restriction], wrote=timedelta(minutes=-30)).approved
    assert not decision([restriction], wrote=timedelta(minutes=-90)).approved


def test_refused_credentials_say_when_to_try_again() -> None:
    made = decision([a_restriction(kind=KIND.CREDENTIALS)])

    assert made.details == {"unavailable": "credentials", "retry_after": 60}


def test_what_waiting_does_not_end_is_answered_first() -> None:
    both = [a_restriction(kind=KIND.CREDENTIALS), a_restriction(of_business_account("num_1"), kind=KIND.ACCOUNT)]

    assert decision(both).code == "policy_violation"


def test_a_restricted_language_is_replaced_by_another_one() -> None:
    restricted = [a_restriction(of_template("num_1", "reopen", "ar"), cause="132015")]

    made = decision(restricted, **AS_TEMPLATE)

    assert made.approved
    assert (made.template.name, made.template.language) == ("reopen", "en")
    line = next(line for line in made.receipt if line.rule == "window_is_open")
    assert (line.inputs["restricted_languages"], line.inputs["cause"]) == (["ar"], ["132015"])
    assert decision([], **AS_TEMPLATE).template.language == "ar"


def test_a_template_that_is_restricted_in_every_language_is_a_closed_window() -> None:
    restricted = [a_restriction(of_template("1029", "reopen", code)) for code in ("en", "ar", "pt_BR")]

    made = decision(restricted, **AS_TEMPLATE)

    assert made.code == "conversation_window_closed"
    assert made.details["reason"] == "window_expired"
    assert made.receipt[-1].inputs["scope"] == "template"


def test_another_template_that_is_restricted_does_not_count() -> None:
    restricted = [a_restriction(of_template("1029", "other", "ar"))]

    assert decision(restricted, **AS_TEMPLATE).template.language == "ar"


@pytest.mark.parametrize("at", [timedelta(), timedelta(seconds=1)], ids=["due", "not yet due"])
def test_a_message_that_may_find_out_whether_it_still_stands_passes(at: timedelta) -> None:
    made = decision([a_restriction(of_business_account("num_1"), kind=KIND.PAYMENT, probe_at=NOON + at)])

    assert made.approved is (at == timedelta())
    line = next(line for line in made.receipt if line.rule == "no_restriction_stands")
    assert line.inputs["cause"] == "131048"


async def test_the_facts_are_asked_for_every_subject_of_the_message() -> None:
    directory = FakeDirectory(integrations={"int_1": WITH_TEMPLATE})
    directory.row = a_number(business_account_id="1029")
    decisions = FakeDecisions()

    await a_decide_webhook(decisions, directory)(received(a_webhook()))

    (question,) = decisions.questions
    assert {of_number("num_1"), of_business_account("1029"), of_business_account("num_1")} < set(question.subjects)
    assert {CUSTOMER, PAIR, of_country("1029", "SA")} < set(question.subjects)
    assert {of_template("1029", "reopen", code) for code in ("en", "ar", "pt_BR")} < set(question.subjects)


async def test_a_simulation_sees_restrictions() -> None:
    decisions = FakeDecisions(known=stored(restrictions=[a_restriction(kind=KIND.CREDENTIALS)]))

    answered = await a_simulate_decision(decisions)(asked())

    assert answered.decision.code == "gateway_unavailable"
    assert answered.decision.receipt[-1].rule == "no_restriction_stands"


async def test_a_customer_who_writes_can_be_reached_again() -> None:
    inbound = InboundMessages()
    rest, identity = a_restriction(PAIR, kind=KIND.TEMPLATE_REST), a_restriction(PAIR, kind=KIND.IDENTITY)
    other_pair = a_restriction(of_pair("num_2", CUSTOMER_KEY), kind=KIND.TEMPLATE_REST)
    inbound.restrictions.rows = [a_restriction(CUSTOMER), rest, identity, other_pair, a_restriction()]

    await inbound("Hello")

    assert inbound.restrictions.rows == [identity, other_pair, a_restriction()]


async def test_what_does_not_open_a_window_ends_nothing() -> None:
    inbound = InboundMessages()
    inbound.restrictions.rows = [a_restriction(CUSTOMER)]

    await inbound(None, type="reaction", opens_window=False)

    assert inbound.restrictions.rows


async def test_the_end_of_a_customers_restriction_is_one_event_however_often_the_message_comes(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")
    restriction = a_restriction(CUSTOMER, cause="131026")
    await store.restrictions.add(restriction, added_events(restriction, UUID(int=1)))
    ending = CustomerRestrictions(store.restrictions, store.standing_restrictions)

    for _ in range(2):
        await ending.end("acc_1", "num_1", [CUSTOMER_KEY], at=NOON, cause=EVENT_ID)
    posted = [(event.name, orjson.loads(event.body)) for event in await store.outbox.unpublished(10)]
    await store.close()

    assert [name for name, _ in posted] == ["restriction.added", "restriction.lifted"]
    assert {name: posted[1][1].get(name) for name in ("by", "cause", "customer_key", "key")} == {
        "by": "customer",
        "cause": "131026",
        "customer_key": CUSTOMER_KEY,
        "key": None,
    }
