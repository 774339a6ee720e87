"""`make run`: run the whole gateway in the foreground until Ctrl-C; a process that ends is started again."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tools.broker import BrokerFailed, BrokerMissing
from tools.stack.checks import InvalidSettings, require_folder
from tools.stack.guardian import MARK, guarded, new_mark
from tools.stack.lock import AlreadyRunning, only_one
from tools.stack.ports import DOCUMENTED, PortInUse
from tools.stack.processes import StartFailed
from tools.stack.stack import SERVICES, Stack, StackPlan
from tools.stack.supervision import Supervisor

WAITING_SECONDS = 3.0
"""The interval at which a start says what it waits for."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a stop, and a closed terminal."""


def plan_from(environ: Mapping[str, str], without: Collection[str]) -> StackPlan:
    """The plan of `make run`: documented ports, state in GATEWAY_DATA_DIR, no processes of the `without` services."""
    data_dir, replicas = Path(environ.get("GATEWAY_DATA_DIR", "var")), dict.fromkeys(without, 0)
    return StackPlan(
        data_dir=data_dir,
        environ={**environ, **new_mark()},
        replicas=replicas,
        documented_ports=True,
        store_server=None,
    )


def startup_message(stack: Stack) -> str:
    """The addresses, the admin token and the data directory of a started gateway."""
    folder = stack.plan.data_dir
    token = stack.admin_token if "GATEWAY_ADMIN_TOKEN" in stack.new_secrets else f"in {folder}/secrets/admin_token"
    simulator = f"  WhatsApp simulator {stack.whatsapp_url}\n" if stack.simulator else ""
    moved = "".join(
        f"  {name:<18} {port}, kept for later runs: another program has {DOCUMENTED[name]}\n"
        for name, port in stack.moved_ports.items()
    )
    return (
        "The gateway is running.\n"
        f"  3CX webhooks       {stack.ingress_url}/integrations/3cx/webhook/<integration id>\n"
        f"  Operators' API     {stack.console_url}/api/v1\n"
        f"  Admin token        {token}\n"
        f"{simulator}"
        f"{moved}"
        f"  Logs and data      {folder}; the addresses are in {folder}/addresses, for `. {folder}/addresses`\n"
        "Ctrl-C stops everything."
    )


async def run(environ: Mapping[str, str], without: Collection[str]) -> None:
    """Start the gateway and restart what ends until a signal arrives; a second signal kills everything at once.

    Raises InvalidSettings or AlreadyRunning before anything starts.
    """
    plan = plan_from(environ, without)
    require_folder(plan.data_dir)
    with only_one(plan.data_dir, say=_say) as lock:
        stack = Stack(plan)
        stack.check()
        with guarded(plan.environ[MARK], plan.data_dir, lock=lock):
            await _run(stack)


async def _run(stack: Stack) -> None:
    stop = asyncio.Event()
    start_task = asyncio.current_task()
    _on_signals(lambda: start_task.cancel() if start_task and not stop.is_set() else None)
    try:
        async with _waiting_told(stack), stack:
            _on_signals(lambda: stack.kill() if stop.is_set() else stop.set())
            stack.write_addresses()
            print(startup_message(stack), flush=True)
            await _supervise(stack, stop)
            print("Stopping … (Ctrl-C again ends it at once)", flush=True)
    except asyncio.CancelledError:
        print("Stopped during the start.", flush=True)


def _on_signals(act: Callable[[], object]) -> None:
    for name in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(name, act)


async def _supervise(stack: Stack, stop: asyncio.Event) -> None:
    """Keep everything running until `stop` is set, also while something is being started again."""
    keeping = asyncio.create_task(Supervisor(say=_say).keep(*stack.supervised))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait((keeping, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if keeping.cancel():
        await asyncio.wait((keeping,))
    else:
        keeping.result()  # raises the defect that ended it


@asynccontextmanager
async def _waiting_told(stack: Stack) -> AsyncGenerator[None, None]:
    """Say what the start waits for while it does."""

    async def tell() -> None:
        while True:
            await asyncio.sleep(WAITING_SECONDS)
            if (sentence := waiting_for(stack)) is not None:
                _say(sentence)

    task = asyncio.create_task(tell())
    try:
        yield
    finally:
        task.cancel()


def waiting_for(stack: Stack) -> str | None:
    """A sentence about what a start waits for; None when it waits for nothing."""
    if not stack.processes:
        return "Waiting for the broker …"
    lacking = [
        f"{process.name} ({', '.join(process.missing)})" if process.missing else process.name
        for process in stack.processes
        if not process.ready
    ]
    return f"Waiting for {', '.join(lacking)} …" if lacking else None


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    """Run the gateway; when it cannot start, exit with one sentence that names the reason."""
    parser = argparse.ArgumentParser(prog="python -m tools.stack", description=__doc__)
    parser.add_argument("--without", choices=SERVICES, action="append", default=[], help="do not start this service")
    without = parser.parse_args().without
    logging.getLogger().addHandler(logging.NullHandler())  # else libraries' warnings come between the sentences
    try:
        asyncio.run(run(os.environ, without))
    except (AlreadyRunning, BrokerFailed, BrokerMissing, InvalidSettings, PortInUse, StartFailed) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
