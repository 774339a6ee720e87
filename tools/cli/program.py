"""The `gateway` program: parses a command line, runs one command and returns an exit code."""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from tools.cli.command_list import COMMANDS, called_in
from tools.cli.commands.session import STDIN, Session
from tools.cli.console_access import DOCUMENTED_URL, access_from
from tools.cli.console_client import CommandFailed, ConsoleClient, ExitCode
from tools.cli.output import Output, terminal

HELP = """Operate the WhatsApp gateway for 3CX.

Calls the console at GATEWAY_CONSOLE_URL with the token in GATEWAY_ADMIN_TOKEN. Without them, calls the gateway that
`make run` runs with GATEWAY_DATA_DIR (default: var), with its token. A setting may be in a file that `<setting>_FILE`
names, such as GATEWAY_ADMIN_TOKEN_FILE. Exit codes: 0 done, 1 refused, 2 wrong usage, 3 unreachable, 4 no access.
"""

_OFFLINE = frozenset(
    {
        ("errors",),
        ("rules",),
        ("declare",),
        ("migrate",),
        ("confirm-clock",),
        ("backup",),
        ("restore",),
        ("rebuild-log",),
        ("event-keys",),
        ("witness",),
        ("verify-delivery",),
        ("audit", "check-proof"),
    }
)
"""Commands that need no console."""


def program(environ: Mapping[str, str], called: str | None) -> App:
    """The application with the called command, which receives its session when it runs; the others are only listed."""
    app = App(name="gateway", help=HELP, version=_release, result_action="return_value")
    for each in COMMANDS:
        app.command(each.imported(environ) if each.name == called else each.listed(), name=each.name)

    @app.meta.default
    def launch(
        *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        json: Annotated[bool, Parameter(help="Print the API's JSON.", negative="")] = False,
    ) -> None:
        tokens = _with_standard_input(tokens)
        command, bound, _ = app.parse_args(tokens, exit_on_error=False, print_error=True)
        if "session" in command.__annotations__:
            offline = {tokens[:1], tokens[:2]} & _OFFLINE or (tokens[:1] == ("audit",) and "--file" in tokens)
            offline = offline or (tokens[:2] == ("reports", "verify") and any(t.startswith("--keys") for t in tokens))
            bound.arguments["session"] = _session(environ, as_json=json, needs_console=not offline)
        command(*bound.args, **bound.kwargs)

    return app


def _release() -> str:
    from libs.chassis.version import VERSION  # noqa: PLC0415 -- it searches the installed packages: a tenth of a start

    return f"gateway {VERSION}"


def _with_standard_input(tokens: Sequence[str]) -> tuple[str, ...]:
    """The tokens with `--phone -` as `--phone=-`: the parser takes a dash alone for the next option."""
    joined: list[str] = []
    for token in tokens:
        if token == STDIN and joined and joined[-1].startswith("--") and "=" not in joined[-1]:
            joined[-1] += f"={token}"
        else:
            joined.append(token)
    return tuple(joined)


def _session(environ: Mapping[str, str], *, as_json: bool, needs_console: bool) -> Session:
    url, token = access_from(environ) if needs_console else (DOCUMENTED_URL, "")
    return Session(ConsoleClient(url, token), Output(as_json))


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> ExitCode:
    """Run one command and return its exit code."""
    try:
        program(environ, called_in(arguments)).meta(list(arguments), exit_on_error=False, print_error=True)
    except CycloptsError:
        return ExitCode.USAGE
    except CommandFailed as failed:
        if "--json" in arguments:
            Output(as_json=True).item(failed.body)
        terminal(stderr=True).print(str(failed))
        return failed.code
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return ExitCode.USAGE
    return ExitCode.DONE
