"""Plays many cases at once, step by step, so that a running gateway serves all of them within a minute."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from tests.e2e.cases.bodies import Case
from tests.e2e.cases.outside import skipped_parts, wait_until_at_rest
from tests.e2e.cases.player import Player, World

AT_ONCE = 6
"""Steps done at the same time: few enough that every answer comes within the gateway's reply timeout."""


async def play(world: World, cases: Iterable[Case]) -> dict[str, list[str]]:
    """What differs in each case, by its name.

    Step by step: every case does its first step, the gateway comes to rest, everything is compared; then the second
    step. Cases that compare metrics are played one after the other.
    """
    players = [Player(world, case) for case in cases]
    await _all_of(players, Player.set_up)
    await wait_until_at_rest(world.gateway)
    together = [player for player in players if not player.case.needs_metrics]
    for group in [together, *([player] for player in players if player.case.needs_metrics)]:
        for index in range(max((len(player.case.steps) for player in group), default=0)):
            await _play_step(world, [player for player in group if index < len(player.case.steps)], index)
    return {player.case.name: player.wrong for player in players}


async def _play_step(world: World, players: Sequence[Player], index: int) -> None:
    before = await skipped_parts(world.gateway)
    await _all_of(players, lambda player: player.do(player.case.steps[index]))
    await wait_until_at_rest(world.gateway)
    after = await skipped_parts(world.gateway)
    skipped = {reason: count - before.get(reason, 0) for reason, count in after.items()}
    await _all_of(players, lambda player: player.compare(index, skipped))


async def _all_of(players: Sequence[Player], act: Callable[[Player], Awaitable[None]]) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(player: Player) -> None:
        async with slots:
            await act(player)

    await asyncio.gather(*(one(player) for player in players))
