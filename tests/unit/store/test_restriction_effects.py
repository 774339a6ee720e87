"""What restrictions forbid: every kind, against every way of sending."""

from datetime import datetime, timedelta
from itertools import permutations, product
from typing import Any

import pytest

from libs.contracts.errors import ErrorCode
from libs.store.restriction_effects import (
    FORBIDS,
    Sending,
    answer_for,
    probe_is_due,
    restricted_templates,
    standing_against,
    subjects_for,
)
from libs.store.restrictions import (
    KINDS,
    Restriction,
    RestrictionKind,
    RestrictionScope,
    Subject,
    of_business_account,
    of_country,
    of_customer,
    of_number,
    of_pair,
    of_template,
    slots_of,
)
from tests.builders import NOON, a_restriction

SUBJECTS = {
    RestrictionScope.NUMBER: of_number("num_1"),
    RestrictionScope.WABA: of_business_account("1029"),
    RestrictionScope.TEMPLATE: of_template("1029", "reopen", "en_US"),
    RestrictionScope.PAIR: of_pair("num_1", "key"),
    RestrictionScope.CUSTOMER: of_customer("key"),
    RestrictionScope.COUNTRY: of_country("1029", "SA"),
}
SCOPE_OF = {kind: scope for scope, kinds in KINDS.items() for kind in kinds}
REPLY, CALL, TEMPLATE, CALL_AS_TEMPLATE = (
    Sending(now=NOON, automatic=automatic, template=template)
    for template, automatic in product((False, True), repeat=2)
)
NOT_HERE = frozenset({RestrictionKind.TEMPLATE, RestrictionKind.TEMPLATE_LIMIT})
"""Kinds that forbid templates that are chosen or counted elsewhere."""
FORBIDDEN = {
    "a reply in the window": (
        REPLY,
        {"account", "payment", "country", "identity_changed", "unreachable", "credentials", "registration"},
    ),
    "a call event in the window": (
        CALL,
        {"account", "payment", "country", "identity_changed", "unreachable", "credentials", "registration", "spam"},
    ),
    "a reply as a template": (TEMPLATE, set(RestrictionKind) - {"template", "template_limit"}),
    "a call event as a template": (CALL_AS_TEMPLATE, set(RestrictionKind) - {"template", "template_limit"}),
}


def of_kind(kind: RestrictionKind, **changes: object) -> Restriction:
    return a_restriction(SUBJECTS[SCOPE_OF[kind]], kind=kind, **changes)


@pytest.mark.parametrize(("sending", "forbidden"), FORBIDDEN.values(), ids=FORBIDDEN)
@pytest.mark.parametrize("kind", RestrictionKind)
def test_each_kind_forbids_what_it_is_about(sending: Sending, forbidden: set[str], kind: RestrictionKind) -> None:
    found = standing_against([of_kind(kind)], sending)

    assert (found is not None) is (kind.value in forbidden)


@pytest.mark.parametrize("kind", RestrictionKind)
def test_a_restriction_that_ended_forbids_nothing(kind: RestrictionKind) -> None:
    assert standing_against([of_kind(kind, until=NOON)], CALL_AS_TEMPLATE) is None
    assert not restricted_templates([of_kind(kind, until=NOON)], NOON)


@pytest.mark.parametrize("kind", RestrictionKind)
@pytest.mark.parametrize(
    ("wrote", "ended"),
    [(timedelta(seconds=-1), False), (timedelta(), True), (timedelta(milliseconds=999), True), (timedelta(1), True)],
    ids=str,
)
def test_only_what_a_customer_can_end_ends_when_they_write_after_it(
    kind: RestrictionKind, wrote: timedelta, *, ended: bool
) -> None:
    restriction = of_kind(kind)
    sending = Sending(now=NOON, automatic=True, template=True, last_inbound_at=restriction.since + wrote)

    found = standing_against([restriction], sending)

    can_end = kind in {RestrictionKind.UNREACHABLE, RestrictionKind.TEMPLATE_REST}
    assert (found is None) is (kind in NOT_HERE or (can_end and ended))


