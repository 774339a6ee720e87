"""The `gateway` program: parses a command line, runs one command and returns an exit code."""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from libs.chassis.version import VERSION
from tools.cli.commands import (
    accounts,
    audit,
    backup,
    chat,
    dead_letters,
    declare,
    delivery_verification,
    errors,
    event_keys,
    events,
    forwards,
    instances,
    integrations,
    migrate,
    policy,
    reports,
    restore,
    restrictions,
    subjects,
    suppressions,
    templates,
)
from tools.cli.commands import tokens as api_tokens
from tools.cli.commands.session import Session
from tools.cli.console_client import DOCUMENTED_URL, CommandFailed, ConsoleClient, ExitCode, access_from
from tools.cli.output import Output, terminal

HELP = """Operate the WhatsApp gateway for 3CX.

Calls the console at GATEWAY_CONSOLE_URL with the token in GATEWAY_ADMIN_TOKEN. Without them, calls the gateway that
`make run` runs with GATEWAY_DATA_DIR (default: var), with its token. A setting may be in a file that `<setting>_FILE`
names, such as GATEWAY_ADMIN_TOKEN_FILE. Exit codes: 0 done, 1 refused, 2 wrong usage, 3 unreachable, 4 no access.
"""

_OFFLINE = frozenset(
    {
        ("errors",),
        ("declare",),
        ("migrate",),
        ("backup",),
        ("restore",),
        ("event-keys",),
        ("verify-delivery",),
        ("audit", "check-proof"),
    }
)
"""Commands that need no console."""


def program(environ: Mapping[str, str]) -> App:
    """The application with all its commands; each command receives its session when it runs."""
    app = App(name="gateway", help=HELP, version=f"gateway {VERSION}", result_action="return_value")
    groups = (
        *(accounts.app, instances.app, integrations.app, suppressions.app, restrictions.app, templates.app),
        *(events.app, forwards.app, dead_letters.app, errors.app),
        *(policy.app, reports.app, audit.app, api_tokens.app, event_keys.app),
    )
    for group in groups:
        app.command(group)
    app.command(events.explain)
    app.command(integrations.rotate_secret)
    app.command(delivery_verification.verify_delivery)
    app.command(integrations.crm_template)
    app.command(chat.chat_setup)
    app.command(chat.chat_test)
    app.command(subjects.erase)
    app.command(subjects.subject_export)
    app.command(declare.command_from(environ), name="declare")
    app.command(migrate.command_from(environ), name="migrate")
    app.command(backup.command_from(environ), name="backup")
    app.command(restore.command_from(environ), name="restore")

    @app.meta.default
    def launch(
        *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        json: Annotated[bool, Parameter(help="Print the API's JSON.", negative="")] = False,
    ) -> None:
        command, bound, _ = app.parse_args(tokens, exit_on_error=False, print_error=True)
        if "session" in command.__annotations__:
            offline = {tokens[:1], tokens[:2]} & _OFFLINE or (tokens[:1] == ("audit",) and "--file" in tokens)
            bound.arguments["session"] = _session(environ, as_json=json, needs_console=not offline)
        command(*bound.args, **bound.kwargs)

    return app


def _session(environ: Mapping[str, str], *, as_json: bool, needs_console: bool) -> Session:
    url, token = access_from(environ) if needs_console else (DOCUMENTED_URL, "")
    return Session(ConsoleClient(url, token), Output(as_json))


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> ExitCode:
    """Run one command and return its exit code."""
    try:
        program(environ).meta(list(arguments), exit_on_error=False, print_error=True)
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
