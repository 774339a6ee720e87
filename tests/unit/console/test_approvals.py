"""Grave changes wait for a second person: who that may be, what they see, and when a request ends."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from libs.contracts.events import (
    AccountChanged,
    ApprovalApproved,
    ApprovalExpired,
    ApprovalRejected,
    ApprovalRequested,
    LegalHoldChanged,
)
from libs.store.approvals import Approval
from tests.unit.console.approval_office import REASON, Office, a_stop, about, office
from tests.unit.console.world import ADMIN_TOKEN, PHONE, World

__all__ = ["office"]


@pytest.mark.parametrize(
    "fields", [{"legal_hold": True}, {"retention_days": 30}, {"retention_days": 30, "paused": True}]
)
async def test_a_guarded_edit_takes_effect_as_a_whole_when_another_person_approves(
    office: Office, fields: dict[str, Any]
) -> None:
    account_id = await office.account()
    before = await office.shown(account_id)

    id_ = await office.asked("Ann", "PATCH", f"/accounts/{account_id}", fields)
    waiting = await office.shown(account_id)
    status, approved = await office.approve("Bob", id_)

    assert waiting == before
    assert (status, approved["state"]) == (200, "done")
    after = await office.shown(account_id)
    assert {name: after[name] for name in fields} == fields
    (changed,) = [event for event in office.events(AccountChanged) if not event.created]
    assert (changed.approval_id, changed.actor.partition(" ")[0]) == (id_, "Ann")
    (requested,), (decided,) = office.events(ApprovalRequested), office.events(ApprovalApproved)
    assert (requested.approval_id, decided.approval_id) == (id_, id_)
    assert (decided.actor.partition(" ")[0], decided.requested_by) == ("Bob", requested.actor)
    assert len(office.events(LegalHoldChanged)) == ("legal_hold" in fields)


async def test_an_edit_of_nothing_guarded_needs_nobody(office: Office) -> None:
    account_id = await office.account()

    status, _ = await office.call("Ann", "PATCH", f"/accounts/{account_id}", {"paused": True, "retention_days": 365})

    assert status == 200
    assert (await office.shown(account_id))["paused"] is True


async def test_without_the_setting_nothing_needs_a_second_person(world: World) -> None:
    account_id = (await world.account())["id"]

    edited = await world.ok("PATCH", f"/accounts/{account_id}", {"legal_hold": True, "retention_days": 30})

    assert (edited["legal_hold"], edited["retention_days"]) == (True, 30)
    assert (await world.ok("GET", "/approvals"))["items"] == []


async def test_the_second_person_sees_what_is_requested_until_it_ends(office: Office) -> None:
    account_id = await office.account()
    id_ = await office.asked("Ann", "PATCH", f"/accounts/{account_id}", {"retention_days": 30})

    pending = await office.world.ok("GET", f"/approvals?account_id={account_id}&state=pending")
    await office.approve("Bob", id_)
    done = await office.world.ok("GET", f"/approvals/{id_}")

    assert [(each["id"], each["requested"]) for each in pending["items"]] == [
        (id_, {"retention_days": {"new": 30, "old": 365}})
    ]
    assert (done["requested"], done["decided_by"].partition(" ")[0]) == ({}, "Bob")


async def test_the_requester_and_tokens_of_the_requesters_making_are_no_second_person(office: Office) -> None:
    account_id = await office.account()
    await office.hire("Ann's other", by=office.tokens["Ann"])
    await office.hire("her third", by=office.tokens["Ann's other"])
    id_ = await office.asked("Ann's other", "PATCH", f"/accounts/{account_id}", {"legal_hold": True})

    refused = [await office.approve(who, id_) for who in ("Ann's other", "Ann", "her third")]
    allowed, _ = await office.approve("Bob", id_)

    assert {(status, body["error"]) for status, body in refused} == {(403, "forbidden")}
    assert all("another person" in body["details"]["problem"] for _, body in refused)
    assert allowed == 200


async def test_the_deployments_admin_is_one_person_too(office: Office) -> None:
    account_id = await office.account()
    office.tokens["admin"] = ADMIN_TOKEN
    id_ = await office.asked("admin", "PATCH", f"/accounts/{account_id}", {"legal_hold": True})

    own, _ = await office.approve("admin", id_)
    other, _ = await office.approve("Ann", id_)

    assert (own, other) == (403, 200)


@pytest.mark.parametrize("role", ["auditor", "operator"])
async def test_a_token_that_could_not_request_it_cannot_approve_or_reject_it(office: Office, role: str) -> None:
    account_id = await office.account()
    await office.hire("Eve", role)
    id_ = await office.asked("Ann", "PATCH", f"/accounts/{account_id}", {"legal_hold": True})

    statuses = [
        (await office.approve("Eve", id_))[0],
        (await office.call("Eve", "POST", f"/approvals/{id_}/reject", {"reason": "no"}))[0],
    ]

    assert statuses == [403, 403]
    assert await office.state(id_) == ("pending", None)


async def test_a_token_of_another_account_finds_nothing(office: Office) -> None:
    account_id, other = await office.account(), await office.account()
    await office.hire("Eve", accounts=[other])
    id_ = await office.asked("Ann", "PATCH", f"/accounts/{account_id}", {"legal_hold": True})

    assert (await office.approve("Eve", id_))[0] == 404
    assert (await office.call("Eve", "GET", "/approvals"))[1]["items"] == []


async def test_a_rejected_request_has_no_effect_and_the_requester_may_withdraw(office: Office) -> None:
    account_id = await office.account()
    ids = [await office.asked("Ann", "PATCH", f"/accounts/{account_id}", {"retention_days": days}) for days in (30, 31)]

    for who, id_ in zip(("Bob", "Ann"), ids, strict=True):
        status, body = await office.call(who, "POST", f"/approvals/{id_}/reject", {"reason": "the case is open"})
        assert (status, body["state"]) == (200, "rejected")
    late = await office.approve("Bob", ids[0])

    assert (late[0], late[1]["details"]["problem"]) == (409, "it is rejected")
    assert (await office.shown(account_id))["retention_days"] == 365
    assert [event.reason for event in office.events(ApprovalRejected)] == ["the case is open"] * 2


async def test_a_request_of_a_revoked_token_has_no_effect(office: Office) -> None:
    account_id = await office.account()
    eve = await office.hire("Eve")
    id_ = await office.asked("Eve", "PATCH", f"/accounts/{account_id}", {"legal_hold": True})
    await office.world.ok("DELETE", f"/tokens/{eve}")

    status, _ = await office.approve("Bob", id_)

    assert status == 409
    assert await office.state(id_) == ("expired", "requester_invalid")
    assert (await office.shown(account_id))["legal_hold"] is False


@pytest.mark.parametrize("by_job", [True, False], ids=["the job", "an approval that comes too late"])
async def test_a_request_ends_after_72_hours(office: Office, *, by_job: bool) -> None:
    account_id = await office.account()
    id_ = await office.asked("Ann", "PATCH", f"/accounts/{account_id}", {"legal_hold": True})
    office.world.clock.pass_by(hours=71, minutes=59)
    await office.resume()
    in_time = await office.state(id_)
    office.world.clock.pass_by(minutes=1)

    if by_job:
        await office.resume()
    status, _ = await office.approve("Bob", id_)

    assert in_time == ("pending", None)
    assert (status, await office.state(id_)) == (409, ("expired", "timed_out"))
    assert [event.code for event in office.events(ApprovalExpired)] == ["timed_out"]
    assert (await office.shown(account_id))["legal_hold"] is False


async def test_a_repeated_request_is_the_same_request(office: Office) -> None:
    account_id, edit = await office.account(), {"legal_hold": True}
    path, key = f"/accounts/{account_id}", {"headers": {"Idempotency-Key": "k-1"}}

    equal = [await office.asked("Ann", "PATCH", path, edit) for _ in range(2)]
    named = [await office.asked("Ann", "PATCH", path, {"retention_days": 9}, **key) for _ in range(2)]
    theirs = await office.asked("Bob", "PATCH", path, {"retention_days": 9}, **key)
    other = await office.call("Ann", "PATCH", path, {"retention_days": 10}, **key)
    invalid = await office.call("Ann", "PATCH", path, edit, headers={"Idempotency-Key": "k 1"})

    assert (len(set(equal)), len(set(named)), theirs in named) == (1, 1, False)
    assert (other[0], other[1]["error"]) == (409, "idempotency_key_reused")
    assert invalid[0] == 422
    assert len(office.events(ApprovalRequested)) == 3


async def test_a_stored_request_shows_no_phone_and_goes_with_the_person(office: Office, tmp_path: Path) -> None:
    account_id = await office.account()
    await office.world.store.suppressions.suppress(a_stop(account_id), [])
    lift = await office.asked("Ann", "DELETE", "/suppressions/sup_1", params={"reason": REASON})
    stored = await office.world.store.approvals.get(lift)
    assert stored is not None

    await office.world.ok("POST", "/erasures", about(account_id))
    emptied = await office.world.store.approvals.get(lift)
    await office.resume()

    assert isinstance(stored, Approval)
    assert REASON not in str(stored.sealed)
    assert stored.customer_keys
    assert emptied is not None
    assert (emptied.sealed, emptied.customer_keys, emptied.fingerprint) == (None, (), "")
    assert await office.state(lift) == ("expired", "subject_erased")
    kept = b"".join(each.read_bytes() for each in tmp_path.iterdir() if each.is_file())
    assert PHONE.encode() not in kept


async def test_a_request_that_cannot_be_decrypted_is_listed_and_can_be_rejected_only(office: Office) -> None:
    account_id = await office.account()
    id_ = await office.asked("Ann", "PATCH", f"/accounts/{account_id}", {"legal_hold": True})
    stored = await office.world.store.approvals.get(id_)
    assert stored is not None
    forged = await office.world.store.approvals.add(replace(stored, id="apr_forged"), [])

    status, body = await office.approve("Bob", forged.id)
    listed = await office.world.ok("GET", "/approvals")
    rejected, _ = await office.call("Bob", "POST", f"/approvals/{forged.id}/reject", {"reason": "nobody asked for it"})

    assert (status, "cannot be decrypted" in body["details"]["problem"]) == (409, True)
    assert sorted((each["id"], bool(each["requested"])) for each in listed["items"]) == sorted(
        [(id_, True), (forged.id, False)]
    )
    assert rejected == 200
    assert (await office.shown(account_id))["legal_hold"] is False
