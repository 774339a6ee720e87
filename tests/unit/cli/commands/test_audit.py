"""`gateway audit`, run against a console as operators run it, and without one as auditors do."""

import base64
import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from libs.contracts.events import RecordRestored
from libs.record.checkpoints import Checkpoint
from libs.store.verified import Scope
from services.audit.handlers.restorations import SignRestoration
from tests.contract.store.builders import a_record
from tests.contract.store.test_chains import seal
from tests.unit.cli.shell import Shell
from tests.unit.console.world import ADMIN_TOKEN, a_world
from tests.unit.record.chains import KEY
from tools.cli.console_client import ExitCode

PUBLIC = f"k1:public:{base64.b64encode(KEY.public).decode()}"
ALLOWED = ("--allow-unsealed", "--allow-unshipped")
STRANGERS = f"k1:public:{base64.b64encode(bytes(range(32))).decode()}"


@pytest.fixture
async def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Shell]:
    async with a_world(tmp_path, signing_keys=SecretStr(PUBLIC)) as world:
        await world.store.records.append([a_record(f"record-{n}") for n in range(10)])
        made = await seal(world.store)
        (tmp_path / "shipped.jsonl").write_text("".join(json.dumps(c.as_json()) + "\n" for c in made))
        await world.store.records.append([a_record("late")])
        url = str(world.client.make_url("/"))
        yield Shell(world, {"GATEWAY_CONSOLE_URL": url, "GATEWAY_ADMIN_TOKEN": ADMIN_TOKEN}, capsys)


def alone(shell: Shell) -> Shell:
    """The same shell without console or token."""
    return Shell(shell.world, {"GATEWAY_CONSOLE_URL": "http://127.0.0.1:1"}, shell.capsys)


def tamper(folder: Path, record_id: str = "record-4") -> None:
    with sqlite3.connect(folder / "gateway-records.db") as connection:
        connection.execute("UPDATE records SET code = 'sent' WHERE id = ?", (record_id,))
    connection.close()


async def test_an_intact_record_verifies_with_the_consoles_keys_or_given_keys(shell: Shell, tmp_path: Path) -> None:
    printed = await shell.json("audit", "verify", *ALLOWED)
    sink = str(tmp_path / "shipped.jsonl")
    own = await shell.json("audit", "verify", "--keys", PUBLIC, "--against", sink, "--allow-unsealed")

    counts = {"chains": 1, "records": 11, "sealed": 10, "checkpoints": 4, "unshipped": 1, "backdated": 0}
    assert printed == {"ok": True, "state": "unsealed", **counts, "first_fault": None, "log": None}
    assert own["ok"]


async def test_missing_evidence_ends_with_5_unless_it_is_accepted(shell: Shell, tmp_path: Path) -> None:
    sink = str(tmp_path / "shipped.jsonl")
    code, out, _ = await shell("audit", "verify", "--json", "--against", sink)
    text = await shell("audit", "verify", "--allow-unshipped")
    await seal(shell.world.store)
    sealed = await shell("audit", "verify", "--allow-unshipped")
    unshipped = await shell("audit", "verify", "--json")
    late = await shell("audit", "verify", "--json", "--against", sink)

    assert (code, json.loads(out)["ok"], json.loads(out)["state"]) == (ExitCode.UNSEALED, True, "unsealed")
    assert (text[0], "1 records have no checkpoint" in text[2]) == (ExitCode.UNSEALED, True)
    assert sealed[0] is ExitCode.DONE
    assert (unshipped[0], json.loads(unshipped[1])["state"]) == (ExitCode.UNSEALED, "unshipped")
    assert (late[0], json.loads(late[1])["state"]) == (ExitCode.UNSEALED, "unshipped")


async def test_a_fault_is_named_and_ends_with_1(shell: Shell, tmp_path: Path) -> None:
    tamper(tmp_path)

    code, _, err = await shell("audit", "verify")

    assert code is ExitCode.REFUSED
    assert "altered: chain acc-1, seq 5, record record-4" in err


@pytest.mark.parametrize("record", ["record-4", "nobodys"], ids=["an account's", "a record of no account"])
async def test_a_fault_that_the_command_finds_shows_in_the_consoles_metrics(
    shell: Shell, tmp_path: Path, record: str
) -> None:
    await shell.world.store.records.append([a_record("nobodys", account_id=None)])
    await shell("audit", "verify")
    before = await shell.world.store.verification_states.all()
    tamper(tmp_path, record)

    await shell("audit", "verify")

    assert before == {}
    assert not (await shell.world.store.verification_states.all())[Scope.WHOLE].sound


