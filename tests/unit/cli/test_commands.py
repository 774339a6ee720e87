"""The command line, run against a console as operators run it."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from libs.contracts.errors import ErrorCode, OperatorCode
from libs.store.records import Record
from tests.unit.console.world import ADMIN_TOKEN, NOON, PHONE, World, a_world
from tools.cli.console import Exit, token_from
from tools.cli.program import run

EVENT_ID = "01234567-89ab-4cde-8f01-23456789abcd"


@dataclass
class Shell:
    """Runs commands against a console; remembers what was printed."""

    world: World
    environ: dict[str, str]
    capsys: pytest.CaptureFixture[str]

    async def __call__(self, *arguments: str) -> tuple[Exit, str, str]:
        self.capsys.readouterr()
        code = await asyncio.to_thread(run, arguments, self.environ)
        out, err = self.capsys.readouterr()
        return code, out, err

    async def json(self, *arguments: str) -> Any:
        code, out, err = await self(*arguments, "--json")
        assert code is Exit.DONE, err
        return json.loads(out)


@pytest.fixture
async def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Shell]:
    async with a_world(tmp_path) as world:
        url = str(world.client.make_url("/"))
        yield Shell(world, {"GATEWAY_CONSOLE_URL": url, "GATEWAY_ADMIN_TOKEN": ADMIN_TOKEN}, capsys)


async def a_connected_account(shell: Shell) -> tuple[str, str]:
    account = await shell.json("accounts", "create", "--name", "Acme", "--business-name", "Acme Clinic")
    number = await shell.json(
        *("instances", "create", account["id"], "--phone-number-id", "1", "--access-token", "a-providers-token")
    )
    return account["id"], number["id"]


async def test_an_account_is_made_edited_and_listed(shell: Shell) -> None:
    made = await shell.json(
        *("accounts", "create", "--name", "Acme", "--business-name", "Acme Clinic", "--daily-limit", "250")
    )

    edited = await shell.json("accounts", "edit", made["id"], "--paused", "--daily-limit", "0")
    _, table, _ = await shell("accounts", "list")

    assert (edited["paused"], edited["daily_limit"], edited["name"]) == (True, None, "Acme")
    assert made["id"] in table


async def test_a_new_integration_prints_its_url_and_its_secret_once(shell: Shell) -> None:
    account, number = await a_connected_account(shell)

    code, out, _ = await shell("integrations", "create", "--account-id", account, "--instance-id", number)
    (made,) = (await shell.json("integrations", "list"))["items"]
    shown = await shell.json("integrations", "show", made["id"])

    assert code is Exit.DONE
    assert "Shown this once" in out
    assert f"webhook_url: {made['webhook_url']}" in out
    assert "secret" not in shown


async def test_everything_about_an_integration_can_be_said(shell: Shell, tmp_path: Path) -> None:
    account, number = await a_connected_account(shell)
    hours = tmp_path / "hours.json"
    hours.write_text('{"business_hours": {"zone": "Asia/Riyadh", "weekly": {}}, "dialect": "k2m"}', "utf-8")

    made = await shell.json(
        *("integrations", "create", "--account-id", account, "--instance-id", number, "--file", str(hours)),
        *("--allowed-ip", "203.0.113.7", "--allowed-ip", "10.0.0.0/8", "--extension-role", "800=queue"),
        *("--template", "missed_call=Hello = {{queue}}", "--no-strict-window", "--dialect", "native"),
    )
    cleared = await shell.json("integrations", "edit", made["id"], "--allowed-ip", "any")

    assert made["allowed_ips"] == ["203.0.113.7", "10.0.0.0/8"]
    assert made["templates"] == {"missed_call": {"enabled": True, "text": "Hello = {{queue}}"}}
    assert (made["extension_roles"], made["strict_window"], made["dialect"]) == ({"800": "queue"}, False, "native")
    assert made["business_hours"]["zone"] == "Asia/Riyadh"
    assert cleared["allowed_ips"] == []


async def test_a_rotated_secret_is_printed(shell: Shell) -> None:
    account, number = await a_connected_account(shell)
    made = await shell.json("integrations", "create", "--account-id", account, "--instance-id", number)

    rotated = await shell.json("rotate-secret", made["id"], "--overlap-seconds", "60")

    assert rotated["secret"] != made["secret"]
    assert rotated["old_valid_until"] is not None


async def test_a_phone_can_be_read_from_standard_input(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    account, _ = await a_connected_account(shell)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PHONE}\n"))

    made = await shell.json("suppressions", "add", account, "--reason", "asked us")
    shell.world.clock.pass_by(seconds=1)
    lifted = await shell.json("suppressions", "lift", made["id"], "--reason", "asked again")

    assert (made["masked_phone"], lifted["active"]) == ("+9665•••••678", False)


@pytest.mark.parametrize("command", [["events"], ["events", "list"]])
async def test_the_record_is_searched_to_its_end(shell: Shell, command: list[str]) -> None:
    await shell.world.store.records.append(
        [
            Record(id=f"{number:032x}", at=NOON, type="webhook.answered", event_id=EVENT_ID, code="sent")
            for number in range(5)
        ]
    )

    found = await shell.json(*command, "--code", "sent", "--from", "2026-11-23T12:00:00Z", "--limit", "2", "--all")
    story = await shell.json("events", "show", EVENT_ID)
    _, page, _ = await shell(*command, "--limit", "2")

    assert (len(found["items"]), found["next_cursor"], len(story["items"])) == (5, None, 5)
    assert "There is more" in page


@pytest.mark.parametrize("code", [*ErrorCode, *OperatorCode])
def test_every_code_is_explained_without_a_console(code: Any, capsys: pytest.CaptureFixture[str]) -> None:
    ended = run(["errors", "explain", code.value, "--json"], {})

    told = json.loads(capsys.readouterr().out)
    assert ended is Exit.DONE
    assert (told["status"], told["fix"]) == (code.explanation.status, code.explanation.fix)


def test_a_code_that_is_nearly_one_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["errors", "explain", "recipient_supressed"], {}) is Exit.REFUSED
    assert "did you mean recipient_suppressed?" in capsys.readouterr().err


async def test_a_refusal_names_the_fields_and_nothing_of_it_is_a_traceback(shell: Shell) -> None:
    code, out, err = await shell("accounts", "create", "--name", "Acme", "--plan", "gold")

    assert (code, out) == (Exit.REFUSED, "")
    assert "business_name: Field required" in err
    assert "plan: " in err
    assert "Traceback" not in err


async def test_for_machines_a_refusal_is_the_apis_own_json(shell: Shell) -> None:
    code, out, _ = await shell("accounts", "show", "acc_0", "--json")

    assert (code, json.loads(out)["error"]) == (Exit.REFUSED, "not_found")


async def test_a_wrong_token_is_no_access_and_is_not_repeated(shell: Shell) -> None:
    shell.environ["GATEWAY_ADMIN_TOKEN"] = "a-token-that-is-wrong"

    code, out, err = await shell("accounts", "list")

    assert code is Exit.NO_ACCESS
    assert "a-token-that-is-wrong" not in out + err


async def test_a_console_that_is_away_is_unreachable(shell: Shell) -> None:
    await shell.world.client.close()

    code, _, err = await shell("accounts", "list")

    assert code is Exit.UNREACHABLE
    assert "is the console running?" in err


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["accounts", "frob"], id="an unknown command"),
        pytest.param(["accounts", "show"], id="an argument too few"),
        pytest.param(["accounts", "edit", "a", "--no-such-option"], id="an unknown option"),
        pytest.param(["rotate-secret", "a", "--which", "every"], id="an unknown choice"),
        pytest.param(["accounts", "create", "--file", "no-such-file.json"], id="a file that is not there"),
        pytest.param(["integrations", "create", "--template", "missed_call"], id="half a pair"),
    ],
)
def test_wrong_usage_is_told_and_nothing_is_sent(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"GATEWAY_ADMIN_TOKEN": "t", "GATEWAY_CONSOLE_URL": "http://console.invalid"}

    assert run(arguments, environ) is Exit.USAGE
    assert "".join(capsys.readouterr()).strip()


@pytest.mark.parametrize("url", ["ftp://console", "console:8090", "file:///etc/passwd"])
def test_only_http_is_spoken(url: str) -> None:
    assert run(["accounts", "list"], {"GATEWAY_ADMIN_TOKEN": "t", "GATEWAY_CONSOLE_URL": url}) is Exit.USAGE


def test_the_token_of_the_first_run_is_found_in_the_data_directory(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "admin_token").write_text("made-on-the-first-run\n", "utf-8")

    assert token_from({"GATEWAY_DATA_DIR": str(tmp_path)}) == "made-on-the-first-run"
    assert token_from({"GATEWAY_DATA_DIR": str(tmp_path), "GATEWAY_ADMIN_TOKEN": "told"}) == "told"


async def test_the_crm_template_is_printed_as_it_stands(shell: Shell) -> None:
    account, number = await a_connected_account(shell)
    made = await shell.json("integrations", "create", "--account-id", account, "--instance-id", number)

    code, plain, _ = await shell("crm-template", made["id"])
    _, ready, _ = await shell("crm-template", made["id"], "--new-token", "--overlap-seconds", "60")

    urls = [ET.fromstring(text.encode()).find(".//Request") for text in (plain, ready)]  # noqa: S314 -- our own XML
    assert code is Exit.DONE
    assert [url is not None and url.get("Url", "").startswith(made["webhook_url"]) for url in urls] == [True, True]
    assert made["secret"] not in plain + ready


async def test_the_crm_template_of_an_unknown_integration_is_refused(shell: Shell) -> None:
    code, out, _ = await shell("crm-template", "int_0")

    assert (code, out) == (Exit.REFUSED, "")
