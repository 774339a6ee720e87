"""Who gets the message: no spelling of one person's number reaches another person; user ids are as good as phones."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import phonenumbers
import pytest
from phonenumbers import PhoneNumber, PhoneNumberFormat

from libs.contracts.events import MessageApproved, WebhookAnswered
from libs.contracts.phone_numbers import canonical
from libs.store.accounts import Template
from libs.store.conversations import SuppressionKind
from tests.builders import PSEUDONYMS, a_webhook, an_account, an_integration, received, stored
from tests.do_not_contact import FakeEntries, hashes_over
from tests.unit.contracts.phone_numbers.mobiles import REGIONS, e164, mobiles_of
from tests.unit.policy.fakes import FakeCustomers, FakeDecisions, FakeDirectory
from tests.unit.policy.test_decide_webhook import a_decide_webhook

DIGITS, MOBILE, AT_HOME = "491713920012", "+491713920012", "+49491713920012"
"""Digits without a plus, and their two meanings in Germany: a mobile, and a landline of Leer (0491)."""
USER_ID = "SA.900000001"
REOPEN = {"name": "reopen", "language": "en", "languages": ["de"], "parameters": ["business_name", "customer_phone"]}
WITH_TEMPLATE: dict[str, Any] = {"strict_window": False, "window_template": REOPEN}


def directory_of(region: str, **integration: Any) -> FakeDirectory:
    return FakeDirectory(
        accounts={"acc_1": an_account(default_region=region)}, integrations={"int_1": an_integration(**integration)}
    )


def key_of(address: str) -> str:
    return PSEUDONYMS.customer_key("acc_1", address)


def customers(*addresses: str) -> FakeCustomers:
    return FakeCustomers({key_of(address) for address in addresses})


async def decided(
    *known: str,
    decisions: FakeDecisions | None = None,
    integration: dict[str, Any] | None = None,
    **payload: Any,
) -> MessageApproved | WebhookAnswered:
    decide = a_decide_webhook(decisions, directory_of("DE", **(integration or {})), customers(*known))
    return await decide(received(a_webhook(**payload)))


async def test_digits_mean_the_customer_whom_the_account_knows() -> None:
    result = await decided(MOBILE, to=DIGITS)

    assert isinstance(result, MessageApproved)
    assert (result.customer, result.customer_key) == (MOBILE, key_of(MOBILE))


async def test_an_erased_customer_who_must_not_be_contacted_is_known() -> None:
    decisions = FakeDecisions(known=stored(suppressed=frozenset({SuppressionKind.OPT_OUT})))
    decide = a_decide_webhook(
        decisions,
        directory_of("DE"),
        FakeCustomers({PSEUDONYMS.do_not_contact_hash(key_of(AT_HOME))}),
        hashes=hashes_over(FakeEntries(), PSEUDONYMS),
    )

    result = await decide(received(a_webhook(to=DIGITS)))

    assert isinstance(result, WebhookAnswered)
    assert (result.code.value, result.customer) == ("recipient_suppressed", AT_HOME)


@pytest.mark.parametrize("to", [MOBILE, "0171 3920012", "0049 171 3920012", f"tel:{MOBILE}", USER_ID])
async def test_a_certain_customer_costs_no_look_up(to: str) -> None:
    found = customers()

    await a_decide_webhook(None, directory_of("DE"), found)(received(a_webhook(to=to)))

    assert found.asked == 0


@pytest.mark.parametrize("integration", [WITH_TEMPLATE, {}], ids=["with a template", "in a strict window"])
async def test_nothing_goes_to_a_number_with_two_meanings_outside_the_window(integration: dict[str, Any]) -> None:
    result = await decided(decisions=FakeDecisions(known=stored(wrote=None)), integration=integration, to=DIGITS)

    assert isinstance(result, WebhookAnswered)
    assert result.code.value == "missing_phone"
    assert result.details == {"field": "to", "problem": "ambiguous_number", "default_region": "DE"}


async def test_two_known_customers_with_the_same_digits_leave_doubt() -> None:
    known = FakeDecisions(known=stored(wrote=timedelta(hours=-25)))

    result = await decided(MOBILE, AT_HOME, decisions=known, integration=WITH_TEMPLATE, to=DIGITS)

    assert isinstance(result, WebhookAnswered)
    assert result.details["problem"] == "ambiguous_number"


async def test_a_reply_in_an_open_window_never_becomes_a_template_to_a_stranger() -> None:
    result = await decided(MOBILE, AT_HOME, integration=WITH_TEMPLATE, to=DIGITS)

    assert isinstance(result, MessageApproved)
    assert (result.customer, result.template) == (MOBILE, None)


@pytest.mark.parametrize(("number_format", "phone"), [("international", MOBILE), ("national", AT_HOME)])
async def test_the_integrations_number_format_leaves_no_doubt(number_format: str, phone: str) -> None:
    outside = FakeDecisions(known=stored(wrote=None))

    result = await decided(decisions=outside, integration=WITH_TEMPLATE | {"number_format": number_format}, to=DIGITS)

    assert isinstance(result, MessageApproved)
    assert result.customer == phone
    assert result.template is not None


async def test_a_call_that_sends_nothing_is_recorded_whatever_its_number_means() -> None:
    result = await decided(event_type="missed_call", to=None, caller=DIGITS)

    assert isinstance(result, WebhookAnswered)
    assert result.code.value == "recorded"


async def test_the_receipt_says_how_the_number_was_read_and_not_which_it_is() -> None:
    result = await decided(MOBILE, to=DIGITS)

    line = next(line for line in result.receipt if line.rule == "customer_phone_is_usable")
    assert line.inputs == {"field": "to", "phone_reading": "whatsapp", "option": 0, "region": "DE"}


@pytest.mark.parametrize(
    "later", [(), (MOBILE,), (AT_HOME,), (MOBILE, AT_HOME)], ids=["nobody", "one", "other", "both"]
)
@pytest.mark.parametrize("first", [MOBILE, AT_HOME])
async def test_a_repeated_approval_is_for_the_same_person_whoever_became_known_since(
    first: str, later: tuple[str, ...]
) -> None:
    decisions, found = FakeDecisions(), customers(first)
    decide = a_decide_webhook(decisions, directory_of("DE"), found)
    once = await decide(received(a_webhook(to=DIGITS)))
    found.keys = {key_of(phone) for phone in later}

    again = await decide(received(a_webhook(to=DIGITS), attempt=2))

    assert isinstance(once, MessageApproved)
    assert (once.customer, again) == (first, once)


async def test_an_approval_whose_number_means_somebody_else_by_now_is_not_sent() -> None:
    decisions = FakeDecisions()
    await a_decide_webhook(decisions, directory_of("DE"))(received(a_webhook(to="0171 3920012")))

    moved = await a_decide_webhook(decisions, directory_of("AT"))(received(a_webhook(to="0171 3920012"), attempt=2))

    assert isinstance(moved, WebhookAnswered)
    assert moved.code.value == "missing_phone"


# ---------------------------------------------------------------- customers without a phone


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"to": USER_ID}, id="in place of the phone"),
        pytest.param({"to": None, "user_id": USER_ID}, id="in a field of its own"),
    ],
)
async def test_a_customer_without_a_phone_is_answered(fields: dict[str, Any]) -> None:
    decisions = FakeDecisions()

    result = await decided(decisions=decisions, integration=WITH_TEMPLATE, **fields)

    assert isinstance(result, MessageApproved)
    assert (result.customer, result.customer_user_id, result.customer_key) == (None, USER_ID, key_of(USER_ID))
    assert result.template == {"name": "reopen", "language": "en", "parameters": ["Acme Clinic", "-"]}
    (question,) = decisions.questions
    assert question.customer_keys[0] == key_of(USER_ID)


async def test_messages_to_a_user_id_keep_their_order_and_its_cooldown() -> None:
    decisions = FakeDecisions()
    templates = {"missed_call": Template(enabled=True, text="Sorry we missed you {{customer_phone}}.")}
    decide = a_decide_webhook(decisions, directory_of("SA", templates=templates))
    first, second, third = uuid4(), uuid4(), uuid4()
    call = a_webhook(event_type="missed_call", to=None, user_id=USER_ID, text=None, message_purpose=None)

    one = await decide(received(call, id=first))
    two = await decide(received(a_webhook(to=USER_ID), id=second))
    again = await decide(received(call, id=third))

    assert isinstance(one, MessageApproved)
    assert isinstance(two, MessageApproved)
    assert isinstance(again, WebhookAnswered)
    assert (one.text, two.after, again.reason) == ("Sorry we missed you .", first, "cooldown")


@pytest.mark.parametrize(
    ("known", "code"),
    [
        pytest.param(stored(suppressed=frozenset({SuppressionKind.BLOCKED})), "recipient_suppressed", id="blocked"),
        pytest.param(stored(wrote=None), "conversation_window_closed", id="never wrote"),
    ],
)
async def test_a_refusal_about_a_user_id_is_on_that_customers_record(known: Any, code: str) -> None:
    result = await decided(decisions=FakeDecisions(known=known), to=USER_ID)

    assert isinstance(result, WebhookAnswered)
    assert (result.code.value, result.customer, result.customer_key) == (code, None, key_of(USER_ID))


# ---------------------------------------------------------------- no spelling of one person reaches another


def with_country(number: PhoneNumber) -> Iterator[str]:
    plus = e164(number)
    yield from (plus, plus[1:], f"00{plus[1:]}", f"tel:{plus}", f"%2B{plus[1:]}", f"sip:{plus[1:]}@pbx.example")


def spellings_of(number: PhoneNumber) -> Iterator[str]:
    yield from with_country(number)
    yield phonenumbers.national_significant_number(number)
    yield phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)


@pytest.fixture(scope="module")
def people() -> list[tuple[str, PhoneNumber]]:
    """A mobile of every region, with the region."""
    return [(region, number) for region in REGIONS for number in mobiles_of(region, 1)]


@pytest.mark.parametrize("place", ["at home", "abroad"])
async def test_no_spelling_of_a_known_customer_reaches_another_person(
    people: list[tuple[str, PhoneNumber]], place: str
) -> None:
    chance = random.Random(11)
    sent = 0
    for region, number in people:
        person, where = canonical(e164(number)), region if place == "at home" else chance.choice(REGIONS)
        decide = a_decide_webhook(None, directory_of(where, **WITH_TEMPLATE), customers(person))
        for spelling in spellings_of(number) if place == "at home" else with_country(number):
            result = await decide(received(a_webhook(to=spelling), id=uuid4()))

            if isinstance(result, MessageApproved):
                sent += 1
                assert result.customer == person, (where, spelling)
    assert sent > 4 * len(people)


async def test_no_digits_of_a_stranger_get_a_template_that_may_be_anothers(
    people: list[tuple[str, PhoneNumber]],
) -> None:
    chance = random.Random(13)
    outside = FakeDecisions(known=stored(wrote=None), left=10**6)
    for _, number in people:
        where = chance.choice(REGIONS)
        decide = a_decide_webhook(outside, directory_of(where, **WITH_TEMPLATE))
        for spelling in with_country(number):
            result = await decide(received(a_webhook(to=spelling), id=uuid4()))

            if isinstance(result, MessageApproved):
                assert result.customer == canonical(e164(number)), (where, spelling)
