"""The chart where the CRD is another release's, or was applied by hand, as the pages tell it."""

import subprocess

from localcluster import binaries
from localcluster.progress import Progress
from tests.controlplane.team import Team
from tests.support.charts import CHARTS

FOREIGN = "exists and cannot be imported into the current release"


def install(team: Team, *options: str) -> str:
    """What Helm says after it has asked the API server; nothing is made."""
    helm = binaries.ensure((*binaries.CONTROL_PLANE, "helm"), Progress()) / "helm"
    done = subprocess.run(  # noqa: S603  - the project's own binary, no shell
        (str(helm), "install", "second", str(CHARTS / "headlesscms-operator"), "--dry-run=server",
         "--set", f"watchNamespaces={{{team.namespace}}}", *options,
         "--namespace", team.namespace, "--kubeconfig", str(team.control_plane.kubeconfig)),
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout if done.returncode == 0 else done.stderr


def test_a_second_release_leaves_the_crd_to_the_first(team: Team) -> None:
    assert FOREIGN in install(team)
    made = install(team, "--set", "crds.enabled=false")
    assert "kind: Deployment" in made
    assert "kind: CustomResourceDefinition" not in made


def test_a_release_may_take_over_a_crd_that_was_applied_by_hand(team: Team) -> None:
    assert "kind: CustomResourceDefinition" in install(team, "--take-ownership")
