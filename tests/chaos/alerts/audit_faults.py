"""Faults that audit has from its start on, of its signer's memory, its clock and those outside; and forged values.

Those of the start share one: audit is stopped, and started as the faults want it.
"""

import asyncio
import json
import shutil
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field

from tests.chaos.alerts.fault import Act, Expected, Fault
from tests.chaos.alerts.log_faults import chain_cut_off
from tests.chaos.alerts.process_faults import QUEUES, RECONNECTING
from tests.chaos.alerts.records_file import records, until_counted, until_there
from tests.chaos.alerts.strangers import Strangers
from tests.chaos.alerts.world import World
from tools.cli.program import run
from tools.stack.ports import free_port

DAYS_AGO = 2
PURGE_LOOKS = 300.0
"""Seconds at factor 1 between two looks at the clock."""
STARTING = QUEUES | RECONNECTING | {"GatewayServiceDown", "GatewayStoreErrors"}
"""Of audit's own start, and of another program that writes to its store."""
NEWEST = (
    "SELECT chain, number, body FROM checkpoints WHERE chain != '-' GROUP BY chain HAVING number = max(number) "
    "ORDER BY number DESC LIMIT 1"
)
PLACED = "SELECT first_index, hash FROM log_places WHERE chain = ? ORDER BY first_index DESC LIMIT 1"


@dataclass(eq=False)
class AuditStart:
    """One start of audit for all its faults; whoever begins first causes it."""

    strangers: Strangers | None = None
    _started: asyncio.Task[None] | None = None
    _things: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def begin(self, world: World) -> None:
        """Start audit anew, unless that was done."""
        if self._started is None:
            self._started = asyncio.create_task(self._start(world))
        await asyncio.shield(self._started)

    async def _start(self, world: World) -> None:
        audit = world.service("audit")
        keys = world.stack.secrets["GATEWAY_SIGNING_KEYS"]
        self.strangers = await self._things.enter_async_context(
            Strangers(world.folder.parent / "strangers", keys).serving()
        )
        world.at_end.push_async_callback(self._things.aclose)
        await audit.stop()
        shutil.rmtree(world.folder / "signer-memory")
        await asyncio.to_thread(_look_back, world)
        audit.environ |= self.strangers.settings | {
            "GATEWAY_PURGE_CHECK_SECONDS": str(PURGE_LOOKS / world.prometheus.factor),
            "GATEWAY_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        }
        audit.start()
        await audit.wait_until_ready()

    def fault(
        self,
        name: str,
        mend: Act,
        *expected: Expected,
        lasting: Sequence[Expected] = (),
    ) -> Fault:
        """A fault from this start on."""
        return Fault(
            name=name,
            prepare=_until_logged,
            begin=self.begin,
            mend=mend,
            expected=expected,
            lasting=tuple(lasting),
            companions=STARTING,
            severity="ticket",
        )


async def _nothing(world: World) -> None:
    """Nothing is there to mend."""


def _look_back(world: World) -> None:
    """Let audit's last look at the clock be some days ago, as after a jump of the clock."""
    with closing(records(world)) as connection, connection:
        at = int((time.time() - DAYS_AGO * 86_400) * 1_000_000)
        connection.execute("INSERT INTO purge_clock VALUES (1, ?) ON CONFLICT DO UPDATE SET at = excluded.at", (at,))


def faults_of_the_start() -> list[Fault]:
    """Audit starts without its memory, beside a witness, an authority and a collector that do not answer."""
    start = AuditStart()

    async def cosigned(world: World) -> None:
        assert start.strangers is not None
        start.strangers.witness.refuses = False

    async def stamped(world: World) -> None:
        assert start.strangers is not None
        start.strangers.authority.refuses = False

    async def confirmed(world: World) -> None:
        settings = {"GATEWAY_STORE_URL": world.stack.settings["GATEWAY_STORE_URL"]}
        assert await asyncio.to_thread(run, ("confirm-clock",), settings) == 0

    return [
        start.fault("witness refuses", cosigned, Expected("GatewayWitnessLags")),
        start.fault("time stamping authority refuses", stamped, Expected("GatewayTimestampsFail")),
        start.fault(
            "signer's memory lost, and collector of traces dead",
            _nothing,
            lasting=[
                Expected("GatewaySignerReset", {"cause": "absent"}),
                Expected("GatewaySpansDropped", {"service": "audit"}),
            ],
        ),
        start.fault("audit's clock jumped by two days", confirmed, Expected("GatewayPurgeStopped", {"clock": "jump"})),
        _forged_checkpoint(start),
        chain_cut_off(start.begin, companions=STARTING),
    ]


def _forged_checkpoint(start: AuditStart) -> Fault:
    """The newest checkpoint of a chain has another signature; the time counts from the signer's first refusal."""
    was: list[tuple[str, str, int]] = []

    async def prepare(world: World) -> None:
        await _until_logged(world)
        await start.begin(world)
        await until_there(world, NEWEST)
        await asyncio.to_thread(forge, world)
        await until_counted(world, "gateway_record_signer_refused_chains")

    def forge(world: World) -> None:
        with closing(records(world)) as connection, connection:
            chain, number, body = connection.execute(NEWEST).fetchone()
            was.append((body, chain, number))
            forged = json.dumps(json.loads(body) | {"signature": "00" * 64}, separators=(",", ":"))
            connection.execute(
                "UPDATE checkpoints SET body = ? WHERE chain = ? AND number = ?", (forged, chain, number)
            )

    def restore(world: World) -> None:
        with closing(records(world)) as connection, connection:
            connection.executemany("UPDATE checkpoints SET body = ? WHERE chain = ? AND number = ?", was)

    async def mend(world: World) -> None:
        await asyncio.to_thread(restore, world)

    return Fault(
        name="newest checkpoint forged",
        prepare=prepare,
        begin=_nothing,
        mend=mend,
        expected=(Expected("GatewaySignerRefuses"),),
        companions=STARTING | {"GatewayRecordTampered"},
        severity="page",
    )


def _chain(world: World) -> str:
    return world.traffic.integrations[0].account_id


async def _until_logged(world: World) -> None:
    await until_there(world, PLACED, _chain(world))
