"""`gateway audit` about the cumulative log: verified, proven and kept, with a console and without one."""

import base64
import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from libs.record.log_checkpoints import log_checkpoint, log_checkpoint_from
from libs.record.signed_notes import COSIGNATURE, NoteKey, cosignature
from tests.contract.store.builders import a_record
from tests.contract.store.test_chains import seal
from tests.contract.store.test_cumulative_log import ORIGIN, Logged
from tests.unit.cli.shell import Shell
from tests.unit.console.world import ADMIN_TOKEN, a_world
from tests.unit.record.chains import KEY, OTHER_KEY
from tools.cli.commands.audit_log import summary_of
from tools.cli.console_client import ExitCode

PUBLIC = f"k1:public:{base64.b64encode(KEY.public).decode()}"
ALLOWED = ("--allow-unsealed", "--allow-unshipped")
WITNESS = NoteKey("witness.example/w1", OTHER_KEY.public, COSIGNATURE)


@dataclass
class Desk:
    """A shell, and audit's log jobs over the same store."""

    shell: Shell
    logged: Logged

    async def grow(self, name: str) -> None:
        await self.shell.world.store.records.append([a_record(f"{name}-{n}") for n in range(5)])
        await seal(self.shell.world.store)
        await self.logged.round()

    async def cosign(self) -> None:
        newest = await self.logged.store.log_checkpoints.newest()
        assert newest is not None
        line = cosignature(log_checkpoint_from(newest.note).note.text, WITNESS.name, OTHER_KEY, at=1_795_435_300).line
        await self.logged.store.log_checkpoints.attest(newest.size, cosignatures={WITNESS.name: line})


@pytest.fixture
async def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Desk]:
    async with a_world(tmp_path, signing_keys=SecretStr(PUBLIC)) as world:
        url = str(world.client.make_url("/"))
        shell = Shell(world, {"GATEWAY_CONSOLE_URL": url, "GATEWAY_ADMIN_TOKEN": ADMIN_TOKEN}, capsys)
        made = Desk(shell, Logged(world.store))
        await made.grow("first")
        yield made


async def test_verification_prints_the_log_as_a_sentence(desk: Desk) -> None:
    size = await desk.logged.size()
    await desk.shell.world.store.records.append([a_record("late")])

    code, printed, _ = await desk.shell("audit", "verify", *ALLOWED)

    assert code is ExitCode.DONE
    assert f"{ORIGIN} with {size} entries, the last at 2" in printed
    assert "records not in it yet: 1" in printed
    assert not set("{}") & set(printed)


async def test_a_verification_without_the_log_says_so(desk: Desk) -> None:
    _, printed, _ = await desk.shell("audit", "verify", "acc-1", *ALLOWED)

    assert "none: not in this export" in printed


@pytest.mark.parametrize(
    ("signed", "expected"),
    [(9, "log.example with 9 entries; records not in it yet: 4"),
     (7, "log.example with 9 entries, the last 2 not under a checkpoint; records not in it yet: 4")],
)  # fmt: skip
def test_entries_without_a_checkpoint_are_named(signed: int, expected: str) -> None:
    found = {"origin": "log.example", "entries": 9, "signed": signed, "at": None, "unlogged": 4}

    assert summary_of(found) == expected


async def test_verification_compares_every_record_with_the_log(desk: Desk) -> None:
    size = await desk.logged.size()

    printed = await desk.shell.json("audit", "verify", *ALLOWED)

    assert printed["log"] == {
        "origin": ORIGIN,
        "entries": size,
        "signed": size,
        "at": printed["log"]["at"],
        "unlogged": printed["log"]["unlogged"],
    }
    assert printed["log"]["unlogged"] <= 1  # the access record of this verification
    console = await desk.shell.world.client.get(
        "/api/v1/audit/verify", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}
    )
    assert (await console.json())["log"]["origin"] == ORIGIN


async def test_a_chain_that_was_rewritten_where_no_checkpoint_is_kept_contradicts_the_log(
    desk: Desk, tmp_path: Path
) -> None:
    export = tmp_path / "export.jsonl"
    await desk.shell.json("audit", "export", str(export))
    with sqlite3.connect(tmp_path / "gateway-records.db") as connection:
        connection.execute("DELETE FROM checkpoints")
        connection.execute("DELETE FROM records WHERE chain_seq = 5 AND account_id = 'acc-1'")
        connection.execute("UPDATE chains SET seq = 4, hash = (SELECT hash FROM records WHERE chain_seq = 4)")
    connection.close()

    code, _, error = await desk.shell("audit", "verify", *ALLOWED)

    assert code is ExitCode.REFUSED
    assert "log_contradicted: chain acc-1, seq 5" in error


