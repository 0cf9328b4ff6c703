"""How an image is built and entered."""

import runpy
import sys
from pathlib import Path

import pytest

from cms_service import cli
from demo.misbehaving import image
from demo.misbehaving.faults.catalogue import FAULTS
from demo.misbehaving.faults.names import Fault
from localcluster import images

BASE = "localhost/headlesscms-api:0123456789ab"


@pytest.mark.parametrize("fault", Fault)
def test_the_command_line_is_that_of_the_cms(
    fault: Fault, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["cms", "--help"])
    with pytest.raises(SystemExit):
        cli.main()
    usual = capsys.readouterr().out
    monkeypatch.setenv("HCMS_FAULT", fault)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(Path(image.__file__).with_name("entry.py")), run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out == usual


def test_every_name_has_its_fault() -> None:
    assert set(FAULTS) == set(Fault)


def test_each_fault_is_an_image_of_its_own_and_another_one_on_another_cms() -> None:
    sources = [image.source(fault) for fault in Fault]
    assert len({source.repository for source in sources}) == len(Fault)
    keys = {images.key(source, base) for source in sources for base in (BASE, f"{BASE}c")}
    assert len(keys) == 2 * len(Fault)


def test_the_image_is_made_of_nothing_but_the_entry_and_the_faults() -> None:
    """It stands on the base that it is given: a product image never holds a fault."""
    text = image.source(Fault.GOOD).dockerfile.read_text()
    assert images.copied(text) == ["faults", "entry.py"]
    assert "FROM ${BASE_IMAGE}" in text
