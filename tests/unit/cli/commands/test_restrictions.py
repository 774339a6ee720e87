"""`gateway restrictions`."""

from libs.store.restrictions import of_business_account
from tests.builders import a_restriction
from tests.unit.cli.shell import Shell
from tests.unit.console.world import NOON
from tools.cli.console_client import ExitCode


async def test_a_restriction_is_listed_and_lifted_with_a_reason(shell: Shell) -> None:
    store = shell.world.store
    for number, subject in enumerate((None, of_business_account("1029"))):
        await store.restrictions.add(a_restriction(subject, id=f"res_{number}", since=NOON), [])

    listed = await shell.json("restrictions", "list", "--scope", "waba")
    lifted = await shell.json("restrictions", "lift", listed["items"][0]["id"], "--reason", "Meta's support agreed")
    left = await shell.json("restrictions", "list", "--account-id", "acc_1")

    assert [item["key"] for item in listed["items"]] == ["1029"]
    assert lifted["id"] == "res_1"
    assert [item["id"] for item in left["items"]] == ["res_0"]


async def test_a_lift_without_a_reason_is_wrong_usage(shell: Shell) -> None:
    code, _, _ = await shell("restrictions", "lift", "res_0")

    assert code is ExitCode.USAGE