async def test_an_export_is_verified_alone_with_a_witness_s_key(desk: Desk, tmp_path: Path) -> None:
    export = str(tmp_path / "export.jsonl")
    asked = ("audit", "verify", "--file", export, "--keys", PUBLIC, *ALLOWED, "--require-witness", WITNESS.vkey)
    await desk.shell.json("audit", "export", export)
    without, _, error = await desk.shell(*asked)
    await desk.cosign()
    await desk.shell.json("audit", "export", export)

    printed = await desk.shell.json(*asked)
    stranger = NoteKey("witness.example/w1", KEY.public, COSIGNATURE).vkey
    other, _, _ = await desk.shell(*asked[:-1], stranger)
    usage, _, _ = await desk.shell(*asked[:-1], "nonsense")

    assert without is ExitCode.UNSEALED
    assert "no cosignature of witness.example/w1" in error
    assert printed["ok"]
    assert (other, usage) == (ExitCode.UNSEALED, ExitCode.USAGE)


async def test_a_checkpoint_that_was_kept_is_compared(desk: Desk, tmp_path: Path) -> None:
    kept, forked, other = tmp_path / "kept", tmp_path / "forked", tmp_path / "other"
    _, note, _ = await desk.shell("audit", "log")
    kept.write_text(note)
    size = log_checkpoint_from(note).size
    forked.write_text(str(log_checkpoint(ORIGIN, size, b"f" * 32, KEY).note))
    other.write_text(str(log_checkpoint("other.example/log", size, b"f" * 32, KEY).note))
    await desk.grow("second")

    consistent = await desk.shell.json("audit", "consistency", str(kept), "--update")
    refused, _, _ = await desk.shell("audit", "consistency", str(forked))
    verified = await desk.shell.json("audit", "verify", *ALLOWED, "--log-checkpoint", str(kept))
    contradicted, _, error = await desk.shell("audit", "verify", *ALLOWED, "--log-checkpoint", str(forked))
    renamed, _, _ = await desk.shell("audit", "verify", *ALLOWED, "--log-checkpoint", str(other))

    assert (consistent["ok"], consistent["old"]) == (True, size)
    assert log_checkpoint_from(kept.read_text()).size == consistent["size"] > size
    assert refused is ExitCode.REFUSED
    assert verified["ok"]
    assert contradicted is ExitCode.REFUSED
    assert "log_rewritten" in error
    assert renamed is ExitCode.UNSEALED


async def test_a_proof_holds_the_log_s_proof_and_is_checked_with_it(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "proof.json"
    await desk.shell("audit", "prove", "first-3", "--output", str(file))
    proof = json.loads(file.read_text())
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(proof | {"log": proof["log"] | {"index": proof["log"]["index"] + 1}}))

    checked = await desk.shell.json("audit", "check-proof", str(file), "--keys", PUBLIC)
    code, _, error = await desk.shell("audit", "check-proof", str(changed), "--keys", PUBLIC)

    assert json.loads(proof["log"]["entry"])[:2] == ["acc-1", 4]
    assert checked["ok"]
    assert code is ExitCode.REFUSED
    assert "not in the log's checkpoint" in error


async def test_the_log_is_shown_with_the_keys_that_a_witness_needs(desk: Desk) -> None:
    shown = await desk.shell.json("audit", "log")

    assert shown["vkeys"] == [NoteKey(ORIGIN, KEY.public).vkey]
    assert log_checkpoint_from(shown["checkpoint"]).size == shown["size"] == await desk.logged.size()


async def test_an_export_of_one_account_has_no_log(desk: Desk, tmp_path: Path) -> None:
    export = tmp_path / "export.jsonl"
    await desk.shell.json("audit", "export", str(export), "--account-id", "acc-1")

    kinds = {json.loads(line)["kind"] for line in export.read_bytes().splitlines()}
    printed = await desk.shell.json("audit", "verify", "--file", str(export), "--keys", PUBLIC, *ALLOWED)

    assert not kinds & {"log", "log_checkpoint"}
    assert printed["log"] is None
