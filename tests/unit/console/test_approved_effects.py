"""What was approved takes effect once: after a crash, on two consoles, and never after the state overtook it."""

import asyncio

from libs.contracts.events import (
    AccountChanged,
    ApprovalApproved,
    LegalHoldChanged,
)
from libs.store.approvals import ApprovalState, Transition
from tests.unit.console.approval_office import Office, office
from tests.unit.console.world import NOON

__all__ = ["office"]


async def test_a_change_that_the_state_has_overtaken_does_not_take_effect(office: Office) -> None:
    account_id = await office.account()
    ids = [await office.asked("Ann", "PATCH", f"/accounts/{account_id}", {"retention_days": days}) for days in (30, 60)]

    first, second = await office.approve("Bob", ids[0]), await office.approve("Bob", ids[1])

    assert (first[0], second[0]) == (200, 409)
    assert await office.state(ids[1]) == ("expired", "state_changed")
    assert (await office.shown(account_id))["retention_days"] == 30


async def test_an_effect_that_was_not_reached_is_taken_up_again_once(office: Office) -> None:
    account_id = await office.account()
    id_ = await office.asked("Ann", "PATCH", f"/accounts/{account_id}", {"retention_days": 30})
    approved = Transition(before=ApprovalState.PENDING, after=ApprovalState.APPROVED, at=NOON, by="Bob")
    await office.approvals.real.move(id_, approved, [])  # and there the process died

    await asyncio.gather(office.resume(), office.resume())
    await office.resume()

    assert (await office.shown(account_id))["retention_days"] == 30
    assert await office.state(id_) == ("done", None)
    assert len([event for event in office.events(AccountChanged) if not event.created]) == 1


async def test_an_effect_that_was_reached_is_not_repeated_even_after_it_was_reverted(office: Office) -> None:
    account_id = await office.account()
    id_ = await office.asked("Ann", "PATCH", f"/accounts/{account_id}", {"retention_days": 30})
    office.approvals.dies = True
    status, body = await office.approve("Bob", id_)
    office.approvals.dies = False
    back = await office.asked("Bob", "PATCH", f"/accounts/{account_id}", {"retention_days": 365})
    await office.approve("Ann", back)

    await office.resume()

    assert (status, body["state"]) == (200, "approved")
    assert await office.state(id_) == ("done", None)
    assert (await office.shown(account_id))["retention_days"] == 365


async def test_two_consoles_that_approve_at_once_have_one_effect(office: Office) -> None:
    account_id = await office.account()
    await office.hire("Carol")
    id_ = await office.asked("Ann", "PATCH", f"/accounts/{account_id}", {"legal_hold": True})

    answers = await asyncio.gather(*(office.approve(who, id_) for who in ("Bob", "Carol") * 3))

    assert {status for status, _ in answers} <= {200, 409}
    assert len(office.events(ApprovalApproved)) == len(office.events(LegalHoldChanged)) == 1
    assert await office.state(id_) == ("done", None)


async def test_approving_again_is_harmless(office: Office) -> None:
    account_id = await office.account()
    id_ = await office.asked("Ann", "PATCH", f"/accounts/{account_id}", {"legal_hold": True})

    assert [(await office.approve("Bob", id_))[0] for _ in range(2)] == [200, 200]
    assert len(office.events(LegalHoldChanged)) == 1
