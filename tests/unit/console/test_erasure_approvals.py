"""After a hundred persons in thirty days, an erasure waits for a second person."""

import asyncio
from datetime import timedelta

from libs.contracts.events import (
    SubjectErased,
)
from services.console.app.subjects import erasure_from
from services.console.handlers.erasure_allowance import MOST_PERSONS
from tests.unit.console.approval_office import Office, about, office
from tests.unit.console.world import NOON, settings

__all__ = ["office"]


async def test_after_100_persons_the_next_erasure_waits_whoever_asks(office: Office) -> None:
    account_id, other = await office.account(), await office.account()
    for number in range(MOST_PERSONS):  # by two tokens, as somebody who splits it
        who = ("Ann", "Bob")[number % 2]
        status, body = await office.call(who, "POST", "/erasures", about(account_id, f"+9665123{number:05}"))
        assert status == 200, body
    await office.hire("Carol")

    asked = [await office.call(who, "POST", "/erasures", about(account_id)) for who in ("Ann", "Carol")]
    elsewhere, _ = await office.call("Ann", "POST", "/erasures", about(other))
    status, _ = await office.approve("Bob", asked[0][1]["approval_id"])
    next_one, _ = await office.call("Ann", "POST", "/erasures", about(account_id, "+966512999999"))

    assert [status for status, _ in asked] == [202, 202]
    assert elsewhere == 200
    assert (status, next_one) == (200, 200)
    assert await office.state(asked[0][1]["approval_id"]) == ("done", None)
    approved = [event for event in office.events(SubjectErased) if event.approval_id is not None]
    assert [event.approval_id for event in approved] == [asked[0][1]["approval_id"]]
    await office.resume()
    assert await office.state(asked[1][1]["approval_id"]) == ("expired", "subject_erased")


async def used_up(office: Office, account_id: str) -> None:
    """An account that has erased as many persons as one operator alone may."""
    take = office.world.store.allowances.take
    for _ in range(MOST_PERSONS):
        await take(f"erasures:account:{account_id}", limit=MOST_PERSONS, within=timedelta(days=30), now=NOON)


async def test_an_approved_erasure_is_done_once_whatever_dies(office: Office) -> None:
    account_id = await office.account()
    await used_up(office, account_id)
    id_ = await office.asked("Ann", "POST", "/erasures", about(account_id))
    office.approvals.dies = True
    await office.approve("Bob", id_)
    office.approvals.dies = False

    await asyncio.gather(office.resume(), erasure_from(settings(second_person=True), office.world.deps).resume())
    await office.resume()

    assert await office.state(id_) == ("done", None)
    assert len({event.erasure_id for event in office.events(SubjectErased)}) == 1
    assert await office.world.store.erasures.unfinished(10) == []


async def test_a_legal_hold_that_begins_meanwhile_stops_an_approved_erasure(office: Office) -> None:
    account_id = await office.account()
    await used_up(office, account_id)
    id_ = await office.asked("Ann", "POST", "/erasures", about(account_id))
    hold = await office.asked("Ann", "PATCH", f"/accounts/{account_id}", {"legal_hold": True})
    await office.approve("Bob", hold)

    status, _ = await office.approve("Bob", id_)

    assert (status, await office.state(id_)) == (409, ("expired", "state_changed"))
    assert office.events(SubjectErased) == []
