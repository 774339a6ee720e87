from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from libs.chassis.subscriptions import Received
from libs.contracts.events import MessageApproved, SimulationAnswered, SimulationRequested, WebhookAnswered
from libs.contracts.results import AnswerStatus, SkipReason
from tests.builders import EVENT_ID, PHONE, a_webhook, received, stored
from tests.unit.policy.fakes import FakeDecisions, FakeDirectory
from tests.unit.policy.test_decide_webhook import a_decide_webhook, a_simulate_decision
from tests.unit.policy.test_decide_webhook_call_events import with_template


def asked(**payload: Any) -> Received[SimulationRequested]:
    webhook = a_webhook(**payload)
    return received(
        SimulationRequested(
            account_id="acc_1", integration_id="int_1", reply_to="console-1", actor="admin", payload=webhook.payload
        )
    )


async def simulated(decisions: FakeDecisions, **payload: Any) -> SimulationAnswered:
    return await a_simulate_decision(decisions)(asked(**payload))


@pytest.mark.parametrize(
    ("payload", "known"),
    [
        pytest.param({}, stored(), id="an approval"),
        pytest.param({"text": ""}, stored(), id="a message without text"),
        pytest.param({"event_type": "fax"}, stored(), id="an unknown event"),
        pytest.param({}, stored(wrote=None), id="a closed window"),
        pytest.param({}, stored(day=100), id="a used-up limit"),
        pytest.param({"event_type": "test"}, stored(), id="a test"),
    ],
)
async def test_a_simulation_says_what_judging_would(payload: dict[str, Any], known: Any) -> None:
    simulation = await simulated(FakeDecisions(known=known), **payload)
    judged = await a_decide_webhook(FakeDecisions(known=known))(received(a_webhook(**payload)))

    code = None if isinstance(judged, MessageApproved) else judged.code
    assert (simulation.decision.code, simulation.decision.receipt) == (code, judged.receipt)
    assert (simulation.simulation_id, simulation.reply_to) == (EVENT_ID, "console-1")
    assert isinstance(judged, MessageApproved | WebhookAnswered)


async def test_a_simulation_settles_and_counts_nothing() -> None:
    decisions = FakeDecisions(left=1)

    first, second = await simulated(decisions), await simulated(decisions)
    judged = await a_decide_webhook(decisions)(received(a_webhook()))

    assert first.decision.approved
    assert second.decision.approved
    assert isinstance(judged, MessageApproved)
    assert list(decisions.kept) == [str(EVENT_ID)]


async def test_a_call_event_without_a_template_is_recorded() -> None:
    simulation = await simulated(FakeDecisions(), event_type="missed_call")

    assert simulation.decision.code is AnswerStatus.RECORDED


async def test_a_simulation_sees_another_events_cooldown_and_begins_none() -> None:
    decisions = FakeDecisions()
    directory = FakeDirectory(integrations={"int_1": with_template()})
    simulate = a_simulate_decision(decisions, directory)
    call = {"event_type": "missed_call", "to": None, "caller": PHONE, "text": None, "message_purpose": None}

    before = await simulate(asked(**call))
    judged = await a_decide_webhook(decisions, directory)(received(a_webhook(**call), id=uuid4()))
    after = await simulate(asked(**call))

    assert before.decision.approved
    assert isinstance(judged, MessageApproved)
    assert (after.decision.code, after.decision.reason) == (AnswerStatus.SKIPPED, SkipReason.COOLDOWN)


async def test_a_simulation_lets_real_webhooks_go_first() -> None:
    in_flight = iter([3, 2, 1, 0])
    simulate = replace(a_simulate_decision(FakeDecisions()), messages_in_flight=lambda: next(in_flight))

    answer = await simulate(asked())

    assert answer.decision.approved
    assert next(in_flight, None) is None


async def test_a_simulation_is_made_in_the_end_although_webhooks_never_stop() -> None:
    simulate = replace(a_simulate_decision(FakeDecisions()), messages_in_flight=lambda: 1, longest_wait=0.03)

    answer = await simulate(asked())

    assert answer.decision.approved
