from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.chassis.settlement import NotFoundYet
from libs.contracts.decisions import withdrawn
from libs.contracts.errors import ErrorCode
from libs.contracts.events import (
    MessageApproved,
    WebhookAnswered,
)
from libs.contracts.results import AnswerStatus
from libs.store.do_not_contact import DoNotContact
from services.policy.handlers.decide_webhook import DecideWebhook
from services.policy.handlers.find_customer import FindCustomer
from services.policy.handlers.gather_facts import GatherFacts
from services.policy.handlers.gather_requests import GatherRequests
from services.policy.handlers.simulate_decision import SimulateDecision
from services.policy.handlers.template_limits import TemplateLimits
from tests.builders import (
    EVENT_ID,
    PHONE,
    PSEUDONYMS,
    a_webhook,
    received,
    stored,
)
from tests.do_not_contact import FakeEntries, hashes_over
from tests.unit.policy.content import content_policy
from tests.unit.policy.fakes import (
    FakeCustomerLinks,
    FakeCustomers,
    FakeDecisions,
    FakeDirectory,
    FakeTemplateRecipients,
    chat_customers,
    contacts_over,
    gather_requests,
)
from tests.unit.policy.inbound import (
    CUSTOMER_KEY,
)

CONTENT = content_policy()


def a_decide_webhook(
    decisions: FakeDecisions | None = None,
    directory: FakeDirectory | None = None,
    customers: FakeCustomers | None = None,
    recipients: FakeTemplateRecipients | None = None,
    requests: GatherRequests | None = None,
    *,
    hashes: DoNotContact | None = None,
) -> DecideWebhook:
    hashes = hashes or hashes_over(pseudonyms=PSEUDONYMS)
    decisions = decisions or FakeDecisions()
    limits = TemplateLimits(recipients or FakeTemplateRecipients())
    gather_facts = GatherFacts(
        directory or FakeDirectory(),
        decisions,
        CONTENT,
        PSEUDONYMS,
        FindCustomer(customers or FakeCustomers(), hashes),
        contacts_over(FakeCustomerLinks()),
        limits,
        chat_customers(),
        requests or gather_requests(),
        hashes,
    )
    return DecideWebhook(gather_facts, decisions, decisions.delivery_order, limits, lambda: 0.0)


def a_simulate_decision(
    decisions: FakeDecisions | None = None, directory: FakeDirectory | None = None
) -> SimulateDecision:
    decide = a_decide_webhook(decisions, directory)
    return SimulateDecision(decide.gather_facts, decide.decisions)


async def test_an_approved_reply_carries_customer_text_and_receipt() -> None:
    result = await a_decide_webhook()(received(a_webhook()))

    assert isinstance(result, MessageApproved)
    assert (result.customer, result.customer_key, result.number_id) == (PHONE, CUSTOMER_KEY, "num_1")
    assert result.text == "Your order has arrived."
    assert result.receipt[-1].rule == "speed_is_normal"


async def test_a_refusal_tells_code_and_details_and_who_asked() -> None:
    decisions = FakeDecisions(known=stored(day=100))

    result = await a_decide_webhook(decisions)(received(a_webhook()))

    assert isinstance(result, WebhookAnswered)
    assert (result.code, result.reply_to) == (ErrorCode.DAILY_MESSAGE_LIMIT_EXCEEDED, "ingress-1")
    assert result.details["limit"] == 100


async def test_a_test_is_answered_without_asking_the_store() -> None:
    decisions = FakeDecisions()

    result = await a_decide_webhook(decisions)(received(a_webhook(event_type="test")))

    assert isinstance(result, WebhookAnswered)
    assert result.code is AnswerStatus.OK
    assert (decisions.questions, decisions.kept) == ([], {})


async def test_an_event_type_is_read_whatever_its_case() -> None:
    result = await a_decide_webhook()(received(a_webhook(event_type=" TEST ")))

    assert isinstance(result, WebhookAnswered)
    assert result.code is AnswerStatus.OK


async def test_a_repeated_approval_is_the_same_event_and_uses_up_quota_once() -> None:
    decisions = FakeDecisions(left=10)
    decide_webhook = a_decide_webhook(decisions)

    first, second = await decide_webhook(received(a_webhook())), await decide_webhook(received(a_webhook(), attempt=2))

    assert first == second
    assert first.derived_id(EVENT_ID) == second.derived_id(EVENT_ID)
    assert decisions.left == 9


async def test_what_was_decided_first_stands_even_when_the_facts_have_changed() -> None:
    decisions = FakeDecisions(known=stored(day=100))
    decide_webhook = a_decide_webhook(decisions)
    first = await decide_webhook(received(a_webhook()))
    decisions.known = stored(day=0)

    second = await decide_webhook(received(a_webhook()))

    assert first == second


