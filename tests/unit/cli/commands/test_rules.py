"""`gateway rules`: every version that a receipt may name."""

from tests.unit.cli.shell import Shell
from tools.cli.console_client import ExitCode


async def test_a_rule_of_a_receipt_is_looked_up_by_name_and_version(shell: Shell) -> None:
    shown = await shell.json("rules", "show", "window_is_open@2")

    assert "template may be sent instead" in shown["decides"]
    assert shown["until"].startswith("version 3")


async def test_a_name_alone_is_the_version_of_today(shell: Shell) -> None:
    shown = await shell.json("rules", "show", "customer has not opted out")

    assert shown["name"] == "customer_has_not_opted_out@1"
    assert shown["until"] == "it decides today"


async def test_rules_that_were_replaced_are_listed_too(shell: Shell) -> None:
    _, out, _ = await shell("rules")

    assert "text_is_present@1" in out


async def test_an_unknown_version_is_refused(shell: Shell) -> None:
    code, _, err = await shell("rules", "show", "window_is_open@99")

    assert code is ExitCode.REFUSED
    assert "gateway rules" in err
