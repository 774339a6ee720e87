"""`python -m tools.simulator`: runs a simulator until SIGTERM and prints one JSON line when it listens."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
from aiohttp import web

from tools.simulator.app import simulator_runner
from tools.simulator.behaviour import Behaviour, StatusPlan
from tools.simulator.simulator_state import SimulatorSettings

_PREFIX = "GATEWAY_SIMULATOR_"


def parser_from(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    """The flags; `GATEWAY_SIMULATOR_<FLAG>` sets a flag's default."""

    def default_of(flag: str, fallback: str = "") -> str:
        return environ.get(_PREFIX + flag, fallback)

    parser = argparse.ArgumentParser(prog="python -m tools.simulator", description=__doc__)
    parser.add_argument("--host", default=default_of("HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(default_of("PORT", "0")), help="0 for any free port")
    parser.add_argument("--webhook-url", action="append", help="URL for webhooks; may be repeated", metavar="URL")
    parser.add_argument(
        "--app-secret-env",
        default=default_of("APP_SECRET_ENV", "GATEWAY_WHATSAPP_APP_SECRET"),
        help="name of the environment variable with the app secret that signs webhooks; `<NAME>_FILE` may name a file",
        metavar="NAME",
    )
    parser.add_argument("--journal", default=default_of("JOURNAL"), help="file to append a line to for each message")
    parser.add_argument("--max-messages", type=int, default=int(default_of("MAX_MESSAGES", "200000")))
    parser.add_argument(
        "--phone-number-id", action="append", default=[], help="a known number; every number is known without this flag"
    )
    parser.add_argument(
        "--statuses",
        choices=["on", "off"],
        default=default_of("STATUSES", "on"),
        help="whether status webhooks follow an accepted message",
    )
    parser.set_defaults(webhook_urls=default_of("WEBHOOK_URL").split())
    return parser


def settings_from(arguments: argparse.Namespace, environ: Mapping[str, str]) -> SimulatorSettings:
    """The settings that the flags ask for."""
    return SimulatorSettings(
        app_secret=_secret(environ, arguments.app_secret_env),
        phone_number_ids=tuple(arguments.phone_number_id),
        journal=Path(arguments.journal) if arguments.journal else None,
        max_messages=arguments.max_messages,
        behaviour=Behaviour(
            webhook_urls=tuple(arguments.webhook_url or arguments.webhook_urls),
            statuses=StatusPlan(enabled=arguments.statuses == "on"),
        ),
    )


def _secret(environ: Mapping[str, str], name: str) -> str:
    if name in environ or f"{name}_FILE" not in environ:
        return environ.get(name, "")
    return Path(environ[f"{name}_FILE"]).read_text("utf-8").strip()


async def serve(settings: SimulatorSettings, *, host: str, port: int) -> None:
    """Listen, print the address, and stop on SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    runner = simulator_runner(settings)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        port = runner.addresses[0][1]
        line = {"simulator": "listening", "port": port, "url": f"http://{host}:{port}"}
        print(orjson.dumps(line).decode(), flush=True)
        await stopped.wait()
    finally:
        await runner.cleanup()


def main(argv: Sequence[str] | None = None) -> int:
    """Exit 0 after SIGTERM or SIGINT, 2 for invalid settings."""
    arguments = parser_from(os.environ).parse_args(argv)
    try:
        settings = settings_from(arguments, os.environ)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(settings, host=arguments.host, port=arguments.port))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
