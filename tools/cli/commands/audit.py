"""`gateway audit`: verify and export the record, create and check proofs of single records.

Exports are read as a stream and verified on this machine, with public keys that you can provide yourself.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from libs.record.canonical import account_of
from libs.record.checkpoints import Checkpoint
from libs.record.exports import ExportVerifier, losses_in, shipped_checkpoints_from
from libs.record.faults import VerificationResult
from libs.record.keys import PublicKeys, instant_text, key_ring_from, public_keys_from
from libs.record.log_exports import LogOfExport
from libs.record.proofs import verify_proof
from libs.record.strict_json import parsed
from tools.cli.commands import audit_log
from tools.cli.commands.session import CurrentSession, Session
from tools.cli.console_client import CommandFailed, ExitCode, path_of
from tools.cli.output import terminal

app = App(name="audit", help="Verify and export the record; create and check proofs.")
TrustedKeys = Annotated[
    str | None,
    Parameter(name="--keys", help="Trusted keys: a file of `gateway audit keys --json`, or `id:public:base64`."),
]
AccountId = Annotated[str | None, Parameter(help="Only this account's chain.")]
_CHUNK = 1 << 18


@app.command
def verify(
    account_id: AccountId = None,
    *,
    file: Annotated[Path | None, Parameter(help="An export to verify; no console is needed.")] = None,
    keys: TrustedKeys = None,
    against: Annotated[
        Path | None, Parameter(help="Shipped checkpoints (JSON lines), copied before the export.")
    ] = None,
    allow_unsealed: Annotated[
        bool, Parameter(help="Accept records without a checkpoint: those of the last minutes have none yet.")
    ] = False,
    allow_unshipped: Annotated[
        bool, Parameter(help="Accept checkpoints that were not compared with shipped ones (`--against`).")
    ] = False,
    log_checkpoint: audit_log.KeptCheckpoints = None,
    require_witness: audit_log.Witnesses = None,
    tsa_roots: audit_log.TimestampRoots = None,
    session: CurrentSession,
) -> None:
    """Verify the record and name the first fault. The exit code is 1 when there is one.

    It is 5 when nothing contradicts the record, and not enough vouches for it: records have no checkpoint (`unsealed`),
    or the newest checkpoint of a chain is not among the shipped ones (`unshipped`).
    """
    shipped = [] if against is None else _shipped_from(against, account_id)
    whole = against if account_id is None else None
    required = audit_log.requirements_from(log_checkpoint, require_witness, tsa_roots, whole)
    if file is not None:
        if keys is None:
            raise CommandFailed("--keys is needed: the keys inside an export prove nothing", ExitCode.USAGE)
        with _opened(file) as lines:
            log = LogOfExport(trusted := keys_from(keys), required.known)
            result = _verify_lines(lines, ExportVerifier(trusted, shipped, log), session)
    else:
        trusted = keys_from(keys) if keys is not None else keys_of(session.console.get("/audit/keys"))
        with session.console.lines("/audit/export", account_id=account_id) as lines:
            log = LogOfExport(trusted, required.known)
            result = _verify_lines(lines, ExportVerifier(trusted, shipped, log), session)
        if result.first_fault is not None:
            _let_console_verify(result.first_fault.chain, session)
    missing = _missing_evidence(result, allow_unsealed=allow_unsealed, allow_unshipped=allow_unshipped)
    missing += required.missing(log)
    if not missing or not result.ok or not session.output.as_json:
        _print_result(result, session)
    if missing:
        text = "Nothing contradicts the record, but " + "; ".join(missing)
        raise CommandFailed(text, ExitCode.UNSEALED, result.as_json())


@app.command
def restored(
    *,
    reason: Annotated[str, Parameter(help="Why it was restored, for the record; it must not identify a person.")],
    checkpoints: Annotated[
        Path, Parameter(name=["--checkpoints", "--sink"], help="The sink's file of shipped checkpoints, all of it.")
    ],
    account_id: AccountId = None,
    session: CurrentSession,
) -> None:
    """Record that the record was restored from a backup, so that `verify --against` says so and no longer `rewritten`.

    Names for each chain the last position that a shipped checkpoint confirms, and the shipped checkpoints of what is
    lost. Audit signs it. Run it once after a restore, before the next one; when nothing is lost, nothing is recorded.
    """
    shipped = _shipped_from(checkpoints, account_id)
    if not shipped:
        raise CommandFailed(f"{checkpoints} holds no checkpoints", ExitCode.USAGE)
    keys = keys_of(session.console.get("/audit/keys"))
    with session.console.lines("/audit/export", account_id=account_id) as lines:
        try:
            losses = losses_in(lines, shipped, keys)
        except ValueError as error:
            raise CommandFailed(f"The record cannot be compared: {error}", ExitCode.UNREACHABLE) from None
    for loss in losses:
        body = {"up_to": loss.seq, "replaced": loss.replaced, "reason": reason}
        account = account_of(loss.chain)
        session.console.post("/audit/restorations", body if account is None else body | {"account_id": account})
    stated = [{"chain": loss.chain, "up_to": loss.seq, "replaced": list(loss.replaced)} for loss in losses]
    session.output.item({"restored": stated})


@app.command
def export(output: Path, *, account_id: AccountId = None, session: CurrentSession) -> None:
    """Write records, checkpoints and public keys to a JSON lines file that can be verified offline."""
    size, line = 0, b"{}"
    try:
        with session.console.lines("/audit/export", account_id=account_id) as lines, output.open("wb") as copy:
            for line in lines:
                size += copy.write(line)
    except OSError as error:
        raise CommandFailed(f"{output} cannot be written: {error.strerror}", ExitCode.USAGE) from None
    if json.loads(line).get("kind") != "end":
        raise CommandFailed(f"The export was interrupted; {output} is incomplete", ExitCode.UNREACHABLE)
    session.output.item({"file": str(output), "bytes": size})


@app.command
def prove(
    record_id: str,
    *,
    output: Annotated[Path | None, Parameter(help="File to write to; standard output by default.")] = None,
    session: CurrentSession,
) -> None:
    """Create a proof that one record is under a checkpoint."""
    proof = json.dumps(session.console.get(path_of("audit", "proofs", record_id)), indent=2, ensure_ascii=False)
    if output is None:
        print(proof)
    else:
        output.write_text(proof + "\n", "utf-8")


@app.command
def check_proof(file: Path, *, keys: Annotated[str, Parameter(name="--keys")], session: CurrentSession) -> None:
    """Check a proof with public keys (`--keys` as for `verify`). No console is needed; a failed check exits with 1."""
    try:
        proof = parsed(file.read_bytes())
    except (OSError, ValueError):
        raise CommandFailed(f"{file} cannot be read as JSON", ExitCode.USAGE) from None
    result = verify_proof(proof if isinstance(proof, dict) else {}, keys_from(keys))
    if not result.ok:
        raise CommandFailed(f"The proof is not valid: {result.problem}", ExitCode.REFUSED, result.as_json())
    session.output.item(result.as_json())


@app.command
def log(*, session: CurrentSession) -> None:
    """Show the newest checkpoint of the cumulative log, with the witnesses' cosignatures."""
    audit_log.show(session)


