"""Writes an image as a docker archive for `docker load` and `ctr images import`; the same image, the same bytes.

The form is that of https://github.com/moby/docker-image-spec/blob/main/spec.md, with a tar file for each layer.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.image.layers import EPOCH, Layer


@dataclass(slots=True)
class Image:
    """The layers, lowest first, and the configuration as the image format names it (`Env`, `User`, `Entrypoint` …)."""

    layers: list[Layer]
    config: dict[str, Any] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def workdir(self) -> str:
        """The working folder."""
        return str(self.config.get("WorkingDir", "/"))

    def configuration(self, created: int) -> bytes:
        """The configuration file. Its SHA-256 is the image's id, which covers every layer and every setting."""
        config = {**self.config, "Env": [f"{name}={value}" for name, value in self.environ.items()]}
        document = {
            "architecture": "amd64",
            "os": "linux",
            "created": datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in self.layers]},
        }
        return json.dumps(document, sort_keys=True).encode()


def write_archive(image: Image, name: str, out: Path, *, created: int) -> str:
    """Write the image under this name, and return its id: `sha256:` and the digest of its configuration."""
    configuration = image.configuration(created)
    digest = hashlib.sha256(configuration).hexdigest()
    layers = [f"{layer.digest}.tar" for layer in image.layers]
    manifest = json.dumps([{"Config": f"{digest}.json", "RepoTags": [name], "Layers": layers}]).encode()
    with tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as archive:
        _add(archive, {"manifest.json": manifest, f"{digest}.json": configuration})
        for layer in {layer.digest: layer for layer in image.layers}.values():
            entry = _entry(f"{layer.digest}.tar", layer.archive.stat().st_size)
            with layer.archive.open("rb") as content:
                archive.addfile(entry, content)
    return f"sha256:{digest}"


def _add(archive: tarfile.TarFile, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        archive.addfile(_entry(name, len(content)), io.BytesIO(content))


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime = size, EPOCH
    return entry
