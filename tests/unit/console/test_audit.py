"""The calls under /audit: verify, keys, export, prove; each within the token's scope, and copies are on record."""

import base64
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from libs.contracts.events import RecordExported
from libs.record.exports import ExportVerifier
from libs.record.keys import public_keys_from
from libs.record.proofs import verify_proof
from libs.store.verified import Scope, VerifiedPlace
from services.console.domain.principals import Principal, Role
from tests.contract.store.builders import a_record
from tests.contract.store.test_chains import seal
from tests.unit.console.world import World, a_world
from tests.unit.record.chains import KEY, KEYS

PUBLIC = f"k1:public:{base64.b64encode(KEY.public).decode()}"


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[World]:
    """A console that can verify and not sign, over two accounts' records and one of nobody's."""
    async with a_world(tmp_path, signing_keys=SecretStr(PUBLIC)) as world:
        await world.store.records.append([a_record(f"record-{n}") for n in range(10)])
        await seal(world.store)
        await world.store.records.append([a_record("late"), a_record("other", account_id="acc-2")])
        await world.store.records.append([a_record("nobodys", account_id=None)])
        world.tokens.held["one"] = Principal("one", Role.AUDITOR, frozenset({"acc-1"}))
        yield world


def edit(folder: Path, sql: str) -> None:
    with sqlite3.connect(folder / "gateway-records.db") as connection:
        connection.execute(sql)
    connection.close()


async def test_a_sound_record_is_told_with_what_was_looked_at(kept: World) -> None:
    told = await kept.ok("GET", "/audit/verify")
    one = await kept.ok("GET", "/audit/verify?account_id=acc-1")

    counted = {"chains": 3, "records": 13, "sealed": 10, "checkpoints": 4, "shipped": 0}
    stated = {"state": "unsealed", "unshipped": 1, "backdated": 0, "log": None}
    assert told == {"ok": True, "first_fault": None, "restored": []} | counted | stated
    assert (one["ok"], one["chains"], one["records"]) == (True, 1, 11)


async def test_the_first_fault_is_named(kept: World, tmp_path: Path) -> None:
    edit(tmp_path, "UPDATE records SET code = 'sent' WHERE id = 'record-4'")

    told = await kept.ok("GET", "/audit/verify")

    assert told["ok"] is False
    assert told["first_fault"] == {
        "chain": "acc-1",
        "seq": 5,
        "record_id": "record-4",
        "kind": "altered",
        "checkpoint": None,
        "meaning": "the record's content was changed after it was written",
    }


async def test_a_token_for_one_account_verifies_and_exports_its_own_chain_alone(kept: World) -> None:
    own = await kept.ok("GET", "/audit/verify", token="one")
    others = await kept.call("GET", "/audit/verify?account_id=acc-2", token="one")
    export = await (await kept.call("GET", "/audit/export", token="one")).text()

    assert (own["chains"], own["records"]) == (1, 11)
    assert others.status == 403
    assert "other" not in export
    assert "nobodys" not in export


async def test_a_requested_verification_of_the_whole_record_shows_in_the_metrics(kept: World, tmp_path: Path) -> None:
    edit(tmp_path, "UPDATE records SET code = 'sent' WHERE id = 'record-4'")
    await kept.ok("GET", "/audit/verify")
    unsound = sound_gauge()
    edit(tmp_path, "UPDATE records SET code = NULL WHERE id = 'record-4'")
    kept.clock.pass_by(minutes=1)
    await kept.ok("GET", "/audit/verify")

    assert (unsound, sound_gauge()) == (0, 1)
    verified_at = REGISTRY.get_sample_value("gateway_record_verified_timestamp_seconds", {"scope": "whole"})
    assert verified_at == kept.clock.now.timestamp()


async def test_a_fault_in_one_account_s_chain_shows_and_its_soundness_does_not(kept: World, tmp_path: Path) -> None:
    edit(tmp_path, "UPDATE records SET code = 'sent' WHERE id = 'other'")
    await kept.ok("GET", "/audit/verify?account_id=acc-2")
    unsound = sound_gauge()
    kept.clock.pass_by(minutes=1)
    await kept.ok("GET", "/audit/verify?account_id=acc-1")

    assert (unsound, sound_gauge()) == (0, 0)
    assert (await kept.store.verification_states.all())[Scope.WHOLE].verified_at is None


