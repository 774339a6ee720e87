"""`write_image`: a container image of one static program, as a docker archive that `ctr images import` takes."""

import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path
from typing import Final

USER: Final = "65535:65535"
ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
"""Go's names for what uname(1) says; images use them (OCI image configuration)."""


def write_image(archive: Path, name: str, program: Path) -> None:
    """Write the image `name` whose one file and entry point is `program`; the same input gives the same bytes."""
    layer = _tar({program.name: (program.read_bytes(), 0o755)})
    digest = hashlib.sha256(layer).hexdigest()
    config = {"Entrypoint": [f"/{program.name}"], "User": USER, "WorkingDir": "/"}
    content = {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    image = json.dumps(content, sort_keys=True).encode()
    image_name = f"{hashlib.sha256(image).hexdigest()}.json"
    manifest = json.dumps([{"Config": image_name, "RepoTags": [name], "Layers": [f"{digest}.tar"]}]).encode()
    files = {image_name: (image, 0o644), "manifest.json": (manifest, 0o644), f"{digest}.tar": (layer, 0o644)}
    archive.write_bytes(_tar(files))


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return output.getvalue()
