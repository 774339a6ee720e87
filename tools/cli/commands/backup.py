"""`gateway backup`: copies the store while services use it. It talks to the store, not to the console."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated
from uuid import uuid4

from cyclopts import Parameter
from pydantic import Field, SecretStr, field_validator

from libs.chassis.clock import utc_now
from libs.chassis.settings import Settings
from libs.chassis.version import VERSION
from libs.contracts.connection_urls import require_store_url
from libs.record.keys import PublicKeys, key_ring_from
from libs.store.backup_retention import remove_interrupted, remove_old
from libs.store.backups import (
    MANIFEST,
    STORE,
    SUBJECTS,
    Manifest,
    digest_of,
    new_backup,
    new_files,
    write_manifest,
)
from libs.store.factory import copy_store
from libs.store.migration import Say
from tools.cli.commands.session import CurrentSession
from tools.cli.commands.store_failures import store_failures
from tools.cli.console_client import CommandFailed, ExitCode


class BackupSettings(Settings):
    """The settings of `gateway backup`."""

    store_url: SecretStr = Field(description="URL of the store: `mongodb://…` or `sqlite:///path`.")
    signing_keys: SecretStr | None = Field(
        default=None, description="As in audit; only the public keys are in the backup. `id:public:base64` suffices."
    )

    @field_validator("store_url")
    @classmethod
    def _is_store(cls, value: SecretStr) -> SecretStr:
        require_store_url(value.get_secret_value())
        return value

    @property
    def keys(self) -> PublicKeys:
        """The public keys of the record; none when they are not set."""
        return {} if self.signing_keys is None else key_ring_from(self.signing_keys.get_secret_value()).keys


def command_from(environ: Mapping[str, str]) -> Callable[..., None]:
    """The command, with the store's URL from `environ`."""

    def backup(
        folder: Path,
        *,
        timestamped: Annotated[
            bool, Parameter(help="Make a folder named after the time (UTC) in FOLDER.", negative="")
        ] = False,
        keep: Annotated[int | None, Parameter(help="With --timestamped: how many backups to keep in FOLDER.")] = None,
        session: CurrentSession,
    ) -> None:
        """Copy the store to FOLDER while the services run. FOLDER must not exist: nothing is overwritten.

        The persons' keys are in FOLDER/subjects, an archive of its own; with --timestamped, archives older than 30 days
        are removed from earlier backups. Secret keys are in no backup: keep them elsewhere. A run that was killed
        leaves a folder with a name in .partial, which the next run removes. Needs GATEWAY_STORE_URL;
        GATEWAY_SIGNING_KEYS for the public keys.
        """
        if keep is not None and (keep < 1 or not timestamped):
            raise CommandFailed("--keep needs --timestamped, and at least 1", ExitCode.USAGE)
        say = (lambda _: None) if session.output.as_json else _print
        target = folder / f"{utc_now():%Y-%m-%dT%H%M%SZ}" if timestamped else folder
        with store_failures("Not backed up"):
            settings = BackupSettings.from_environ(environ)
            if timestamped:  # before: they may hold the space that this backup needs
                remove_interrupted(folder, say)
            manifest = asyncio.run(_backed_up(settings, target, say))
            if timestamped:
                remove_old(folder, utc_now(), keep=keep, say=say)
        session.output.item(_shown(target, manifest))

    return backup


async def _backed_up(settings: BackupSettings, target: Path, say: Say) -> Manifest:
    with new_backup(target) as folder:
        copied = await copy_store(
            settings.store_url.get_secret_value(), folder / STORE, folder / SUBJECTS, say, clock=utc_now
        )
        manifest = Manifest(
            backup_id=str(uuid4()),
            kind=copied.kind,
            taken_at=copied.taken_at,
            schema=copied.schema,
            release=VERSION,
            consistent=copied.consistent,
            keys=[key.as_json() for key in settings.keys.values()],
            chains=copied.chains,
            files=new_files(folder / STORE),
        )
        subjects = Manifest(
            backup_id=manifest.backup_id,
            kind=copied.kind,
            taken_at=copied.taken_at,
            schema=copied.schema,
            release=VERSION,
            files=new_files(folder / SUBJECTS),
        )
        write_manifest(folder / SUBJECTS, subjects)
        write_manifest(folder, manifest)
    return manifest


def _shown(target: Path, manifest: Manifest) -> dict[str, object]:
    return {
        "backup": str(target),
        "taken_at": manifest.taken_at.isoformat(),
        "one_moment": manifest.consistent,
        "records": sum(chain.seq for chain in manifest.chains),
        "manifest_sha256": digest_of(target / MANIFEST),
    }


def _print(line: str) -> None:
    print(line, flush=True)
