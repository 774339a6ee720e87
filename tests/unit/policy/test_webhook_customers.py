"""Whom the fields of a webhook name, and how an earlier decision's customer is found again."""

from typing import Any

import pytest

from libs.contracts.decisions import EventType
from libs.contracts.events import WebhookPayload
from libs.contracts.identity import masked
from libs.contracts.phone_numbers import NumberFormat, PhoneReading
from services.policy.domain.webhook_customers import (
    Customer,
    NamedCustomer,
    customer_from,
    customer_of_receipt,
    named_customers,
    phones_to_look_up,
    receipt_of,
)

DIGITS = "491713920012"
MOBILE, AT_HOME = "+491713920012", "+49491713920012"
"""What the digits mean in Germany: the mobile, or a landline of Leer (0491)."""
USER_ID, LID = "SA.900000001", "123456789010005@lid"
OTHER = "+966512345678"
MESSAGE, CALL = EventType.OUTBOUND_MESSAGE, EventType.MISSED_CALL


def named(event_type: EventType = MESSAGE, /, *, number_format: str = "auto", **fields: Any) -> list[NamedCustomer]:
    payload = WebhookPayload(**fields)
    return list(named_customers(payload, event_type, region="DE", number_format=NumberFormat(number_format)))


@pytest.mark.parametrize(
    ("event_type", "fields", "found"),
    [
        pytest.param(MESSAGE, {"to": MOBILE, "from_": OTHER}, ("to", MOBILE), id="to counts first for a message"),
        pytest.param(MESSAGE, {"to": "101", "from_": OTHER}, ("from", OTHER), id="an extension is passed over"),
        pytest.param(MESSAGE, {"to": USER_ID}, ("to", USER_ID), id="a user id in place of the phone"),
        pytest.param(MESSAGE, {"to": f" {LID} "}, ("to", LID), id="Evolution's id in place of the phone"),
        pytest.param(
            MESSAGE, {"to": "SA.ENT.11815799212886844830"}, ("to", "SA.ENT.11815799212886844830"), id="parent"
        ),
        pytest.param(MESSAGE, {"user_id": USER_ID, "from_": OTHER}, ("user_id", USER_ID), id="a user id before from"),
        pytest.param(MESSAGE, {"to": MOBILE, "user_id": USER_ID}, ("to", MOBILE), id="the phone counts before the id"),
        pytest.param(MESSAGE, {"user_id": "any-id_of.later", "to": "x"}, ("user_id", "any-id_of.later"), id="any id"),
        pytest.param(CALL, {"caller": MOBILE, "to": OTHER}, ("caller", MOBILE), id="the caller of a call"),
        pytest.param(CALL, {"customer_phone": MOBILE, "caller": OTHER}, ("customer_phone", MOBILE), id="by name"),
        pytest.param(CALL, {"user_id": USER_ID, "to": OTHER}, ("user_id", USER_ID), id="a call with a user id"),
        pytest.param(CALL, {"caller": LID}, ("caller", LID), id="a user id as the caller"),
        pytest.param(CALL, {"caller": "AB.Smith"}, None, id="initials are no user id"),
        pytest.param(CALL, {"caller": "anonymous", "to": "101"}, None, id="nobody"),
        pytest.param(MESSAGE, {}, None, id="no field"),
    ],
)
def test_the_first_field_that_names_a_customer_counts(
    event_type: EventType, fields: dict[str, str], found: tuple[str, str] | None
) -> None:
    customer = customer_from(named(event_type, **fields), frozenset())

    assert (None if customer is None else (customer.field_name, customer.address)) == found


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        pytest.param({"to": MOBILE, "caller": DIGITS}, [], id="a certain number ends the search"),
        pytest.param({"to": USER_ID, "caller": DIGITS}, [], id="so does a user id"),
        pytest.param({"to": DIGITS, "caller": DIGITS}, [MOBILE, AT_HOME], id="two readings are looked up"),
        pytest.param({"to": "+33639980012", "caller": OTHER}, ["+33639980012"], id="a number that no plan lists"),
    ],
)
def test_only_numbers_with_doubt_are_looked_up(fields: dict[str, str], asked: list[str]) -> None:
    assert phones_to_look_up(named(**fields)) == asked


