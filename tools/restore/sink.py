"""Reads a file of the checkpoint sink: checkpoints, and the restore lines since the backup."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import orjson

from libs.record.checkpoints import Checkpoint
from libs.record.exports import shipped_checkpoints_from
from libs.store.backups import BackupRefused
from libs.store.restore_lines import RestoreLine, is_restore_line
from libs.store.sealer import CannotOpen, Sealer


@dataclass(frozen=True, slots=True)
class SinkContent:
    """What a sink says of a deployment."""

    checkpoints: list[Checkpoint]
    lines: list[RestoreLine]
    """Each once, in the order of their times; of one time, lifts come first."""
    is_empty: bool
    """Whether the file held nothing that audit ships, at any time."""


def sink_content(lines: Iterable[bytes], sealer: Sealer, *, since: datetime) -> SinkContent:
    """The content of a sink's file; restore lines before `since` are left out.

    Half a line, which a crash leaves, is skipped: what it held is shipped again. Raises BackupRefused for a restore
    line that cannot be opened: it may be an opt-out.
    """
    checkpoints: dict[bytes, Checkpoint] = {}
    found: dict[str, RestoreLine] = {}
    opened = 0
    for number, raw in enumerate(lines, start=1):
        try:
            body = orjson.loads(raw)
        except ValueError:
            continue
        if not is_restore_line(body):
            checkpoints |= {each.hash: each for each in shipped_checkpoints_from([raw])}
            continue
        try:
            line = RestoreLine.opened(body, sealer)
        except CannotOpen as failure:
            text = f"line {number} of the sink cannot be opened with GATEWAY_SINK_KEYS: {failure}"
            raise BackupRefused(text) from None
        opened += 1
        if line.at >= since:
            found.setdefault(line.id, line)
    is_empty = not checkpoints and not opened
    return SinkContent([*checkpoints.values()], sorted(found.values(), key=_order), is_empty)


def _order(line: RestoreLine) -> tuple[datetime, bool, str]:
    return line.at, line.kind != "suppression.lifted", line.id
