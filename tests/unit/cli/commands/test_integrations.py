"""`gateway integrations`, `gateway rotate-secret` and `gateway crm-template`."""

from pathlib import Path
from xml.etree import ElementTree as ET

from tests.unit.cli.shell import Shell, a_connected_account
from tools.cli.console_client import ExitCode


async def test_a_new_integration_prints_its_url_and_its_secret_once(shell: Shell) -> None:
    account, number = await a_connected_account(shell)

    code, out, _ = await shell("integrations", "create", "--account-id", account, "--instance-id", number)
    (made,) = (await shell.json("integrations", "list"))["items"]
    shown = await shell.json("integrations", "show", made["id"])

    assert code is ExitCode.DONE
    assert "Shown only once" in out
    assert f"webhook_url: {made['webhook_url']}" in out
    assert "secret" not in shown


async def test_every_field_of_an_integration_can_be_set(shell: Shell, tmp_path: Path) -> None:
    account, number = await a_connected_account(shell)
    hours = tmp_path / "hours.json"
    hours.write_text('{"business_hours": {"zone": "Asia/Riyadh", "weekly": {}}, "dialect": "k2m"}', "utf-8")

    made = await shell.json(
        *("integrations", "create", "--account-id", account, "--instance-id", number, "--file", str(hours)),
        *("--allowed-ip", "203.0.113.7", "--allowed-ip", "10.0.0.0/8", "--extension-role", "800=queue"),
        *("--template", "missed_call=Hello = {{queue}}", "--no-strict-window", "--dialect", "native"),
        *("--number-format", "national"),
    )
    cleared = await shell.json("integrations", "edit", made["id"], "--allowed-ip", "any")

    assert made["allowed_ips"] == ["203.0.113.7", "10.0.0.0/8"]
    assert made["templates"] == {"missed_call": {"enabled": True, "text": "Hello = {{queue}}"}}
    assert (made["extension_roles"], made["strict_window"], made["dialect"]) == ({"800": "queue"}, False, "native")
    assert made["number_format"] == "national"
    assert made["business_hours"]["zone"] == "Asia/Riyadh"
    assert cleared["allowed_ips"] == []


async def test_a_rotated_secret_is_printed(shell: Shell) -> None:
    account, number = await a_connected_account(shell)
    made = await shell.json("integrations", "create", "--account-id", account, "--instance-id", number)

    rotated = await shell.json("rotate-secret", made["id"], "--overlap-seconds", "60")

    assert rotated["secret"] != made["secret"]
    assert rotated["old_valid_until"] is not None


async def test_the_crm_template_is_printed_unchanged(shell: Shell) -> None:
    account, number = await a_connected_account(shell)
    made = await shell.json("integrations", "create", "--account-id", account, "--instance-id", number)

    code, plain, _ = await shell("crm-template", made["id"])
    _, ready, _ = await shell("crm-template", made["id"], "--new-token", "--overlap-seconds", "60")

    urls = [ET.fromstring(text.encode()).find(".//Request") for text in (plain, ready)]  # noqa: S314 -- our own XML
    assert code is ExitCode.DONE
    assert [url is not None and url.get("Url", "").startswith(made["webhook_url"]) for url in urls] == [True, True]
    assert made["secret"] not in plain + ready


async def test_the_crm_template_of_an_unknown_integration_is_refused(shell: Shell) -> None:
    code, out, _ = await shell("crm-template", "int_0")

    assert (code, out) == (ExitCode.REFUSED, "")
