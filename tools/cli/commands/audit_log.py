"""`gateway audit log` and `gateway audit consistency`: the cumulative log, and that it only grew.

Also what `gateway audit verify` asks of the log: kept checkpoints, witnesses and timestamps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cryptography.x509 import load_pem_x509_certificates
from cyclopts import Parameter
from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

from libs.record.keys import PublicKeys, instant_text
from libs.record.log_checkpoints import LogCheckpoint, log_checkpoint_from
from libs.record.log_exports import LogOfExport, shipped_log_checkpoints_from
from libs.record.log_proofs import consistency_problem
from libs.record.signed_notes import COSIGNATURE, NoteKey
from tools.cli.commands.session import Session
from tools.cli.console_client import CommandFailed, ExitCode

KeptCheckpoints = Annotated[
    list[Path] | None,
    Parameter(
        name="--log-checkpoint",
        help="A checkpoint of the cumulative log that you or a witness kept (a signed note), or a sink's file. "
        "The log must extend it.",
    ),
]
Witnesses = Annotated[
    list[str] | None,
    Parameter(name="--require-witness", help="The verifier key of a witness that must have cosigned the log."),
]
TimestampRoots = Annotated[
    Path | None,
    Parameter(name="--tsa-roots", help="PEM file of root certificates: the log must have a timestamp of theirs."),
]


@dataclass(frozen=True, slots=True)
class LogRequirements:
    """What a verification asks of the log."""

    known: Sequence[LogCheckpoint] = ()
    kept: Sequence[LogCheckpoint] = ()
    """Those of `known` that must be of this log."""
    witnesses: Sequence[NoteKey] = ()
    roots: Path | None = None

    def missing(self, log: LogOfExport) -> list[str]:
        """What the log lacks, as texts."""
        found = [f"no cosignature of {key.name}" for key in self.witnesses if log.cosigned_at(key) is None]
        origin = (log.as_json() or {}).get("origin")
        found += [f"the log is not {name}, of which a checkpoint was kept" for name in self._kept_origins() - {origin}]
        if self.roots is not None and (problem := _timestamp_problem(log, self.roots)) is not None:
            found.append(problem)
        return found

    def _kept_origins(self) -> set[str]:
        return {each.origin for each in self.kept}


def requirements_from(
    kept: Sequence[Path] | None, witnesses: Sequence[str] | None, roots: Path | None, against: Path | None
) -> LogRequirements:
    """The requirements of a command line. Raises CommandFailed."""
    try:
        keys = tuple(map(NoteKey.from_vkey, witnesses or ()))
    except ValueError as error:
        raise CommandFailed(f"--require-witness: {error}", ExitCode.USAGE) from None
    if any(key.type != COSIGNATURE for key in keys):
        raise CommandFailed("--require-witness needs a key for cosignatures (type 4)", ExitCode.USAGE)
    own = [each for path in kept or () for each in checkpoints_in(path)]
    shipped = [] if against is None else checkpoints_in(against)
    return LogRequirements([*own, *shipped], own, keys, roots)


def checkpoints_in(path: Path) -> list[LogCheckpoint]:
    """The log's checkpoints in a file: one signed note, or the lines of a sink. Raises CommandFailed."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}", ExitCode.USAGE) from None
    try:
        return [log_checkpoint_from(content.decode())]
    except ValueError:
        return shipped_log_checkpoints_from(content.splitlines())


def summary_of(findings: Mapping[str, Any] | None) -> str:
    """What a verification found of the log, as a sentence."""
    if findings is None:
        return "none: not in this export, or not begun yet"
    entries, signed, waiting = findings["entries"], findings["signed"], findings["unlogged"]
    until = "" if findings["at"] is None else f", the last at {instant_text(findings['at'])}"
    later = "" if signed == entries else f", the last {entries - signed} not under a checkpoint"
    return f"{findings['origin']} with {entries} entries{until}{later}; records not in it yet: {waiting}"


def show(session: Session) -> None:
    """Print the newest checkpoint, or everything with `--json`."""
    answer = session.console.get("/audit/log")
    if session.output.as_json:
        session.output.item(answer)
    else:
        print(answer["checkpoint"], end="")


def check_consistency(old: LogCheckpoint, keys: PublicKeys, session: Session) -> dict[str, Any]:
    """What the console's proof shows. Raises CommandFailed when the log does not extend `old`."""
    proof = session.console.get("/audit/log/consistency", old=str(old.size))
    problem = consistency_problem(old, proof, keys)
    if problem is not None:
        raise CommandFailed(f"Not consistent: {problem}", ExitCode.REFUSED, {"ok": False, "problem": problem})
    return {"ok": True, "old": old.size, "size": proof["size"], "checkpoint": proof["checkpoint"]}


def write_checkpoint(path: Path, note: str) -> None:
    """Keep a checkpoint for the next comparison."""
    try:
        path.write_text(note, "utf-8")
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror}", ExitCode.USAGE) from None


def _timestamp_problem(log: LogOfExport, roots: Path) -> str | None:
    stamped = log.newest_timestamp()
    if stamped is None:
        return "no timestamp (RFC 3161)"
    note, answer = stamped
    builder = VerifierBuilder()
    try:
        for root in load_pem_x509_certificates(roots.read_bytes()):
            builder = builder.add_root_certificate(root)
        builder.build().verify_message(decode_timestamp_response(answer), log_signed_text(note).encode())
    except (OSError, ValueError, VerificationError):
        return "no timestamp (RFC 3161) that these root certificates verify"
    return None


def log_signed_text(note: str) -> str:
    """The checkpoint as the log signed it, before witnesses added their signatures: what is timestamped."""
    checkpoint = log_checkpoint_from(note)
    own = [each for each in checkpoint.note.signatures if each.name == checkpoint.origin]
    return checkpoint.note.text + "\n" + "".join(each.line for each in own)
