import json
import os
import tarfile
from pathlib import Path

import pytest

from tools.image.archive import Image, write_archive
from tools.image.cache import Cache
from tools.image.layers import EPOCH, Layer


def filled(place: Path) -> None:
    files = place / "files"
    (files / "etc").mkdir(parents=True)
    for name in ("b", "a"):
        (files / "etc" / name).write_text(name)


def layer_in(folder: Path) -> Layer:
    cache = Cache(folder)
    with cache.locked():
        return cache.layer(("made", "of"), filled)


def test_the_same_files_give_the_same_layer_and_image_at_another_time_in_another_folder(tmp_path: Path) -> None:
    first, second = layer_in(tmp_path / "one"), layer_in(tmp_path / "two")
    os.utime(second.files / "etc" / "a", (1, 1))

    ids = [
        write_archive(Image([layer]), "localhost/x:1", tmp_path / f"{at}.tar", created=7)
        for at, layer in enumerate((first, second))
    ]

    assert (tmp_path / "0.tar").read_bytes() == (tmp_path / "1.tar").read_bytes()
    assert ids[0] == ids[1]


def test_a_layers_entries_are_sorted_and_have_one_time(tmp_path: Path) -> None:
    with tarfile.open(layer_in(tmp_path).archive) as tar:
        entries = tar.getmembers()

    assert [entry.name for entry in entries] == ["etc", "etc/a", "etc/b"]
    assert {(entry.mtime, entry.uname) for entry in entries} == {(EPOCH, "")}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes device files")
def test_what_a_step_removed_is_a_whiteout(tmp_path: Path) -> None:
    def removing(place: Path) -> None:
        filled(place)
        os.mknod(place / "files" / "etc" / "gone", 0o20000, 0)

    cache = Cache(tmp_path)
    with cache.locked():
        layer = cache.layer(("removing",), removing)

    with tarfile.open(layer.archive) as tar:
        assert "etc/.wh.gone" in tar.getnames()
        assert "etc/gone" not in tar.getnames()


def test_a_build_that_failed_leaves_no_layer_behind(tmp_path: Path) -> None:
    def failing(place: Path) -> None:
        filled(place)
        raise OSError("full")

    cache = Cache(tmp_path)
    with cache.locked(), pytest.raises(OSError, match="full"):
        cache.layer(("x",), failing)
    with cache.locked():
        layer = cache.layer(("x",), filled)

    assert layer.archive.is_file()


def test_the_archive_names_the_image_and_its_layers_in_their_order(tmp_path: Path) -> None:
    layer = layer_in(tmp_path)
    write_archive(Image([layer], {"User": "1:1"}), "localhost/x:1", tmp_path / "x.tar", created=0)

    with tarfile.open(tmp_path / "x.tar") as tar:
        (manifest,) = json.loads(tar.extractfile("manifest.json").read())  # type: ignore[union-attr]
        config = json.loads(tar.extractfile(manifest["Config"]).read())  # type: ignore[union-attr]

    assert (manifest["RepoTags"], manifest["Layers"]) == (["localhost/x:1"], [f"{layer.digest}.tar"])
    assert config["rootfs"]["diff_ids"] == [f"sha256:{layer.digest}"]
    assert (config["config"]["User"], config["created"]) == ("1:1", "1970-01-01T00:00:00Z")