@pytest.mark.parametrize(("role", "left"), [(Role.ADMIN, 0), (Role.AUDITOR, 1)], ids=["an admin", "an auditor"])
async def test_only_an_admin_s_verification_lets_the_incremental_one_begin_anew(
    kept: World, role: Role, left: int
) -> None:
    place = VerifiedPlace(chain="acc-1", checkpoint=0, seq=99, hash=bytes(32))
    await kept.store.verified_places.save([place])
    kept.tokens.held["all"] = Principal("all", role)

    await kept.ok("GET", "/audit/verify", token="all")

    assert len(await kept.store.verified_places.all()) == left


def sound_gauge() -> float | None:
    return REGISTRY.get_sample_value("gateway_record_sound", {"scope": "whole"})


@pytest.mark.parametrize("call", ["verify", "export"])
async def test_the_record_of_an_account_that_there_is_not_is_not_told_to_be_sound(kept: World, call: str) -> None:
    answer = await kept.call("GET", f"/audit/{call}?account_id=acc-mistyped")

    assert answer.status == 422
    assert "acc-mistyped" not in await answer.text()


async def test_what_was_shipped_to_a_file_is_compared_with(tmp_path: Path) -> None:
    shipped = tmp_path / "shipped.jsonl"
    sink = SecretStr(f"stdout,file:{shipped}")
    async with a_world(tmp_path, signing_keys=SecretStr(PUBLIC), checkpoint_sink=sink) as world:
        await world.store.records.append([a_record(f"record-{n}") for n in range(6)])
        made = await seal(world.store)
        shipped.write_text("".join(json.dumps(checkpoint.as_json()) + "\n" for checkpoint in made))
        sound = await world.ok("GET", "/audit/verify")
        edit(tmp_path, "DELETE FROM records WHERE chain_seq > 3")
        edit(tmp_path, "DELETE FROM checkpoints WHERE number > 1")
        edit(tmp_path, "UPDATE chains SET seq = 3")

        cut = await world.ok("GET", "/audit/verify")

    assert (sound["ok"], sound["shipped"]) == (True, 2)
    assert (cut["ok"], cut["first_fault"]["kind"], cut["first_fault"]["seq"]) == (False, "truncated", 4)


async def test_the_public_keys_are_shown_and_no_private_one(kept: World) -> None:
    told = await kept.ok("GET", "/audit/keys")

    assert public_keys_from(told["keys"]) == {"k1": KEYS["k1"]}
    assert base64.b64encode(KEY.seed).decode() not in json.dumps(told)


async def test_an_export_verifies_offline_and_is_on_record(kept: World) -> None:
    response = await kept.call("GET", "/audit/export")
    body = await response.read()

    verifier = ExportVerifier(KEYS)
    list(verifier.feed(body.splitlines()))
    verdict = verifier.end()
    assert response.content_type == "application/x-ndjson"
    assert (verdict.ok, verdict.records, verdict.checkpointed) == (True, 13, 10)
    told = [event for event in kept.broker.events if isinstance(event, RecordExported)]
    assert [(event.what, event.record_id, event.account_id) for event in told] == [("export", None, None)]


async def test_a_proof_can_be_checked_with_the_public_key_alone_and_is_on_record(kept: World) -> None:
    for number in range(10):
        proof = await kept.ok("GET", f"/audit/proofs/record-{number}")
        assert verify_proof(proof, KEYS).ok

    told = [event for event in kept.broker.events if isinstance(event, RecordExported)]
    assert (told[-1].what, told[-1].record_id, told[-1].account_id) == ("proof", "record-9", "acc-1")


@pytest.mark.parametrize(
    ("record_id", "token", "status"),
    [
        pytest.param("late", None, 409, id="no checkpoint vouches for it yet"),
        pytest.param("never", None, 404, id="there is none"),
        pytest.param("other", "one", 404, id="it is another account's"),
        pytest.param("nobodys", "one", 404, id="it is nobody's"),
    ],
)
async def test_a_record_that_cannot_be_proven_is_told(
    kept: World, record_id: str, token: str | None, status: int
) -> None:
    given: dict[str, Any] = {} if token is None else {"token": token}

    response = await kept.call("GET", f"/audit/proofs/{record_id}", **given)

    assert response.status == status


async def test_without_a_key_nothing_is_said_to_be_sound(world: World) -> None:
    response = await world.call("GET", "/audit/verify")

    assert response.status == 409
    assert "GATEWAY_SIGNING_KEYS" in (await response.json())["details"]["problem"]