@app.command
def consistency(
    kept: Path,
    *,
    keys: TrustedKeys = None,
    update: Annotated[bool, Parameter(help="Replace the kept checkpoint with the newest one.")] = False,
    session: CurrentSession,
) -> None:
    """Check that the log extends a checkpoint that you kept (a file of `gateway audit log`). It exits with 1 if not."""
    trusted = keys_from(keys) if keys is not None else keys_of(session.console.get("/audit/keys"))
    found = audit_log.checkpoints_in(kept)
    if not found:
        raise CommandFailed(f"{kept} holds no checkpoint of a log", ExitCode.USAGE)
    result = audit_log.check_consistency(max(found, key=lambda each: each.size), trusted, session)
    if update:
        audit_log.write_checkpoint(kept, result["checkpoint"])
    session.output.item(result)


@app.command(name="keys")
def keys_(*, session: CurrentSession) -> None:
    """Show the public keys. Keep a copy where nobody with access to the gateway can change it."""
    answer = session.console.get("/audit/keys")
    if session.output.as_json:
        session.output.item(answer)
    else:
        page = {"items": answer["keys"], "next_cursor": None}
        session.output.pages([page], ("id", "algorithm", "public", "retired_at"))


def _verify_lines(lines: Iterable[bytes], verifier: ExportVerifier, session: Session) -> VerificationResult:
    progress_output = terminal(stderr=True)
    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TextColumn("records"), TimeRemainingColumn())
    hidden = session.output.as_json or not progress_output.is_terminal
    with Progress(*columns, console=progress_output, transient=True, disable=hidden) as bar:
        task = bar.add_task("verifying", total=None)
        for done in verifier.feed(lines):
            bar.update(task, total=max(verifier.announced_records, done) or None, completed=done)
    return verifier.end()


