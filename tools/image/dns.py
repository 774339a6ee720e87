"""The image of CoreDNS: one program, built of its Go module, for a cluster that has no name server."""

import os
import subprocess
from pathlib import Path
from typing import Final

from tools.image.archive import Image
from tools.image.cache import Cache

VERSION: Final = "v1.12.4"


def dns_image(cache: Cache) -> Image:
    """Build it, or take it from the cache. The first build takes a minute or two."""
    layer = cache.layer(("coredns", VERSION), _fill)
    config = {"Entrypoint": ["/coredns"], "Cmd": ["-conf", "/etc/coredns/Corefile"], "User": "10003:10003"}
    return Image([layer], {**config, "WorkingDir": "/"})


def _fill(place: Path) -> None:
    """`go install` puts the program into the folder; paths of this machine stay out of it."""
    files = place / "files"
    files.mkdir()
    environ = {**os.environ, "CGO_ENABLED": "0", "GOBIN": str(files), "GOTOOLCHAIN": "local"}
    command = ["go", "install", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"]
    subprocess.run(
        [*command, f"github.com/coredns/coredns@{VERSION}"], check=True, env=environ, stdin=subprocess.DEVNULL
    )
