"""The `gateway` program: parses a command line, runs one command and returns an exit code."""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from libs.chassis.version import VERSION
from tools.cli.commands import (
    accounts,
    approvals,
    audit,
    backup,
    chat,
    confirm_clock,
    consents,
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
    rebuild_log,
    reports,
    restore,
    restrictions,
    rules,
    subjects,
    suppressions,
    templates,
    witness,
)
from tools.cli.commands import tokens as api_tokens
from tools.cli.commands.session import STDIN, Session
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


def program(environ: Mapping[str, str]) -> App:
    """The application with all its commands; each command receives its session when it runs."""
    app = App(name="gateway", help=HELP, version=f"gateway {VERSION}", result_action="return_value")
    groups = (
        *(
            accounts.app,
            approvals.app,
            instances.app,
            integrations.app,
            suppressions.app,
            consents.app,
            restrictions.app,
            templates.app,
        ),
        *(events.app, forwards.app, dead_letters.app, errors.app),
        *(policy.app, rules.app, reports.app, audit.app, witness.app, api_tokens.app, event_keys.app),
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
    app.command(confirm_clock.command_from(environ), name="confirm-clock")
    app.command(backup.command_from(environ), name="backup")
    app.command(restore.command_from(environ), name="restore")
    app.command(rebuild_log.command_from(environ), name="rebuild-log")

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
