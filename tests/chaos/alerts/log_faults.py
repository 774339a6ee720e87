"""A fault that the cumulative log tells of: a chain is shorter than what was logged of it."""

import asyncio
from collections.abc import Set as AbstractSet
from contextlib import closing
from typing import Any

from tests.chaos.alerts.fault import Act, Expected, Fault
from tests.chaos.alerts.records_file import records, until_there
from tests.chaos.alerts.world import World
from tests.e2e.driver import Integration

LOGGED = "SELECT seq FROM chains WHERE seq = (SELECT max(last) FROM log_places WHERE chain = ?) AND chain = ?"
"""A row when the log has the whole chain."""
NEWEST = "SELECT * FROM records WHERE account_id = ? ORDER BY chain_seq DESC LIMIT 1"
END = "SELECT seq, hash FROM chains WHERE chain = ?"


def chain_cut_off(start: Act, *, companions: AbstractSet[str]) -> Fault:
    """The last record of a quiet account is deleted, and the end of its chain is set back; the mend puts both back.

    `start` is what has to be over before, because audit compares in each round and must not end meanwhile.
    """
    used: list[Integration] = []
    was: list[tuple[tuple[Any, ...], tuple[Any, ...]]] = []

    async def prepare(world: World) -> None:
        used.append(await world.gateway.create_integration())
        chain = used[-1].account_id
        await until_there(world, LOGGED, chain, chain)
        await start(world)

    def cut_off(world: World, chain: str) -> None:
        with closing(records(world)) as connection, connection:
            record, end = connection.execute(NEWEST, (chain,)).fetchone(), connection.execute(END, (chain,)).fetchone()
            was.append((record, end))
            connection.execute("DELETE FROM records WHERE seq = ?", record[:1])
            connection.execute(
                "UPDATE chains SET (seq, hash) = (SELECT chain_seq, hash FROM records WHERE account_id = :chain "
                "ORDER BY chain_seq DESC LIMIT 1) WHERE chain = :chain",
                {"chain": chain},
            )

    def put_back(world: World) -> None:
        with closing(records(world)) as connection, connection:
            for record, end in was:
                places = ", ".join("?" * len(record))
                connection.execute(f"INSERT INTO records VALUES ({places})", record)  # noqa: S608 -- question marks
                connection.execute("UPDATE chains SET seq = ?, hash = ? WHERE chain = ?", (*end, used[-1].account_id))

    async def begin(world: World) -> None:
        await asyncio.to_thread(cut_off, world, used[-1].account_id)

    async def mend(world: World) -> None:
        await asyncio.to_thread(put_back, world)

    return Fault(
        name="end of a logged chain deleted",
        prepare=prepare,
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayLogRefused"),),
        companions=frozenset(companions) | {"GatewayRecordTampered"},
        severity="page",
    )