@pytest.mark.parametrize(
    ("number_format", "known", "phone", "reading"),
    [
        pytest.param("auto", {MOBILE}, MOBILE, PhoneReading.WHATSAPP, id="the known one"),
        pytest.param("auto", {AT_HOME}, AT_HOME, PhoneReading.NATIONAL, id="the known one at home"),
        pytest.param("auto", set(), MOBILE, PhoneReading.AMBIGUOUS, id="none is known"),
        pytest.param("auto", {MOBILE, AT_HOME}, MOBILE, PhoneReading.AMBIGUOUS, id="both are known"),
        pytest.param("national", set(), AT_HOME, PhoneReading.NATIONAL, id="the integration writes national numbers"),
        pytest.param("national", {MOBILE}, MOBILE, PhoneReading.WHATSAPP, id="the known one, though national is usual"),
        pytest.param("international", set(), MOBILE, PhoneReading.WHATSAPP, id="it writes international numbers"),
    ],
)
def test_the_account_and_then_the_integration_decide_between_two_readings(
    number_format: str, known: set[str], phone: str, reading: PhoneReading
) -> None:
    customer = customer_from(named(number_format=number_format, to=DIGITS), known)

    assert customer is not None
    assert (customer.phone, customer.phone_reading) == (phone, reading)
    assert customer.may_be_another is (reading is PhoneReading.AMBIGUOUS)


@pytest.mark.parametrize(
    ("fields", "known"),
    [
        pytest.param({"to": DIGITS}, {MOBILE}, id="the mobile"),
        pytest.param({"to": DIGITS}, {AT_HOME}, id="the landline"),
        pytest.param({"to": DIGITS}, set(), id="the likelier one"),
        pytest.param({"to": USER_ID}, set(), id="a user id"),
        pytest.param({"to": "101", "user_id": LID, "caller": OTHER}, set(), id="another field's user id"),
        pytest.param({"to": "+33639980012", "caller": OTHER}, {"+33639980012"}, id="an unlisted number"),
        pytest.param({"to": "+33639980012", "caller": OTHER}, set(), id="the field after an unlisted number"),
    ],
)
def test_the_customer_of_a_decision_is_found_again_whoever_is_known_by_then(
    fields: dict[str, str], known: set[str]
) -> None:
    readings = named(**fields)
    decided = customer_from(readings, known)

    assert decided is not None
    assert customer_of_receipt(readings, receipt_of(decided)) == decided


def test_two_numbers_behind_an_international_prefix_are_told_apart() -> None:
    payload = WebhookPayload(to="00251963962850")
    readings = named_customers(payload, MESSAGE, region="KR", number_format=NumberFormat.AUTO)

    for phone in phones_to_look_up(readings):
        decided = customer_from(readings, {phone})

        assert decided is not None
        assert customer_of_receipt(readings, receipt_of(decided)) == decided
    assert len(phones_to_look_up(readings)) == 2


@pytest.mark.parametrize(
    ("receipt", "phone"),
    [
        pytest.param({"phone": "+4917•••••012"}, MOBILE, id="of an earlier release"),
        pytest.param({"default_region": "DE"}, None, id="of a refusal without a customer"),
        pytest.param({}, None, id="without the rule"),
        pytest.param({"phone": "+9665•••••678", "field": "to"}, None, id="of another region's reading by its mask"),
        pytest.param(
            {"field": "to", "phone_reading": "whatsapp", "option": 0, "region": "SA"}, None, id="of another region"
        ),
        pytest.param({"field": "to", "phone_reading": "national", "option": 1, "region": "DE"}, AT_HOME, id="at home"),
        pytest.param({"user_id": True, "field": "to"}, None, id="of a user id that is not there"),
    ],
)
def test_other_receipts_name_a_customer_or_nobody(receipt: dict[str, object], phone: str | None) -> None:
    customer = customer_of_receipt(named(to=DIGITS), receipt)

    assert (None if customer is None else customer.phone) == phone


def test_a_receipt_identifies_nobody() -> None:
    for customer in (
        Customer(field_name="to", phone=MOBILE, phone_reading=PhoneReading.PLUS),
        Customer(field_name="to", user_id=USER_ID),
    ):
        shown = repr(receipt_of(customer)) + repr(customer)

        assert customer.address not in shown
        assert customer.address.lstrip("+") not in shown
        assert not any(part in repr(receipt_of(customer)) for part in (MOBILE[-3:], MOBILE[1:5], masked(MOBILE)))
