import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from localcluster import systemimages


@pytest.fixture
def binaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "0123abcd"
    folder.mkdir()
    (folder / "pause").write_bytes(b"\x7fELF")
    return folder


def test_an_archive_holds_the_program_under_the_name_that_pods_use(binaries: Path) -> None:
    with tarfile.open(systemimages.archive("pause", binaries)) as archive:
        files = {m.name: archive.extractfile(m) for m in archive.getmembers()}
        content = {name: file.read() for name, file in files.items() if file}
    (manifest,) = json.loads(content["manifest.json"])
    assert manifest["RepoTags"] == ["localhost/headlesscms-pause:0123abcd"]
    config = json.loads(content[manifest["Config"]])
    layer = content[manifest["Layers"][0]]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert config["config"]["User"] != "0"


def test_the_same_program_makes_the_same_bytes(binaries: Path) -> None:
    path = systemimages.archive("pause", binaries)
    first = path.read_bytes()
    path.unlink()
    assert systemimages.archive("pause", binaries).read_bytes() == first


def test_archives_of_earlier_programs_are_removed(binaries: Path) -> None:
    current = systemimages.archive("pause", binaries)
    older = current.with_name("pause-ffff.tar")
    image = current.with_name("api-ffff.tar")
    older.touch()
    image.touch()
    systemimages.prune(binaries)
    assert current.exists()
    assert not older.exists()
    assert image.exists()
