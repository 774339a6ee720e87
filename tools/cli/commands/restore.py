"""`gateway restore`: makes an empty store from a backup. It talks to the store, not to the console."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from pydantic import Field, SecretStr

from libs.chassis.settings import Settings
from libs.contracts.identity import Pseudonyms
from libs.record.keys import key_ring_from
from libs.store.backups import manifest_in
from libs.store.restored_store import AlreadyRestored
from libs.store.sealer import sealer_from
from tools.cli.commands.session import CurrentSession
from tools.cli.commands.store_failures import store_failures
from tools.restore.restore import Restore, Restored, RestoreKeys


class RestoreSettings(Settings):
    """The settings of `gateway restore`: the deployment's own, none of which is in a backup."""

    store_url: SecretStr = Field(description="URL of the empty store.")
    hash_key: SecretStr = Field(description="As in every service.")
    secret_keys: SecretStr = Field(description="As in console.")
    post_keys: SecretStr = Field(description="As in console.")
    sink_keys: SecretStr = Field(description="As in audit: opens the lines of the sink.")
    do_not_contact_keys: SecretStr = Field(description="As in console.")
    signing_keys: SecretStr = Field(description="As in console: public keys suffice; they verify the record.")

    @property
    def keys(self) -> RestoreKeys:
        """The keys. Raises ValueError, whose message repeats none."""
        return RestoreKeys(
            trusted=key_ring_from(self.signing_keys.get_secret_value()).keys,
            pseudonyms=Pseudonyms(self.hash_key.get_secret_value().encode()),
            secrets=sealer_from(self.secret_keys.get_secret_value()),
            posts=self.post_keys.get_secret_value(),
            do_not_contact=sealer_from(self.do_not_contact_keys.get_secret_value()).keys,
            sink=sealer_from(self.sink_keys.get_secret_value()),
        )


def command_from(environ: Mapping[str, str]) -> Callable[..., None]:
    """The command, with the store's URL and the keys from `environ`."""

    def restore(
        folder: Path,
        *,
        sink: Annotated[str, Parameter(help="The checkpoint sink's file (JSON lines), all of it.")],
        verify: Annotated[bool, Parameter(help="The record is verified in any case.", negative="")] = True,
        allow_loss: Annotated[
            str | None, Parameter(help="Why records that the sink confirms are lost; for the record.")
        ] = None,
        without_subjects: Annotated[
            bool, Parameter(help="Restore without the persons' keys: all records become anonymous.", negative="")
        ] = False,
        session: CurrentSession,
    ) -> None:
        """Restore the backup in FOLDER to the empty store of GATEWAY_STORE_URL, while no service runs.

        Verifies the files and the record; applies again the opt-outs and erasures that the sink has since the backup;
        leaves a statement of what is lost, which audit signs when it starts. Safe to repeat after a crash at any step.
        """
        del verify
        say = (lambda _: None) if session.output.as_json else _print
        with store_failures("Not restored"):
            settings = RestoreSettings.from_environ(environ)
            run = Restore(
                url=settings.store_url.get_secret_value(),
                backup=folder,
                sink=Path(sink.removeprefix("file:")),
                keys=settings.keys,
                say=say,
                allow_loss=allow_loss,
                without_subjects=without_subjects,
            )
            try:
                shown = _shown(asyncio.run(run()))
            except AlreadyRestored:
                shown = {"already_restored": manifest_in(folder).backup_id}
        session.output.item(shown)

    return restore


def _shown(restored: Restored) -> dict[str, object]:
    return {
        "records": restored.records,
        "suppressions_applied": restored.suppressions,
        "erasures_applied": restored.erasures,
        "lost": [{"chain": each.chain, "up_to": each.seq, "replaced": list(each.replaced)} for each in restored.losses],
    }


def _print(line: str) -> None:
    print(line, flush=True)
