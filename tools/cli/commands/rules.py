"""`gateway rules`: what the rules in receipts decide, in every version that was ever used. No console is needed."""

from cyclopts import App

from services.policy.rules.versions import RuleVersion, rule_versions
from tools.cli.commands.session import CurrentSession
from tools.cli.console_client import CommandFailed, ExitCode

app = App(name="rules", help="The rules that receipts name, in every version.")
COLUMNS = ("name", "decides", "until")


@app.default
@app.command(name="list")
def list_(*, session: CurrentSession) -> None:
    """List every version of every rule."""
    session.output.pages([{"items": list(map(_shown, rule_versions())), "next_cursor": None}], COLUMNS)


@app.command
def show(name: str, *, session: CurrentSession) -> None:
    """Show what a rule decides, as NAME@VERSION in a receipt; NAME alone is the newest version."""
    wanted = name.replace(" ", "_")
    found = [each for each in rule_versions() if wanted in {each.name, each.rule}]
    if not found:
        raise CommandFailed(f"There is no rule {name!r}: `gateway rules` lists all of them", ExitCode.REFUSED)
    session.output.item(_shown(found[-1]))


def _shown(version: RuleVersion) -> dict[str, str | None]:
    return {"name": version.name, "decides": version.decides, "until": version.until or "it decides today"}
