"""`gateway audit`: the record's proof, verified here and not by whoever keeps the record.

The rule: what is verified is read as a stream and judged on this machine, against keys that the caller can bring along.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from libs.record.checkpoints import Checkpoint
from libs.record.exporting import ExportVerifier, shipped_from
from libs.record.faults import Verdict
from libs.record.keys import Keys, key_ring_from, keys_from
from libs.record.proofs import checked
from tools.cli.commands.session import Given, Session
from tools.cli.console import Exit, Failed, path_of
from tools.cli.showing import terminal

app = App(name="audit", help="The record's proof: verify, export, prove.")
KeysGiven = Annotated[
    str | None,
    Parameter(name="--keys", help="Trusted keys: a file of `gateway audit keys --json`, or `id:public:base64`."),
]
AccountGiven = Annotated[str | None, Parameter(help="Of this account alone.")]
_CHUNK = 1 << 18


@app.command
def verify(
    account_id: AccountGiven = None,
    *,
    file: Annotated[Path | None, Parameter(help="An export to verify; needs no console.")] = None,
    keys: KeysGiven = None,
    against: Annotated[
        Path | None, Parameter(help="Checkpoints that were shipped out (JSON lines), from before the export.")
    ] = None,
    session: Given,
) -> None:
    """Recompute the record and name the first fault; ends with 1 if there is one."""
    shipped = [] if against is None else _shipped_in(against, account_id)
    if file is not None:
        if keys is None:
            raise Failed("--keys is needed: what an export says of its own keys proves nothing", Exit.USAGE)
        with _opened(file) as lines:
            verdict = _verified(lines, _keys_from(keys), shipped, session)
    else:
        trusted = _keys_from(keys) if keys is not None else _keys_of(session.console.get("/audit/keys"))
        with session.console.lines("/audit/export", account_id=account_id) as lines:
            verdict = _verified(lines, trusted, shipped, session)
    _tell(verdict, session)


@app.command
def export(
    output: Path,
    *,
    account_id: AccountGiven = None,
    session: Given,
) -> None:
    """Write records, checkpoints and public keys to a file of JSON lines, which can be verified offline."""
    size, line = 0, b"{}"
    try:
        with session.console.lines("/audit/export", account_id=account_id) as lines, output.open("wb") as copy:
            for line in lines:
                size += copy.write(line)
    except OSError as error:
        raise Failed(f"{output} cannot be written: {error.strerror}", Exit.USAGE) from None
    if json.loads(line).get("kind") != "end":
        raise Failed(f"The export broke off; {output} is incomplete", Exit.UNREACHABLE)
    session.show.item({"file": str(output), "bytes": size})


@app.command
def prove(
    record_id: str,
    *,
    output: Annotated[Path | None, Parameter(help="Where to write it; standard output otherwise.")] = None,
    session: Given,
) -> None:
    """Make the proof that one record stands in the record."""
    told = json.dumps(session.console.get(path_of("audit", "proofs", record_id)), indent=2, ensure_ascii=False)
    if output is None:
        print(told)
    else:
        output.write_text(told + "\n", "utf-8")


@app.command
def check_proof(file: Path, *, keys: Annotated[str, Parameter(name="--keys")], session: Given) -> None:
    """Check a proof; needs no console, only the public key (`--keys` as for `verify`). Ends with 1 if it fails."""
    try:
        proof = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        raise Failed(f"{file} cannot be read as JSON", Exit.USAGE) from None
    result = checked(proof if isinstance(proof, dict) else {}, _keys_from(keys))
    if not result.ok:
        raise Failed(f"The proof does not hold: {result.problem}", Exit.REFUSED, result.shown())
    session.show.item(result.shown())


@app.command(name="keys")
def keys_(*, session: Given) -> None:
    """Show the public keys; keep a copy where whoever has the gateway cannot change it."""
    told = session.console.get("/audit/keys")
    session.show.item(told) if session.show.as_json else session.show.pages(
        [{"items": told["keys"], "next_cursor": None}], ("id", "algorithm", "public", "retired_at")
    )


def _verified(lines: Iterable[bytes], keys: Keys, shipped: Iterable[Checkpoint], session: Session) -> Verdict:
    verifier = ExportVerifier(keys, shipped)
    shown = terminal(stderr=True)
    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TextColumn("records"), TimeRemainingColumn())
    with Progress(
        *columns, console=shown, transient=True, disable=session.show.as_json or not shown.is_terminal
    ) as bar:
        task = bar.add_task("verifying", total=None)
        for done in verifier.feed(lines):
            bar.update(task, total=max(verifier.records_told, done) or None, completed=done)
    return verifier.end()


def _tell(verdict: Verdict, session: Session) -> None:
    told = verdict.shown()
    if verdict.first_fault is None:
        session.show.item(told)
        return
    fault = verdict.first_fault
    place = f"chain {fault.chain}" + ("" if fault.seq is None else f", place {fault.seq}")
    named = "" if fault.record_id is None else f", record {fault.record_id}"
    behind = "" if fault.checkpoint is None else f", checkpoint {fault.checkpoint}"
    text = f"The record is not sound. {fault.kind.value}: {place}{named}{behind}: {fault.kind.sentence}"
    raise Failed(text, Exit.REFUSED, told)


def _keys_from(given: str) -> Keys:
    """Keys from a file, or from the words of GATEWAY_SIGNING_KEYS."""
    try:
        if Path(given).is_file():
            return _keys_of(json.loads(Path(given).read_text("utf-8")))
        return key_ring_from(given).keys
    except (OSError, ValueError):
        raise Failed("--keys must be a file of public keys, or `id:public:base64`", Exit.USAGE) from None


def _keys_of(told: Any) -> Keys:
    return keys_from(told["keys"] if isinstance(told, dict) and "keys" in told else told)


def _shipped_in(path: Path, account_id: str | None) -> list[Checkpoint]:
    with _opened(path) as lines:
        return [c for c in shipped_from(lines) if account_id in {None, c.chain}]


@contextmanager
def _opened(path: Path) -> Iterator[Iterable[bytes]]:
    try:
        with path.open("rb", buffering=_CHUNK) as lines:
            yield lines
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}", Exit.USAGE) from None
