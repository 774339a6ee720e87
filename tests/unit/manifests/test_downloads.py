"""A download is used only when it is exactly what was pinned."""

import hashlib
from pathlib import Path

import pytest

from tools.manifests.downloads import CORE, OPERATORS, Download, DownloadFailed

CONTENT = b"a package"


def download(sha256: str) -> Download:
    return Download("npm", "@example/none", "1.0.0", "none-1.0.0.tgz", sha256)


def cached(folder: Path) -> Path:
    path = folder / "downloads" / "none-1.0.0.tgz"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


def test_a_cached_file_is_used(tmp_path: Path) -> None:
    path = cached(tmp_path)

    assert download(hashlib.sha256(CONTENT).hexdigest()).fetched(tmp_path) == path


def test_a_file_with_another_digest_is_refused_and_removed(tmp_path: Path) -> None:
    path = cached(tmp_path)

    with pytest.raises(DownloadFailed, match="another digest"):
        download("0" * 64).fetched(tmp_path)
    assert not path.exists()


def test_every_download_is_pinned_by_version_and_digest() -> None:
    for each in (CORE, *OPERATORS.values()):
        assert each.version in each.file
        assert len(bytes.fromhex(each.sha256)) == 32
