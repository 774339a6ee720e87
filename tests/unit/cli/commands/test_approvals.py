"""`gateway approvals`: one person requests, another one approves or rejects."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.cli.shell import Shell
from tests.unit.console.world import ADMIN_TOKEN, a_world
from tools.cli.console_client import ExitCode


@pytest.fixture
async def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Shell]:
    async with a_world(tmp_path, second_person=True) as world:
        url = str(world.client.make_url("/"))
        yield Shell(world, {"GATEWAY_CONSOLE_URL": url, "GATEWAY_ADMIN_TOKEN": ADMIN_TOKEN}, capsys)


async def another(shell: Shell, label: str) -> Shell:
    """The command line of another person."""
    made = await shell.json("tokens", "create", label, "--role", "admin")
    return replace(shell, environ=shell.environ | {"GATEWAY_ADMIN_TOKEN": made["token"]})


async def test_a_hold_is_requested_by_one_person_and_approved_by_another(shell: Shell) -> None:
    account = await shell.json("accounts", "create", "--name", "Acme", "--business-name", "Acme Clinic")
    ann, bob = await another(shell, "Ann"), await another(shell, "Bob")

    asked = await ann.json("accounts", "hold", account["id"], "on")
    own, _, _ = await ann("approvals", "approve", asked["approval_id"])
    waiting = await bob.json("approvals", "list")
    shown = await bob.json("approvals", "show", asked["approval_id"])
    approved = await bob.json("approvals", "approve", asked["approval_id"])

    assert own is ExitCode.NO_ACCESS
    assert [item["id"] for item in waiting["items"]] == [asked["approval_id"]]
    assert shown["requested"] == {"legal_hold": {"new": True, "old": False}}
    assert approved["state"] == "done"
    assert (await shell.json("accounts", "show", account["id"]))["legal_hold"] is True
    assert (await bob.json("approvals", "list"))["items"] == []


async def test_a_request_is_rejected_with_a_reason(shell: Shell) -> None:
    account = await shell.json("accounts", "create", "--name", "Acme", "--business-name", "Acme Clinic")
    bob = await another(shell, "Bob")
    asked = await shell.json("accounts", "edit", account["id"], "--retention-days", "30")

    without, _, _ = await bob("approvals", "reject", asked["approval_id"])
    rejected = await bob.json("approvals", "reject", asked["approval_id"], "--reason", "the case is open")

    assert without is ExitCode.USAGE
    assert rejected["state"] == "rejected"
    assert len((await bob.json("approvals", "list", "--state", "rejected"))["items"]) == 1
