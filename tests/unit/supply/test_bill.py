"""The bill of materials of an image, and where it is read from."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from supply.archive import ImageArchive
from supply.bill import bill
from supply.components import Component

DIGEST = "c" * 64
PARTS = [
    Component("pkg:pypi/b@1", "b", "1", ("d" * 64,)),
    Component("pkg:deb/debian/a@2?arch=amd64&distro=debian-12", "a", "2"),
]


def test_the_same_parts_make_the_same_bill_and_others_another() -> None:
    first = bill("cms", "1.0", DIGEST, PARTS)
    assert json.dumps(first) == json.dumps(bill("cms", "1.0", DIGEST, [*PARTS[::-1], PARTS[0]]))
    assert first["serialNumber"] != bill("cms", "1.0", DIGEST, PARTS[:1])["serialNumber"]


def test_a_bill_names_the_image_and_all_of_its_parts() -> None:
    found = bill("cms", "1.0", DIGEST, PARTS)
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    image = found["metadata"]["component"]
    assert image["hashes"] == [{"alg": "SHA-256", "content": DIGEST}]
    references = [part["bom-ref"] for part in found["components"]]
    assert references == [PARTS[1].purl, PARTS[0].purl]
    assert found["dependencies"] == [{"ref": image["bom-ref"], "dependsOn": references}]


def tar(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    manifest = [{"Config": f"{DIGEST}.json", "Layers": ["1.tar", "2.tar"]}]
    path = tmp_path / "image.tar"
    path.write_bytes(
        tar(
            {
                "1.tar": tar({"./etc/version": b"old", "etc/base": b"base"}),
                "2.tar": tar({"etc/version": b"new"}),
                f"{DIGEST}.json": json.dumps({"config": {"User": "10001"}}).encode(),
                "manifest.json": json.dumps(manifest).encode(),
            }
        )
    )
    return path


def test_a_file_is_read_as_the_uppermost_layer_has_it(archive: Path) -> None:
    with ImageArchive(archive) as image:
        assert (image.text("etc/version"), image.text("etc/base")) == ("new", "base")
        assert image.digest == DIGEST
        assert image.config["config"]["User"] == "10001"
        with pytest.raises(FileNotFoundError):
            image.text("etc/shadow")
