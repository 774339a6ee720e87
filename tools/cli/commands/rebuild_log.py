"""`gateway rebuild-log`: puts lost entries of the cumulative log together again. It talks to the store itself."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated
from uuid import uuid4

from cyclopts import Parameter
from pydantic import Field, SecretStr

from libs.chassis.clock import utc_now
from libs.chassis.settings import Settings
from libs.record.keys import key_ring_from
from libs.record.log_checkpoints import LogCheckpoint
from libs.store.factory import open_store
from tools.cli.commands.audit_log import checkpoints_in
from tools.cli.commands.session import CurrentSession
from tools.cli.commands.store_failures import store_failures
from tools.log_rebuild.rebuild import RebuildLog, Rebuilt
from tools.log_rebuild.tile_files import TileFiles


class RebuildSettings(Settings):
    """The settings of `gateway rebuild-log`."""

    store_url: SecretStr = Field(description="URL of the store: `mongodb://…` or `sqlite:///path`.")
    signing_keys: SecretStr = Field(description="As in console: public keys suffice; they verify the checkpoints.")


def command_from(environ: Mapping[str, str]) -> Callable[..., None]:
    """The command, with the store's URL and the keys from `environ`."""

    def rebuild_log(
        *,
        tiles: Annotated[Path | None, Parameter(help="The folder of GATEWAY_LOG_TILES, or a copy of it.")] = None,
        log_checkpoint: Annotated[
            list[Path] | None, Parameter(help="A checkpoint that somebody kept (a signed note), or the sink's file.")
        ] = None,
        session: CurrentSession,
    ) -> None:
        """Rebuild the entries of the cumulative log that the store lost, from its tiles, the folder and the chains.

        The result has the root of the last signed checkpoint, and of all before it; otherwise nothing is changed, and
        the command says where it differs. Safe to repeat, and to stop at any moment. Stop audit meanwhile.
        """
        with store_failures("Not rebuilt"):
            settings = RebuildSettings.from_environ(environ)
            known = [each for path in log_checkpoint or () for each in checkpoints_in(path)]
            rebuilt = asyncio.run(_rebuilt(settings, tiles, known))
        session.output.item(
            {"log": rebuilt.origin, "entries": rebuilt.entries, "intact": rebuilt.intact, "root": rebuilt.root}
        )

    return rebuild_log


async def _rebuilt(settings: RebuildSettings, tiles: Path | None, known: Sequence[LogCheckpoint]) -> Rebuilt:
    keys = key_ring_from(settings.signing_keys.get_secret_value()).keys
    store = await open_store(settings.store_url.get_secret_value())
    owner = f"rebuild-log-{os.getpid()}-{uuid4().hex[:8]}"
    rebuild = RebuildLog(store=store, keys=keys, files=TileFiles(tiles), known=known, clock=utc_now, owner=owner)
    try:
        return await rebuild()
    finally:
        await store.close()
