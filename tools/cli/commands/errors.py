"""`gateway errors`: the catalogue, explained; needs no console."""

import difflib

from cyclopts import App

from libs.contracts.errors import AnyCode, ErrorCode, OperatorCode
from tools.cli.commands.session import Given
from tools.cli.console import Exit, Failed

app = App(name="errors", help="Every error code: its cause, and what to do.")
CODES: tuple[AnyCode, ...] = (*ErrorCode, *OperatorCode)


def _told(code: AnyCode) -> dict[str, object]:
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
def explain(code: str, *, session: Given) -> None:
    """Tell what an error code means and what to do about it."""
    known = {each.value: each for each in CODES}
    if (found := known.get(code.strip().lower())) is None:
        near = difflib.get_close_matches(code.lower(), known, n=1)
        raise Failed(
            "There is no such code" + (f": did you mean {near[0]}?" if near else "; see `gateway errors list`"),
            Exit.REFUSED,
        )
    session.show.item(_told(found))


@app.command(name="list")
def list_(*, session: Given) -> None:
    """List every error code, in the order in which they are checked."""
    page = {"items": [_told(code) for code in CODES], "next_cursor": None}
    session.show.pages([page], ("code", "status", "message", "retryable"))
