"""`gateway confirm-clock`: says that a clock that jumped is right, so that records are purged again."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from libs.chassis.clock import utc_now
from libs.store.factory import open_store
from tools.cli.commands.migrate import MigrateSettings
from tools.cli.commands.session import CurrentSession
from tools.cli.commands.store_failures import store_failures


def command_from(environ: Mapping[str, str]) -> Callable[..., None]:
    """The command, with the store's URL from `environ`."""

    def confirm_clock(*, session: CurrentSession) -> None:
        """Accept this machine's time for purges, after you compared it with a clock outside the deployment.

        Audit purges nothing once its clock has gone on by more than a day between two looks. Needs GATEWAY_STORE_URL.
        """
        with store_failures("Not confirmed"):
            settings = MigrateSettings.from_environ(environ)
            at = asyncio.run(_confirmed(settings.store_url.get_secret_value()))
        session.output.item({"confirmed": at.isoformat()})

    return confirm_clock


async def _confirmed(url: str) -> datetime:
    store = await open_store(url)
    try:
        at = utc_now()
        await store.purge_clock.accept(at)
    finally:
        await store.close()
    return at