def _let_console_verify(chain: str, session: Session) -> None:
    """Let the console find the fault too, so that its metrics show it and the alert comes. Not when it cannot."""
    with suppress(CommandFailed):
        session.console.get("/audit/verify", account_id=chain)


def _print_result(result: VerificationResult, session: Session) -> None:
    body = result.as_json()
    if result.first_fault is None:
        session.output.item(body if session.output.as_json else _summary_of(result))
        return
    fault = result.first_fault
    position = f"chain {fault.chain}" + ("" if fault.seq is None else f", seq {fault.seq}")
    record = "" if fault.record_id is None else f", record {fault.record_id}"
    checkpoint = "" if fault.checkpoint is None else f", checkpoint {fault.checkpoint}"
    text = f"The record has a fault. {fault.kind.value}: {position}{record}{checkpoint}: {fault.kind.meaning}"
    raise CommandFailed(text, ExitCode.REFUSED, body)


def _missing_evidence(result: VerificationResult, *, allow_unsealed: bool, allow_unshipped: bool) -> list[str]:
    """What a record without a fault lacks, and nobody accepted."""
    missing = []
    if result.unsealed and not allow_unsealed:
        missing.append(f"{result.unsealed} records have no checkpoint (--allow-unsealed accepts that)")
    if result.unshipped and not allow_unshipped:
        missing.append(
            f"the newest checkpoint of {result.unshipped} chains is not among shipped ones, see --against "
            "(--allow-unshipped accepts that)"
        )
    return missing


def _summary_of(result: VerificationResult) -> dict[str, Any]:
    """The result for people: the log and statements in words; without the fault, which there is none of."""
    body = {name: value for name, value in result.as_json().items() if name != "first_fault"}
    explained = {"restored": _restored_text(result)} if result.restorations else {}
    return body | explained | {"log": audit_log.summary_of(result.log)}


def _restored_text(result: VerificationResult) -> str:
    """A sentence for each statement that explains what is missing in comparison with the sink."""
    return "; ".join(
        f"restored at {instant_text(each.at)}: chain {each.chain}, to seq {each.seq}, because {each.reason}"
        for each in result.restorations
    )


def keys_from(given: str) -> PublicKeys:
    """Keys from a file, or from text in the format of GATEWAY_SIGNING_KEYS."""
    try:
        if Path(given).is_file():
            return keys_of(json.loads(Path(given).read_text("utf-8")))
        return key_ring_from(given).keys
    except (OSError, ValueError):
        raise CommandFailed("--keys must be a file of public keys, or `id:public:base64`", ExitCode.USAGE) from None


def keys_of(answer: Any) -> PublicKeys:
    """The keys in the console's answer, or in a file with it."""
    return public_keys_from(answer["keys"] if isinstance(answer, dict) and "keys" in answer else answer)


def _shipped_from(path: Path, account_id: str | None) -> list[Checkpoint]:
    with _opened(path) as lines:
        return [c for c in shipped_checkpoints_from(lines) if account_id in {None, c.chain}]


@contextmanager
def _opened(path: Path) -> Iterator[Iterable[bytes]]:
    try:
        with path.open("rb", buffering=_CHUNK) as lines:
            yield lines
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}", ExitCode.USAGE) from None
