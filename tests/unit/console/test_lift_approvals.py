"""A customer's own opt-out is lifted with a reason and by two persons."""

from datetime import timedelta

import pytest

from libs.contracts.events import (
    SuppressionLifted,
)
from services.console.domain.suppressions import is_sentence
from tests.unit.console.approval_office import REASON, Office, a_stop, about, office
from tests.unit.console.world import NOON, World

__all__ = ["office"]


@pytest.mark.parametrize(
    ("reason", "is_one"),
    [
        (REASON, True),
        ("Kunde bat am Telefon um Nachrichten", True),
        ("طلب العميل اليوم عبر الهاتف استئناف الرسائل", True),
        ("客户今天打电话要求恢复消息", True),
        ("ok", False),
        ("asked", False),
        ("a b c d", False),
        ("please please please please please", False),
        ("++++ ---- 1234 5678 9012 3456 7890", False),
    ],
)
def test_a_reason_is_a_sentence_that_somebody_can_judge(reason: str, *, is_one: bool) -> None:
    assert is_sentence(reason) is is_one


@pytest.mark.parametrize("params", [{}, {"reason": "asked"}])
async def test_a_customers_own_opt_out_is_lifted_with_a_reason_only(world: World, params: dict[str, str]) -> None:
    account_id = (await world.account())["id"]
    await world.store.suppressions.suppress(a_stop(account_id), [])

    response = await world.call("DELETE", "/suppressions/sup_1", params=params)
    refused = await response.json()
    lifted = await world.ok("DELETE", "/suppressions/sup_1", params={"reason": REASON})

    assert (response.status, refused["error"]) == (422, "reason_required")
    assert lifted["active"] is False


async def test_a_customers_own_opt_out_is_lifted_when_a_second_person_approves(office: Office) -> None:
    account_id = await office.account()
    await office.hire("Olga", "operator")
    await office.hire("Omar", "operator")
    await office.world.store.suppressions.suppress(a_stop(account_id), [])

    id_ = await office.asked("Olga", "DELETE", "/suppressions/sup_1", params={"reason": REASON})
    waiting = await office.world.ok("GET", "/suppressions/sup_1")
    shown = await office.world.ok("GET", f"/approvals/{id_}")
    status, _ = await office.approve("Omar", id_)

    assert waiting["active"] is True
    assert (shown["reason"], shown["requested"]["masked_phone"]) == (REASON, "+9665•••••678")
    assert status == 200
    assert (await office.world.ok("GET", "/suppressions/sup_1"))["active"] is False
    (lifted,) = office.events(SuppressionLifted)
    assert (lifted.approval_id, lifted.reason, lifted.actor.partition(" ")[0]) == (id_, REASON, "Olga")


async def test_a_customer_who_opts_out_again_meanwhile_stays_opted_out(office: Office) -> None:
    account_id = await office.account()
    await office.world.store.suppressions.suppress(a_stop(account_id), [])
    id_ = await office.asked("Ann", "DELETE", "/suppressions/sup_1", params={"reason": REASON})
    # It was written before the request, and arrives after it.
    again = a_stop(account_id, "sup_2", since=NOON - timedelta(minutes=5))
    await office.world.store.suppressions.suppress(again, [])

    status, body = await office.approve("Bob", id_)

    assert (status, body["details"]["problem"]) == (409, "the customer opted out again since the lift was requested")
    assert await office.state(id_) == ("expired", "state_changed")
    assert (await office.world.ok("GET", "/suppressions/sup_1"))["active"] is True


async def test_an_opt_out_after_a_lift_is_not_lifted_by_the_same_approval(office: Office) -> None:
    account_id = await office.account()
    await office.world.store.suppressions.suppress(a_stop(account_id), [])
    id_ = await office.asked("Ann", "DELETE", "/suppressions/sup_1", params={"reason": REASON})
    office.approvals.dies = True
    await office.approve("Bob", id_)
    office.approvals.dies = False
    later = a_stop(account_id, "sup_2", since=NOON + timedelta(minutes=5))
    await office.world.store.suppressions.suppress(later, [])

    await office.resume()

    assert await office.state(id_) == ("done", None)
    assert (await office.world.ok("GET", "/suppressions/sup_2"))["active"] is True
    assert len(office.events(SuppressionLifted)) == 1


async def test_an_operators_block_needs_no_second_person_and_an_included_opt_out_does(office: Office) -> None:
    account_id = await office.account()
    body = about(account_id)
    block = await office.world.ok("POST", "/suppressions", body)
    own = await office.world.ok("POST", "/suppressions", {**body, "kind": "opt_out"})

    lifted, _ = await office.call("Ann", "DELETE", f"/suppressions/{block['id']}")
    await office.world.store.suppressions.suppress(a_stop(account_id, "sup_2", since=NOON - timedelta(days=1)), [])
    waits, _ = await office.call("Ann", "DELETE", f"/suppressions/{own['id']}", params={"reason": REASON})

    assert (lifted, waits) == (200, 202)
    assert (await office.world.ok("GET", f"/suppressions/{own['id']}"))["active"] is True