async def test_an_event_that_ingress_withdrew_is_never_approved() -> None:
    decisions = FakeDecisions(kept={str(EVENT_ID): withdrawn()})

    result = await a_decide_webhook(decisions)(received(a_webhook()))

    assert isinstance(result, WebhookAnswered)
    assert result.code is ErrorCode.GATEWAY_UNAVAILABLE


async def test_an_approval_that_comes_too_late_for_the_quota_is_a_refusal() -> None:
    decisions = FakeDecisions(left=0)

    result = await a_decide_webhook(decisions)(received(a_webhook()))

    assert isinstance(result, WebhookAnswered)
    assert result.code is ErrorCode.DAILY_MESSAGE_LIMIT_EXCEEDED
    assert result.receipt[-1].passed is False
    assert decisions.kept[str(EVENT_ID)].refused


async def test_a_store_that_lags_behind_is_waited_for() -> None:
    decide_webhook = a_decide_webhook(directory=FakeDirectory(integrations={}))

    with pytest.raises(NotFoundYet) as caught:
        await decide_webhook(received(a_webhook()))

    assert caught.value.reason.endswith("does not exist")


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        pytest.param({"to": PHONE, "from_": "+966598765432"}, PHONE, id="to comes first for a message"),
        pytest.param({"to": "101", "from_": PHONE}, PHONE, id="an extension is passed over"),
        pytest.param({"to": None, "caller": "0512345678"}, PHONE, id="a national number, read with the region"),
        pytest.param({"to": None, "phone": "00966512345678"}, PHONE, id="a number that begins with 00"),
    ],
)
async def test_the_customers_phone_is_found(payload: dict[str, Any], found: str) -> None:
    result = await a_decide_webhook()(received(a_webhook(**payload)))

    assert isinstance(result, MessageApproved)
    assert result.customer == found


async def test_messages_to_one_customer_stand_in_the_line_of_their_approval() -> None:
    decide_webhook = a_decide_webhook(FakeDecisions(), FakeDirectory())
    first, second = uuid4(), uuid4()

    one = await decide_webhook(received(a_webhook(), id=first))
    two = await decide_webhook(received(a_webhook(), id=second))
    again = await decide_webhook(received(a_webhook(), id=first))

    assert isinstance(one, MessageApproved)
    assert isinstance(two, MessageApproved)
    assert (one.after, two.after) == (None, first)
    assert again == one


@pytest.mark.parametrize(
    ("is_finished", "ahead"),
    [pytest.param(True, None, id="finished"), pytest.param(False, UUID(int=1), id="not finished")],
)
async def test_a_message_names_the_one_before_it_unless_that_one_was_finished(
    *, is_finished: bool, ahead: UUID | None
) -> None:
    decisions = FakeDecisions()
    await a_decide_webhook(decisions)(received(a_webhook(), id=UUID(int=1)))
    decisions.known = replace(stored(), finished=frozenset({str(UUID(int=1))} if is_finished else ()))

    result = await a_decide_webhook(decisions)(received(a_webhook(), id=UUID(int=2)))
    again = await a_decide_webhook(decisions)(received(a_webhook(), id=UUID(int=2)))
    behind = await a_decide_webhook(decisions)(received(a_webhook(), id=UUID(int=3)))

    assert isinstance(result, MessageApproved)
    assert isinstance(behind, MessageApproved)
    assert (result.after, again) == (ahead, result)
    assert behind.after == UUID(int=2)


async def test_facts_are_asked_for_what_stayed_of_somebody_who_was_erased_too() -> None:
    decisions = FakeDecisions(known=replace(stored(), left_by_erasures=True))
    decide = a_decide_webhook(decisions=decisions, hashes=(hashes := hashes_over(FakeEntries(), PSEUDONYMS)))

    await decide(received(a_webhook()))
    await decide(received(a_webhook(), id=UUID(int=9)))

    hashed = (CUSTOMER_KEY, *await hashes.hashes([CUSTOMER_KEY]))
    assert [question.customer_keys for question in decisions.questions] == [(CUSTOMER_KEY,), hashed, hashed]


async def test_an_account_in_which_nobody_was_erased_pays_nothing_for_hashes() -> None:
    def forbidden(_: bytes) -> bytes:
        raise AssertionError("a hash is made")

    decisions = FakeDecisions()

    await a_decide_webhook(decisions=decisions, hashes=hashes_over(slow=forbidden))(received(a_webhook()))

    (question,) = decisions.questions
    assert question.customer_keys == (CUSTOMER_KEY,)