async def test_an_unknown_key_does_not_verify_the_record(shell: Shell) -> None:
    code, out, _ = await shell("audit", "verify", "--keys", STRANGERS, "--json")

    assert code is ExitCode.REFUSED
    assert json.loads(out)["first_fault"]["kind"] == "forged_checkpoint"


async def test_an_export_is_verified_without_console_or_token(shell: Shell, tmp_path: Path) -> None:
    file, keys = tmp_path / "record.jsonl", tmp_path / "keys.json"
    await shell("audit", "export", str(file), "--account-id", "acc-1")
    keys.write_text(json.dumps(await shell.json("audit", "keys")))

    sound = await alone(shell).json("audit", "verify", "--file", str(file), "--keys", str(keys), *ALLOWED)
    without, _, printed = await alone(shell)("audit", "verify", "--file", str(file))
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-2]))
    cut, _, err = await alone(shell)("audit", "verify", "--file", str(file), "--keys", PUBLIC)

    assert (sound["ok"], sound["records"]) == (True, 11)
    assert (without, "--keys is needed" in printed) == (ExitCode.USAGE, True)
    assert (cut, "incomplete" in err) == (ExitCode.REFUSED, True)


async def test_a_proof_is_checked_without_console_or_token(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "proof.json"
    await shell("audit", "prove", "record-4", "--output", str(file))

    holds = await alone(shell).json("audit", "check-proof", str(file), "--keys", PUBLIC)
    file.write_text(file.read_text().replace("webhook.received", "webhook.answered"))
    code, _, err = await alone(shell)("audit", "check-proof", str(file), "--keys", PUBLIC)

    assert holds == {"ok": True, "record_id": "record-4", "chain": "acc-1", "seq": 5, "problem": None}
    assert code is ExitCode.REFUSED
    assert "is not valid: the record is not the one that the checkpoint covers" in err


async def test_a_record_without_a_checkpoint_cannot_be_proven_yet(shell: Shell) -> None:
    code, _, err = await shell("audit", "prove", "late")

    assert code is ExitCode.REFUSED
    assert "no checkpoint vouches for it yet" in err


@pytest.mark.parametrize("keys", ["nonsense", "k1:public:short"])
async def test_invalid_keys_are_wrong_usage(shell: Shell, keys: str) -> None:
    code, _, err = await shell("audit", "verify", "--keys", keys)

    assert code is ExitCode.USAGE
    assert "--keys must be" in err


async def test_a_restored_record_is_stated_by_the_command_signed_by_audit_and_then_told_by_verify(
    shell: Shell, tmp_path: Path
) -> None:
    """The sink has a checkpoint over records that the store has lost."""
    sink, world = tmp_path / "shipped.jsonl", shell.world
    last = shipped(sink)[-1]
    lost = replace(last, first=last.last + 1, last=last.last + 3, count=3, number=last.number + 1, previous=last.hash)
    lost = replace(lost, signature=b"").signed_with(KEY)
    sink.write_text(sink.read_text() + json.dumps(lost.as_json()) + "\n")
    before, _, told = await shell("audit", "verify", "--against", str(sink))

    stated = await shell.json("audit", "restored", "--reason", "the disk was lost", "--checkpoints", str(sink))

    (event,) = [each for each in world.broker.events if isinstance(each, RecordRestored)]
    line = a_record("stated", type=RecordRestored.name)
    await world.store.records.append([await SignRestoration(world.store.chains, KEY)(event, line.at, line)])
    code, out, _ = await shell("audit", "verify", "--against", str(sink), *ALLOWED)
    again = await shell.json("audit", "restored", "--reason", "again", "--sink", str(sink))
    assert before is ExitCode.REFUSED
    assert "has a fault" in told
    assert stated == {"restored": [{"chain": "acc-1", "up_to": 10, "replaced": [lost.hash.hex()]}]}
    assert (event.account_id, event.up_to) == ("acc-1", 10)
    assert code is ExitCode.DONE
    assert "chain acc-1, to seq 10, because the disk was lost" in " ".join(out.split())
    assert again == {"restored": []}


def shipped(sink: Path) -> list[Checkpoint]:
    return [Checkpoint.from_json(json.loads(line)) for line in sink.read_text().splitlines()]


async def test_a_sink_that_holds_nothing_or_is_not_there_states_nothing(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")

    empty, _, _ = await shell("audit", "restored", "--reason", "a disk", "--checkpoints", str(tmp_path / "empty.jsonl"))
    missing, _, _ = await shell("audit", "restored", "--reason", "a disk", "--checkpoints", str(tmp_path / "no.jsonl"))

    assert (empty, missing) == (ExitCode.USAGE, ExitCode.USAGE)
    assert not [each for each in shell.world.broker.events if isinstance(each, RecordRestored)]
