"""Four eyes, over HTTP: what needs a second person happens once, after another person approved it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from libs.contracts.errors import unavailable
from libs.contracts.events import (
    AccountChanged,
    ApprovalApproved,
    ApprovalExpired,
    ApprovalRejected,
    ApprovalRequested,
    LegalHoldChanged,
    SubjectErased,
    SuppressionLifted,
)
from libs.contracts.identity import Pseudonyms
from libs.store.approvals import Approval, Approvals, ApprovalState, Transition
from libs.store.conversations import Suppression, SuppressionKind
from libs.store.outbox import OutboxEvent
from libs.store.store import Store
from services.console.app.subjects import apply_approval_from, erasure_from
from services.console.domain.suppressions import is_sentence
from services.console.handlers.erasure_allowance import MOST_PERSONS
from services.console.handlers.resume_approvals import ResumeApprovals
from tests.unit.console.world import ADMIN_TOKEN, KEY, NOON, PHONE, World, a_world, settings

REASON = "The customer asked for it on the phone today"


@dataclass
class DyingApprovals:
    """The real ones; a process dies (the call fails) before it marks an effect as done, while `dies` is True."""

    real: Approvals
    dies: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def move(self, approval_id: str, transition: Transition, events: list[OutboxEvent]) -> bool:
        if self.dies and transition.after is ApprovalState.DONE:
            raise unavailable("store")
        return await self.real.move(approval_id, transition, events)


@dataclass
class Office:
    """Console with four eyes; Ann and Bob have tokens of the deployment's admin."""

    world: World
    approvals: DyingApprovals
    tokens: dict[str, str] = field(default_factory=dict)

    async def hire(self, name: str, role: str = "admin", by: str = ADMIN_TOKEN, **fields: Any) -> str:
        made = await self.world.ok("POST", "/tokens", {"label": name, "role": role, **fields}, token=by)
        self.tokens[name] = made["token"]
        return str(made["id"])

    async def call(self, who: str, method: str, path: str, json: Any = None, **said: Any) -> tuple[int, dict[str, Any]]:
        response = await self.world.call(method, path, token=self.tokens[who], json=json, **said)
        return response.status, await response.json()

    async def asked(self, who: str, method: str, path: str, json: Any = None, **said: Any) -> str:
        """The id of the request that the call leads to."""
        status, body = await self.call(who, method, path, json, **said)
        assert status == 202, body
        return str(body["approval_id"])

    async def approve(self, who: str, id_: str) -> tuple[int, dict[str, Any]]:
        return await self.call(who, "POST", f"/approvals/{id_}/approve")

    async def account(self) -> str:
        return str((await self.world.account())["id"])

    async def shown(self, account_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = await self.world.ok("GET", f"/accounts/{account_id}")
        return shown

    async def state(self, id_: str) -> tuple[str, str | None]:
        shown = await self.world.ok("GET", f"/approvals/{id_}")
        return shown["state"], shown["code"]

    async def resume(self) -> None:
        await ResumeApprovals(apply_approval_from(settings(second_person=True), self.world.deps))()

    def events(self, *kinds: type[Any]) -> list[Any]:
        return [event for event in self.world.broker.events if isinstance(event, kinds)]


@asynccontextmanager
async def an_office(folder: Path, **changes: Any) -> AsyncIterator[Office]:
    dying: list[DyingApprovals] = []

    def swap(store: Store) -> Store:
        dying.append(DyingApprovals(store.approvals))
        return replace(store, approvals=cast("Approvals", dying[0]))

    async with a_world(folder, swap, second_person=True, **changes) as world:
        office = Office(world, dying[0])
        await office.hire("Ann")
        await office.hire("Bob")
        yield office


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path) as made:
        yield made


def a_stop(account_id: str, suppression_id: str = "sup_1", **fields: Any) -> Suppression:
    given: dict[str, Any] = {
        "customer_key": Pseudonyms(KEY.encode()).customer_key(account_id, PHONE),
        "masked_phone": "+9665•••••678",
        "kind": SuppressionKind.OPT_OUT,
        "source": "keyword",
        "reason": None,
        "actor": None,
        "since": NOON - timedelta(hours=1),
    }
    return Suppression(id=suppression_id, account_id=account_id, **(given | fields))


def about(account_id: str, phone: str = PHONE) -> dict[str, str]:
    return {"account_id": account_id, "phone": phone, "reason": "asked by letter"}


# ---------------------------------------------------------------- legal holds and retention


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


# ---------------------------------------------------------------- who may approve


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


# ---------------------------------------------------------------- time, state, crashes, two consoles


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


# ---------------------------------------------------------------- repeated requests


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


# ---------------------------------------------------------------- a customer's own opt-out


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


# ---------------------------------------------------------------- many erasures


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
