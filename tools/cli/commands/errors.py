"""`gateway errors`: the error catalogue. These commands need no console."""

import difflib

from cyclopts import App

from libs.contracts.errors import AnyCode, ErrorCode, OperatorCode
from tools.cli.commands.session import CurrentSession
from tools.cli.console_client import CommandFailed, ExitCode

app = App(name="errors", help="Error codes: cause and fix.")
CODES: tuple[AnyCode, ...] = (*ErrorCode, *OperatorCode)


def _view_of(code: AnyCode) -> dict[str, object]:
    explanation = code.explanation
    return {
        "code": code.value,
        "status": explanation.status.value,
        "message": explanation.message,
        "cause": explanation.cause,
        "fix": explanation.fix,
        "retryable": explanation.retryable,
    }


@app.command
def explain(code: str, *, session: CurrentSession) -> None:
    """Show an error code's cause and fix."""
    known = {each.value: each for each in CODES}
    if (found := known.get(code.strip().lower())) is None:
        near = difflib.get_close_matches(code.lower(), known, n=1)
        hint = f": did you mean {near[0]}?" if near else "; see `gateway errors list`"
        raise CommandFailed(f"Unknown error code{hint}", ExitCode.REFUSED)
    session.output.item(_view_of(found))


@app.command(name="list")
def list_(*, session: CurrentSession) -> None:
    """List every error code, in the order in which the gateway checks them."""
    page = {"items": [_view_of(code) for code in CODES], "next_cursor": None}
    session.output.pages([page], ("code", "status", "message", "retryable"))
