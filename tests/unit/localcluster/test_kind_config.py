import os
from pathlib import Path

import pytest

from localcluster import binaries, golang, kind
from localcluster.errors import ClusterError
from localcluster.paths import GO_MODULE
from localcluster.progress import Progress
from localcluster.shell import run

REQUIRED = os.environ.get("HCMS_REQUIRE_CLUSTER") == "1"


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that decodes with kind's own package."""
    if not (REQUIRED or binaries.all_built(binaries.TOOLS)):
        pytest.skip("Go and its modules are not there yet: `make cluster` fetches them")
    go = golang.toolchain(Progress())
    program = tmp_path_factory.mktemp("kind") / "kindconfig"
    options = ("-C", str(GO_MODULE), "-buildvcs=false", "-o", str(program))
    run((str(go), "build", *options, "./kindconfig"))
    return program


def test_kind_understands_the_configuration(decoder: Path) -> None:
    decoded = run((str(decoder),), kind.CONFIG.read_text())
    assert decoded == f"kind.x-k8s.io/v1alpha4 {kind.NAME} 1\n"


def test_a_field_that_kind_does_not_know_is_refused(decoder: Path) -> None:
    with pytest.raises(ClusterError, match="nodePools"):
        run((str(decoder),), kind.CONFIG.read_text() + "nodePools: []\n")
