"""The chart where the CRD is another release's, or was applied by hand, as the pages tell it."""

import subprocess

from localcluster import binaries
from localcluster.progress import Progress
from tests.controlplane.crds import older, served
from tests.controlplane.team import Team
from tests.support.charts import CHARTS

FOREIGN = "exists and cannot be imported into the current release"


def install(team: Team, *options: str, dry_run: str = "server") -> str:
    """What Helm says after it has asked the API server; nothing is made in a dry run."""
    return helm(
        team, "install", "second", str(CHARTS / "headlesscms-operator"), f"--dry-run={dry_run}",
        "--set", f"watchNamespaces={{{team.namespace}}}", *options,
    )  # fmt: skip


def helm(team: Team, *arguments: str) -> str:
    program = binaries.ensure((*binaries.CONTROL_PLANE, "helm"), Progress()) / "helm"
    where = ("--namespace", team.namespace, "--kubeconfig", str(team.control_plane.kubeconfig))
    done = subprocess.run(  # noqa: S603  - the project's own binary, no shell
        (str(program), *arguments, *where), check=False, capture_output=True, text=True
    )
    return done.stdout if done.returncode == 0 else done.stderr


def test_a_second_release_leaves_the_crd_to_the_first(team: Team) -> None:
    assert FOREIGN in install(team)
    made = install(team, "--set", "crds.enabled=false")
    assert "kind: Deployment" in made
    assert "kind: CustomResourceDefinition" not in made


def test_a_release_may_take_over_a_crd_that_was_applied_by_hand(team: Team) -> None:
    assert "kind: CustomResourceDefinition" in install(team, "--take-ownership")


def test_over_what_kubectl_applied_in_another_version_it_has_to_insist(team: Team) -> None:
    take = "--take-ownership"
    with served(team, older()):
        assert 'conflict with "kubectl' in install(team, take, dry_run="none")
        helm(team, "uninstall", "second")
        assert "STATUS: deployed" in install(team, take, "--force-conflicts", dry_run="none")
        helm(team, "uninstall", "second")
