"""`python -m tools.manifests`: the secrets of overlays that bring their own, and the checks of all overlays.

`secrets local` makes what `kubectl apply -k deploy/k8s/overlays/local` reads. `check` renders every overlay and checks
it against the schemas of four releases of Kubernetes and the policies of checkov.
"""

import argparse
import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.manifests.secrets import STORES, NotRotated, SecretFiles

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {path.parent.name: path for path in STORES}
"""The folder of secrets below deploy by the overlay, or the component, that reads it."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m tools.manifests", description=__doc__)
    commands = found.add_subparsers(dest="command", required=True)
    make = commands.add_parser("secrets", help="make what is missing; what exists stays")
    make.add_argument("overlay", choices=sorted(FOLDERS))
    make.add_argument("--rotate", action="append", default=[], metavar="NAME", help="make one anew; may be repeated")
    make.add_argument("--store-url", metavar="URL", help="another store than the overlay's own")
    make.add_argument("--root", type=Path, metavar="FOLDER", help="deploy/k8s or a copy of it")
    commands.add_parser("check", help="render all overlays and check them")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Exit 0 when all is well, 1 for findings, 2 for what cannot be made or checked."""
    arguments = parser().parse_args(argv)
    return _make_secrets(arguments) if arguments.command == "secrets" else _check()


def _check() -> int:
    from tools.manifests.all_checks import FAILURES, check_overlays  # noqa: PLC0415 -- needs what only developers install

    try:
        return 0 if check_overlays() else 1
    except FAILURES as error:
        print(error, file=sys.stderr)
        return 2


def _make_secrets(arguments: argparse.Namespace) -> int:
    path = FOLDERS[arguments.overlay]
    k8s: Path = arguments.root or ROOT / "deploy" / "k8s"
    files = SecretFiles(k8s / path.relative_to("k8s"), store_url=arguments.store_url or STORES[path])
    now = dt.datetime.now(dt.UTC)
    new = files.make(now)
    try:
        for name in arguments.rotate:
            files.rotate(name, now)
    except NotRotated as refused:
        print(refused, file=sys.stderr)
        return 2
    print(f"{files.folder}: {len(new)} new, {len(arguments.rotate)} made anew")
    return 0


if __name__ == "__main__":
    sys.exit(main())
