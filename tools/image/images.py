"""The images that the gateway needs on a Kubernetes of its own: their names, and how each is made."""

import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.image.archive import Image
from tools.image.build import Builder
from tools.image.cache import Cache

CHECKOUT: Final = Path(__file__).parents[2]
CACHE: Final = CHECKOUT / ".cache" / "image"
NAMES: Final = {
    "gateway": "localhost/whatsapp-gateway",
    "rabbitmq": "localhost/gateway-rabbitmq",
    "simulator": "localhost/gateway-simulator",
}
"""By the word on the command line. `localhost/` has no registry, so that no node looks for the image elsewhere."""
_DOCKERFILES: Final = {
    "gateway": "deploy/Dockerfile",
    "rabbitmq": "deploy/images/rabbitmq.Dockerfile",
    "simulator": "deploy/images/simulator.Dockerfile",
}


@dataclass(frozen=True, slots=True)
class Commit:
    """What the images are made of: the release's version, the commit's id, and its time in Unix seconds."""

    version: str
    revision: str
    time: int

    @property
    def arguments(self) -> Mapping[str, str]:
        """The build arguments of every Dockerfile."""
        return {"VERSION": self.version, "REVISION": self.revision}


def commit_of(checkout: Path) -> Commit:
    """The commit that is checked out."""
    version = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    line = ["git", "-C", str(checkout), "log", "-1", "--format=%H %ct"]
    revision, _, time = subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip().partition(" ")
    return Commit(version, revision, int(time))


def image_of(word: str, cache: Cache, commit: Commit) -> Image:
    """Build the image of this word, or take it from the cache. Hold the cache's lock."""
    builder = Builder(CHECKOUT, cache, commit.arguments, images=lambda name: _image_named(name, cache, commit))
    return builder.image_of(CHECKOUT / _DOCKERFILES[word])


def _image_named(name: str, cache: Cache, commit: Commit) -> Image | None:
    """The gateway's own image, which the simulator's begins from."""
    if name.partition(":")[0] in {"whatsapp-gateway", NAMES["gateway"]}:
        return image_of("gateway", cache, commit)
    return None
