"""A spec that the API server let in and the operator cannot read: its CRD is of another version."""

import json
from collections.abc import Iterator

import pytest

from cms_operator.cluster.kinds import HEADLESS_CMS
from localcluster.controlplane import ControlPlane
from tests.controlplane.api import Object, RefusedError
from tests.controlplane.team import IMAGES, Team, eventually
from tests.support.charts import REPOSITORY
from tests.support.specs import manifest

CRD = REPOSITORY / "crds" / "headlesscms.io_headlesscmses.yaml"
LEVELS = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/logLevel/enum"


@pytest.fixture
def looser_crd(installed: ControlPlane, team: Team) -> Iterator[None]:
    change = json.dumps([{"op": "remove", "path": LEVELS}])
    installed.kubectl("patch", "crd", "headlesscmses.headlesscms.io", "--type=json", "-p", change)
    yield
    installed.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))
    eventually(lambda: not is_let_in(team), "the strict CRD is in force")


def children(team: Team) -> Object:
    """What each child is asked to be."""
    return {
        f"{kind}/{found['metadata']['name']}": found.get("spec", found.get("data"))
        for kind in ("deployment", "service", "configmap", "networkpolicy", "controllerrevision")
        for found in team.all(kind)
    }


def is_let_in(team: Team) -> bool:
    """The API server takes up a changed CRD a moment later. Nothing is made: what an object has
    already, a stricter CRD lets it keep.
    """
    asked = manifest({"logLevel": "trace"}, name="probe", namespace=team.namespace)
    try:
        team.api.request("POST", f"{HEADLESS_CMS.path(team.namespace)}?dryRun=All", asked)
    except RefusedError:
        return False
    return True


@pytest.mark.usefixtures("looser_crd")
def test_an_invalid_spec_names_its_field_tears_nothing_down_and_heals(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    pods, before, revision = team.pods(), children(team), team.revision()

    wrong: Object = {"replicas": 2, "image": f"{IMAGES}:2.0.0", "logLevel": "trace"}
    eventually(lambda: is_let_in(team), "the looser CRD is in force")
    team.make(**wrong)
    message = team.wait_for("Ready", "False", "InvalidSpec")
    assert message.startswith("spec.logLevel: ")
    assert team.condition("Reconciling")[:2] == ("False", "InvalidSpec")
    assert team.condition("Stalled") == ("True", "InvalidSpec", message)
    eventually(lambda: ("InvalidSpec", message) in team.events(), "an Event names the field")
    assert (team.pods(), children(team)) == (pods, before)
    assert team.status()["readyReplicas"] == 2
    assert team.condition("Available")[:2] == ("True", "EnoughPods")

    team.patch("deployment", f"shop-{revision}", {"spec": {"replicas": 0}})
    team.wait_for("Available", "False", "NoPods")
    assert team.condition("Ready")[:2] == ("False", "InvalidSpec")

    team.make(replicas=2, image=f"{IMAGES}:2.0.0")
    team.wait_until_ready()
    assert team.revision() != revision
    eventually(lambda: len(team.pods()) == 2 and not team.pods() & pods, "the new release runs")
