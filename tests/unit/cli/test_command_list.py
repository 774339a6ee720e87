"""The list of commands: it says what the commands say, and a start imports what the called command needs, no more."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import orjson
import pytest

from tools.cli.command_list import COMMANDS, ListedCommand, called_in
from tools.cli.program import program, run

ROOT: Final = Path(__file__).parents[3]
NAMES: Final = [each.name for each in COMMANDS]
PROGRAM: Final = {"cyclopts", "rich"}
RECORD: Final = frozenset({"cryptography", "orjson", "rfc3161_client", "libs.record"})
SETTINGS: Final = frozenset({"phonenumbers", "pydantic", "libs.chassis", "libs.contracts"})
STORE: Final = SETTINGS | {"cryptography", "orjson", "prometheus_client", "libs.record", "libs.store"}
"""Without the stores' drivers: the chosen one is imported when it is opened."""
MAY_IMPORT: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("suppressions", "consents"), frozenset({"services.console"})),
    **dict.fromkeys(("errors", "policy", "events", "explain"), frozenset({"libs.contracts"})),
    **dict.fromkeys(("audit", "reports"), RECORD),
    **dict.fromkeys(("migrate", "confirm-clock", "backup"), STORE),
    "restore": STORE | {"aiohttp", "jinja2", "libs.providers", "services.console"},
    "rebuild-log": STORE | {"rfc3161_client", "services.audit"},
    "declare": SETTINGS | {"aio_pika", "aiohttp", "opentelemetry", "orjson", "prometheus_client", "structlog"},
    "rules": frozenset({"cryptography", "jinja2", "orjson", "phonenumbers", "pydantic"})
    | {"libs.contracts", "libs.store", "services.policy"},
    "verify-delivery": frozenset({"standardwebhooks", "libs.contracts"}),
    "witness": frozenset({"aiohttp", "cryptography", "libs.record"}),
    "event-keys": SETTINGS,
}
"""What a command may import beside PROGRAM: dependencies, and packages of the services. The others: neither."""
SHARED: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("integrations", "rotate-secret", "crm-template"), frozenset({"accounts"})),
    **dict.fromkeys(("suppressions", "consents"), frozenset({"imports"})),
    **dict.fromkeys(("backup", "restore"), frozenset({"store_failures"})),
    "confirm-clock": frozenset({"migrate", "store_failures"}),
    "rebuild-log": frozenset({"audit_log", "store_failures"}),
    "audit": frozenset({"audit_log"}),
    "reports": frozenset({"audit", "audit_log"}),
}
"""The modules of commands that a command takes something from, beside `session`."""
EVERY_START: Final = """
import json, os, sys
from tools.cli.command_list import COMMANDS
from tools.cli.program import program
for name in (None, *(each.name for each in COMMANDS)):
    if os.fork() == 0:
        program({}, name)
        print(json.dumps([name or "", list(sys.modules)]), flush=True)
        os._exit(0)
    os.wait()
"""
"""Each command is imported by a fork of a process that has imported the program alone."""


@pytest.fixture(scope="module")
def modules() -> Mapping[str, list[str]]:
    """The modules that a start has imported, by the command that it calls; by no name when it calls none."""
    output = subprocess.run([sys.executable, "-c", EVERY_START], capture_output=True, check=True, cwd=ROOT).stdout
    return dict(map(orjson.loads, output.splitlines()))


def watched_in(modules: Iterable[str]) -> set[str]:
    """The project's dependencies, and the packages of its services and libraries, that these modules belong to."""
    declared: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    names = {re.split("[=><]", each)[0].replace("-", "_") for each in declared} | {"opentelemetry"}
    own = {".".join(each.split(".")[:2]) for each in modules if each.startswith(("libs.", "services."))}
    return own | {each for each in modules if each in names}


def commands_in(modules: Iterable[str]) -> set[str]:
    start = "tools.cli.commands."
    return {each.removeprefix(start) for each in modules if each.startswith(start)} - {"session"}


@pytest.mark.parametrize("name", ["", *NAMES])
def test_a_start_imports_what_its_command_needs(modules: Mapping[str, list[str]], name: str) -> None:
    imported = watched_in(modules[name])

    assert imported - PROGRAM - MAY_IMPORT.get(name, frozenset()) == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_start_imports_no_other_command(modules: Mapping[str, list[str]], name: str) -> None:
    own = next(each.place.partition(".")[0] for each in COMMANDS if each.name == name)

    assert commands_in(modules[name]) == {own} | SHARED.get(name, set())


def test_a_start_without_a_command_imports_none(modules: Mapping[str, list[str]]) -> None:
    assert commands_in(modules[""]) == set()


@pytest.mark.parametrize("listed", COMMANDS, ids=NAMES)
def test_the_list_says_what_the_command_says(listed: ListedCommand) -> None:
    command = program({}, listed.name)[listed.name]

    assert " ".join(command.help.split("\n\n")[0].split()) == listed.help


def test_every_module_of_commands_is_in_the_list() -> None:
    files = {path.stem for path in (ROOT / "tools/cli/commands").glob("*.py")} - {"__init__", "session"}

    assert files == {each.place.partition(".")[0] for each in COMMANDS} | set().union(*SHARED.values())


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"], {})

    assert set(NAMES) <= set(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("tokens", "called"),
    [
        pytest.param(["accounts", "list", "--json"], "accounts", id="the first token"),
        pytest.param(["--json", "accounts", "list"], "accounts", id="behind an option"),
        pytest.param(["--help", "accounts"], "accounts", id="whose help is asked for"),
        pytest.param(["errors", "explain", "audit"], "errors", id="not a value that is called as a command is"),
        pytest.param(["acounts", "list"], None, id="a name that is mistyped"),
        pytest.param(["--version"], None, id="none"),
    ],
)
def test_the_called_command_is_the_first_that_is_named(tokens: list[str], called: str | None) -> None:
    assert called_in(tokens) == called
