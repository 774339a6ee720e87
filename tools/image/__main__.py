"""`python -m tools.image IMAGE OUT.tar`: builds an image without Docker and writes it as a docker archive."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.image.archive import write_archive
from tools.image.cache import Cache
from tools.image.chroot import StepError
from tools.image.dockerfile import DockerfileError
from tools.image.images import CACHE, CHECKOUT, NAMES, commit_of, image_of


def main(argv: Sequence[str]) -> int:
    """Exit 0 when the archive is written, 1 when a step failed, 2 when the machine lacks something."""
    parser = argparse.ArgumentParser(prog="python -m tools.image", description=__doc__)
    parser.add_argument("image", choices=sorted(NAMES))
    parser.add_argument("out", type=Path, help="the file to write")
    parser.add_argument("--tag", help="the tag; the release's version without it")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder for the layers (%(default)s)")
    arguments = parser.parse_args(argv)
    if lacks := missing():
        print(lacks, file=sys.stderr)
        return 2
    commit = commit_of(CHECKOUT)
    name = f"{NAMES[arguments.image]}:{arguments.tag or commit.version}"
    cache = Cache(arguments.cache.resolve())
    try:
        with cache.locked():
            image = image_of(arguments.image, cache, commit)
            digest = write_archive(image, name, arguments.out, created=commit.time)
    except (DockerfileError, StepError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{name} {digest}")
    return 0


def missing() -> str:
    """What to install before an image can be built; empty when nothing is missing."""
    if os.geteuid() != 0:
        return "Run it as root: it mounts the image's layers."
    if shutil.which("mmdebstrap") is None:
        return "mmdebstrap is missing. Install it: sudo apt-get install mmdebstrap"
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