@pytest.mark.parametrize(("first", "second"), [*permutations(FORBIDS, 2)], ids=str)
def test_of_several_the_one_that_waiting_does_not_end_is_named(first: RestrictionKind, second: RestrictionKind) -> None:
    found = standing_against([of_kind(second), of_kind(first)], CALL_AS_TEMPLATE)
    same = standing_against([of_kind(first), of_kind(second)], CALL_AS_TEMPLATE)

    assert found == same
    if {first, second} <= NOT_HERE:
        return
    assert found is not None
    credentials = {RestrictionKind.CREDENTIALS, RestrictionKind.REGISTRATION}
    assert found.kind not in credentials or {first, second} <= credentials | NOT_HERE


ANSWERS: dict[RestrictionKind, tuple[ErrorCode, dict[str, Any]]] = {
    RestrictionKind.UNREACHABLE: (ErrorCode.GATEWAY_SEND_FAILED, {"reason": "unreachable"}),
    RestrictionKind.IDENTITY: (ErrorCode.POLICY_VIOLATION, {"reason": "identity_changed"}),
    RestrictionKind.CREDENTIALS: (ErrorCode.GATEWAY_UNAVAILABLE, {"unavailable": "credentials", "retry_after": 60}),
    RestrictionKind.REGISTRATION: (ErrorCode.GATEWAY_UNAVAILABLE, {"unavailable": "credentials", "retry_after": 60}),
}


@pytest.mark.parametrize("kind", RestrictionKind)
def test_the_answer_names_the_reason_and_no_customer(kind: RestrictionKind) -> None:
    code, details = answer_for(of_kind(kind, until=NOON))

    expected, fields = ANSWERS.get(kind, (ErrorCode.POLICY_VIOLATION, {"reason": kind.value, "cause": "131048"}))
    assert code is expected
    assert details.items() >= fields.items()
    assert "key" not in details.values()


def test_a_template_is_restricted_in_one_language() -> None:
    found = restricted_templates([of_kind(RestrictionKind.TEMPLATE)], NOON)

    assert found == {("reopen", "en_US")}


@pytest.mark.parametrize("name", ["reopen", "re:open", "", "a" * 512])
def test_the_name_of_a_restricted_template_is_read_back_whatever_it_holds(name: str) -> None:
    restriction = a_restriction(of_template("1029", name, "pt_BR"), kind=RestrictionKind.TEMPLATE)

    assert restricted_templates([restriction], NOON) == {(name, "pt_BR")}


@pytest.mark.parametrize(
    ("at", "due"), [(None, False), (NOON, True), (NOON + timedelta(seconds=1), False)], ids=["never", "due", "later"]
)
def test_a_probe_is_due_from_its_time_on(at: datetime | None, *, due: bool) -> None:
    assert probe_is_due(of_kind(RestrictionKind.PAYMENT, probe_at=at), NOON) is due


def test_while_the_business_account_is_unknown_the_number_stands_for_it() -> None:
    asked: dict[str, Any] = {"customer_keys": ["key"], "region": "SA", "templates": [("reopen", "en_US")]}
    unknown = subjects_for(number_id="num_1", business_account_id=None, **asked)
    known = subjects_for(number_id="num_1", business_account_id="1029", **asked)

    under_the_number: set[Subject] = {
        of_business_account("num_1"),
        of_template("num_1", "reopen", "en_US"),
        of_country("num_1", "SA"),
    }
    assert set(unknown) == under_the_number | {of_number("num_1"), of_pair("num_1", "key"), of_customer("key")}
    assert set(known) == set(SUBJECTS.values()) | under_the_number


def test_the_slots_of_subjects_are_those_of_their_restrictions() -> None:
    kept = [a_restriction(subject=subject, kind=kind) for subject in SUBJECTS.values() for kind in KINDS[subject.scope]]

    slots = slots_of(kept[0].account_id, list(SUBJECTS.values()))

    assert slots == [each.slot for each in kept]
    assert slots[0] == f"{kept[0].account_id}:number:num_1:spam"
