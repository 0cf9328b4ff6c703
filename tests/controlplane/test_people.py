"""What the cluster's own roles allow in a namespace, once the chart has added to them."""

import pytest

from localcluster.errors import ClusterError
from tests.controlplane.api import Api
from tests.controlplane.team import Team, eventually

OBJECTS = "headlesscmses"
REVIEWS = "/apis/authorization.k8s.io/v1/namespaces/{}/localsubjectaccessreviews"
# verb, subresource, and who may
RIGHTS = [
    ("get", "", {"view", "edit", "admin"}),
    ("watch", "", {"view", "edit", "admin"}),
    ("get", "status", {"view", "edit", "admin"}),
    ("get", "scale", {"view", "edit", "admin"}),
    ("create", "", {"edit", "admin"}),
    ("patch", "", {"edit", "admin"}),
    ("delete", "", {"edit", "admin"}),
    ("patch", "scale", {"edit", "admin"}),
    ("promote", "", {"admin"}),
    ("abort", "", {"admin"}),
    ("rollback", "", {"admin"}),
    ("patch", "status", set()),
    ("update", "status", set()),
    ("update", "finalizers", set()),
]
ROLES = ("view", "edit", "admin")


def may(api: Api, namespace: str, user: str, verb: str, subresource: str) -> bool:
    attributes = {
        "namespace": namespace, "verb": verb, "group": "headlesscms.io",
        "resource": OBJECTS, "subresource": subresource,
    }  # fmt: skip
    asked = {"metadata": {}, "spec": {"user": user, "resourceAttributes": attributes}}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "LocalSubjectAccessReview"}
    found = api.request("POST", REVIEWS.format(namespace), {**review, **asked})
    return bool(found["status"]["allowed"])


@pytest.fixture
def people(team: Team) -> Team:
    """A user for each of the cluster's roles, bound to it in the team's namespace."""
    for role in ROLES:
        team.kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}")
    return team


def test_viewers_look_editors_write_and_admins_ask_too(people: Team, api: Api) -> None:
    def granted() -> list[set[str]]:
        return [
            {role for role in ROLES if may(api, people.namespace, role, verb, subresource)}
            for verb, subresource, _ in RIGHTS
        ]

    wanted = [who for _, _, who in RIGHTS]
    eventually(lambda: granted() == wanted, "the cluster's roles have taken the chart's up")


def test_rights_in_one_namespace_are_none_in_another(people: Team, api: Api) -> None:
    eventually(lambda: may(api, people.namespace, "admin", "promote", ""), "the role's own place")
    assert not any(may(api, "default", role, "get", "") for role in ROLES)


def test_an_editor_cannot_write_what_the_operator_has_found(people: Team) -> None:
    people.make(replicas=1)
    people.wait_until_ready()
    eventually(lambda: may(people.api, people.namespace, "edit", "patch", ""), "an editor's rights")
    change = '{"status":{"stableRevision":"forged"}}'
    patch = ("patch", "hcms/shop", "--type=merge", "-p", change)
    with pytest.raises(ClusterError, match="cannot patch resource"):
        people.kubectl(*patch, "--subresource=status", "--as=edit")
    people.kubectl(*patch, "--as=edit")  # of which the server drops the status
    assert people.revision() != "forged"
