"""The plugin as people run it: a process beside kubectl, against the API server."""

import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from localcluster.controlplane import ControlPlane
from tests.controlplane.api import RefusedError
from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.team import IMAGES, LONG_PATIENCE, Team, eventually
from tests.controlplane.test_canary import GOOD, WAIT, at_step, canary
from tests.support.charts import REPOSITORY

ADMIN = "admin"
MANAGER = "alice"
ONLY_ABORTS = "bob"
EDITOR = "carol"


@dataclass(frozen=True)
class Plugin:
    """The plugin as one user runs it; requests are the user's own, by impersonation in the
    kubeconfig.
    """

    control_plane: ControlPlane
    namespace: str
    kubeconfig: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  - the plugin itself, no shell
            self.command(*arguments), text=True, capture_output=True, check=False, env=self.env()
        )

    def __call__(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def command(self, *arguments: str) -> list[str]:
        flags = ["--kubeconfig", str(self.kubeconfig), "-n", self.namespace]
        offline = arguments[0] == "lint"
        program = [sys.executable, "-m", "cms_operator.cli.main", *arguments]
        return program if offline else [*program, *flags]

    def env(self) -> dict[str, str]:
        path = f"{self.control_plane.binaries}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY / "operator")}


def plugin_of(team: Team, user: str, folder: Path) -> Plugin:
    config = json.loads(team.control_plane.kubeconfig.read_text())
    if user != ADMIN:
        config["users"][0]["user"]["as"] = user
    file = folder / f"{user}.kubeconfig"
    file.write_text(json.dumps(config))
    file.chmod(0o600)
    return Plugin(team.control_plane, team.namespace, file)


@pytest.fixture
def plugin(team: Team, tmp_path: Path) -> Plugin:
    return plugin_of(team, ADMIN, tmp_path)


@pytest.fixture
def people(team: Team, tmp_path: Path) -> dict[str, Plugin]:
    """One who may release, one who may abort and no more, and one who may edit specs only."""
    role = "headlesscms-operator-release-manager"
    (found,) = [
        name
        for name in team.control_plane.kubectl("get", "clusterroles", "-o", "name").split()
        if name.endswith(role)
    ]
    bind = ("create", "rolebinding")
    team.kubectl(*bind, "managers", f"--clusterrole={found.partition('/')[2]}", f"--user={MANAGER}")
    for user, verbs in (
        (ONLY_ABORTS, "get,list,watch,patch,abort"),
        (EDITOR, "get,list,watch,patch"),
    ):
        team.kubectl(
            "create", "role", user, f"--verb={verbs}", "--resource=headlesscmses.headlesscms.io"
        )
        team.kubectl(*bind, user, f"--role={user}", f"--user={user}")
    return {user: plugin_of(team, user, tmp_path) for user in (MANAGER, ONLY_ABORTS, EDITOR)}


def asked(team: Team, verb: str) -> tuple[str, str]:
    """Who asked, and the outcome."""
    for found in team.status().get("rollout", {}).get("requests", []):
        if found["verb"] == verb:
            return found["by"], found["outcome"]
    return "", ""


def paused_canary(team: Team, replicas: int = 2) -> str:
    """The revision on trial, which waits for a person at half of the traffic, twice."""
    team.make(replicas=replicas)
    team.wait_until_ready()
    steps = canary({"setWeight": 50}, WAIT, {"setWeight": 60}, WAIT)
    team.make(replicas=replicas, image=GOOD, rollout=steps)
    return str(at_step(team, 1, "Paused")["revision"])


def test_a_release_is_paused_resumed_and_promoted(team: Team, plugin: Plugin) -> None:
    new = paused_canary(team)
    assert "paused until it is resumed (asked by admin)" in plugin("pause", "shop")
    assert team.status()["rollout"]["heldBy"] == ADMIN
    refused = plugin.run("promote", "shop")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "error: shop: refused: it was paused by admin; resume it first (asked by admin)\n"
    )
    assert "resumed" in plugin("resume", "shop")
    assert "promoted past step 2" in plugin("promote", "shop")
    at_step(team, 3, "Paused")
    assert "promoted past all steps" in plugin("promote", "shop", "--full")
    eventually(lambda: team.revision() == new, "it is stable")
    assert team.the("headlesscms", "shop")["spec"]["rollout"].get("paused") is False


def test_a_release_is_aborted_and_tried_again(team: Team, plugin: Plugin) -> None:
    new = paused_canary(team)
    assert "aborted" in plugin("abort", "shop")
    assert "Aborted on request (admin)." in team.wait_for("Stalled", "True", "RolledBack")
    assert "begun anew" in plugin("retry", "shop")
    assert at_step(team, 1, "Paused")["revision"] == new


def test_a_rollback_holds_against_a_resync_and_ends_with_a_new_spec(
    team: Team, plugin: Plugin, operator: OperatorProcess
) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    old, spec = team.revision(), team.the("headlesscms", "shop")["spec"]
    team.make(replicas=2, image=GOOD, logLevel="debug", rollout=canary({"setWeight": 50}))
    eventually(lambda: team.revision() != old, "the new one is stable")
    new = team.revision()
    wanted = team.the("headlesscms", "shop")["spec"]

    assert f"rolled back to {old}" in plugin("rollback", "shop")
    message = team.wait_for("Stalled", "True", "Pinned")
    assert f"admin has rolled {new} back" in message
    assert f"headlesscms.io/retry={new}" in message
    assert team.condition("Ready")[:2] == ("False", "Pinned")
    eventually(lambda: team.sizes() == {old: 2}, "the old revision alone")
    (deployment,) = team.all("deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == spec["image"]
    assert team.the("configmap", f"shop-{old}")["data"]["LOG_LEVEL"] == "info"
    assert team.the("headlesscms", "shop")["spec"] == wanted, "the spec is the user's"

    operator.stop()
    operator.start()
    team.patch("headlesscms", "shop", {"spec": {"replicas": 3}})
    eventually(lambda: team.sizes() == {old: 3}, "it holds, and follows the wanted number")
    assert team.status()["updatedRevision"] == new
    late = plugin.run("rollback", "shop", "--to", "0123456789")
    assert late.returncode == 1
    assert "there is no revision 0123456789" in late.stderr

    team.make(replicas=3, image=f"{IMAGES}:3.0.0")
    team.wait_until_ready()
    assert team.status()["version"] == "3.0.0"
    assert "pin" not in team.status()


def test_a_retry_ends_a_rollback(team: Team, plugin: Plugin) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    old = team.revision()
    team.make(replicas=1, image=GOOD)
    eventually(lambda: team.revision() != old, "the new one is stable")
    new = team.revision()
    plugin("rollback", "shop", "--to", old)
    team.wait_for("Stalled", "True", "Pinned")
    assert f"the rollback to {old} is ended" in plugin("retry", "shop")
    team.wait_until_ready()
    assert team.revision() == new


def test_a_restart_is_a_release_of_the_same_image(team: Team, plugin: Plugin) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    old, pods = team.revision(), team.pods()
    assert "released anew as revision" in plugin("restart", "shop")
    eventually(lambda: team.revision() != old, "the restarted revision is stable")
    team.wait_until_ready()
    assert team.pods().isdisjoint(pods)
    assert team.status()["rollout"]["phase"] == "Completed"
    restarted = team.revision()
    eventually(lambda: team.sizes() == {restarted: 2}, "the old revision is gone")
    (deployment,) = team.all("deployment")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == f"{IMAGES}:1.0.0"
    team.kubectl("annotate", "hcms/shop", "headlesscms.io/restart-", "headlesscms.io/restart-by-")
    team.patch("headlesscms", "shop", {"spec": {"replicas": 3}})
    eventually(lambda: team.sizes() == {restarted: 3}, "nothing else than the size changes")


def test_a_promotion_that_comes_late_does_nothing(team: Team, plugin: Plugin) -> None:
    paused_canary(team)
    old = team.revision()
    team.annotate("promote", f"{old}:late")
    eventually(lambda: "refused: the rollout is of" in asked(team, "promote")[1], "an answer")
    assert asked(team, "promote")[0] == ADMIN
    assert at_step(team, 1, "Paused")
    assert "promoted past step 2" in plugin("promote", "shop")


def test_each_verb_is_given_to_some_and_not_to_others(
    team: Team, people: dict[str, Plugin]
) -> None:
    new = paused_canary(team)
    for user in (ONLY_ABORTS, EDITOR):
        refused = people[user].run("promote", "shop")
        assert refused.returncode == 1
        assert f"{user} lacks the verb promote on headlesscmses.headlesscms.io" in refused.stderr
    assert asked(team, "promote") == ("", "")
    assert "lacks the verb abort" in people[EDITOR].run("abort", "shop").stderr
    people[MANAGER]("promote", "shop")
    assert asked(team, "promote") == (MANAGER, "promoted past step 2")
    at_step(team, 3, "Paused")
    people[ONLY_ABORTS]("abort", "shop")
    assert asked(team, "abort") == (ONLY_ABORTS, "aborted")
    annotations = team.the("headlesscms", "shop")["metadata"]["annotations"]
    assert annotations["headlesscms.io/abort-by"] == ONLY_ABORTS
    assert annotations["headlesscms.io/abort"].startswith(f"{new}:")
    assert {"headlesscms.io/promote", "headlesscms.io/abort"} <= written_by(team, "headlesscms")
    assert not written_by(team, "kubectl"), "Flux would take it out"


def written_by(team: Team, manager: str) -> set[str]:
    """Annotations of field managers whose name begins so."""
    kubectl = ("get", "hcms", "shop", "-o", "json", "--show-managed-fields")
    found = json.loads(team.kubectl(*kubectl))["metadata"]
    return {
        field.removeprefix("f:")
        for entry in found["managedFields"]
        if entry["manager"].startswith(manager)
        for field in entry["fieldsV1"].get("f:metadata", {}).get("f:annotations", {})
    } - {"."}


def test_who_releases_sees_the_release_and_those_who_may_not_see_pods_the_rest(
    team: Team, people: dict[str, Plugin]
) -> None:
    new = paused_canary(team)
    old = team.revision()
    manager, without_pods = people[MANAGER], people[ONLY_ABORTS]
    assert manager("status", "shop").count("✔ Running") == 2
    assert new in manager("history", "shop")
    assert f"+++ {new}" in manager("diff", "shop", old, new)
    shown = without_pods("status", "shop")
    assert f"└─ revision {old}" in shown
    assert "Running" not in shown
    assert (
        f'Pods are left out: Error from server (Forbidden): pods is forbidden: User "{ONLY_ABORTS}"'
        in shown
    )
    refused = without_pods.run("history", "shop")
    assert (refused.returncode, "controllerrevisions" in refused.stderr) == (1, True)


def annotate_as(team: Team, user: str, *pairs: str) -> subprocess.CompletedProcess[str]:
    program = [str(team.control_plane.binaries / "kubectl"), "--as", user]
    flags = ["--kubeconfig", str(team.control_plane.kubeconfig), "-n", team.namespace]
    command = [*program, *flags, "annotate", "--overwrite", "hcms/shop", *pairs]
    return subprocess.run(  # noqa: S603  - this project's kubectl, no shell
        command, text=True, capture_output=True, check=False
    )


@pytest.mark.usefixtures("people")
def test_who_has_asked_cannot_be_forged(team: Team) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    stamp = "headlesscms.io/abort-by"
    with_another = annotate_as(team, MANAGER, "headlesscms.io/abort=x:1", f"{stamp}=root")
    assert with_another.returncode == 0
    assert team.the("headlesscms", "shop")["metadata"]["annotations"][stamp] == MANAGER
    eventually(lambda: asked(team, "abort")[0] == MANAGER, "the true name")
    for forged in (f"{stamp}=root", "headlesscms.io/promote-by=root"):
        refused = annotate_as(team, EDITOR, forged)
        assert (refused.returncode, "names who asked" in refused.stderr) == (1, True)
    annotate_as(team, EDITOR, f"{stamp}-")
    annotations = team.the("headlesscms", "shop")["metadata"]["annotations"]
    assert annotations[stamp] == MANAGER, "it stays as long as its request"
    assert annotate_as(team, EDITOR, "headlesscms.io/abort-", f"{stamp}-").returncode == 0
    assert annotate_as(team, EDITOR, "example.com/note=mine").returncode == 0


@pytest.fixture
def no_stamps(team: Team) -> Iterator[None]:
    """An older cluster, or requestPolicies.stamp=never, makes none."""
    kind = "mutatingadmissionpolicybindings"
    text = team.control_plane.kubectl("get", kind, "-o", "json")
    bindings = [
        {**found, "metadata": {"name": found["metadata"]["name"]}}
        for found in json.loads(text)["items"]
    ]
    assert bindings
    for found in bindings:
        team.control_plane.kubectl("delete", kind, found["metadata"]["name"])
    yield
    for found in bindings:
        team.control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(found))
    eventually(lambda: is_stamped(team), "stamps are made again")


def is_stamped(team: Team) -> bool:
    manifest = {
        "apiVersion": "headlesscms.io/v1alpha1",
        "kind": "HeadlessCMS",
        "metadata": {"name": "probe", "annotations": {"headlesscms.io/abort": "x"}},
        "spec": {"image": f"{IMAGES}:1.0.0", "secretName": "source"},
    }
    dry = ("create", "--dry-run=server", "-f", "-", "-o", "json")
    answer = json.loads(team.kubectl(*dry, stdin=json.dumps(manifest)))
    return "headlesscms.io/abort-by" in answer["metadata"]["annotations"]


def test_one_asks_what_another_has_asked_before_the_stamps_ended(
    team: Team, people: dict[str, Plugin], plugin: Plugin, request: pytest.FixtureRequest
) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    people[MANAGER]("restart", "shop")
    team.wait_until_ready()
    request.getfixturevalue("no_stamps")
    eventually(lambda: not is_stamped(team), "no more stamps")
    with pytest.raises(RefusedError, match="remove it together with the new one"):
        team.annotate("restart", "x:1")
    assert "released anew" in plugin("restart", "shop")
    assert (
        "headlesscms.io/restart-by"
        not in team.the("headlesscms", "shop")["metadata"]["annotations"]
    )


def test_a_tool_that_replaces_the_object_loses_no_stamp(team: Team) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    team.annotate("abort", "x:1")
    eventually(lambda: asked(team, "abort")[1], "an answer")
    found = team.the("headlesscms", "shop")
    del found["metadata"]["annotations"]["headlesscms.io/abort-by"]
    del found["metadata"]["resourceVersion"]
    team.kubectl("replace", "-f", "-", stdin=json.dumps(found))
    annotations = team.the("headlesscms", "shop")["metadata"]["annotations"]
    assert annotations["headlesscms.io/abort-by"] == ADMIN


def test_status_history_and_diff_show_what_is_there(team: Team, plugin: Plugin) -> None:
    new = paused_canary(team)
    old = team.revision()
    shown = plugin("status", "shop")
    assert "⏸ Paused" in shown
    assert "actualWeight 50 %" in shown
    assert f"└─ revision {old}" in shown
    assert shown.count("✔ Running") == 2
    assert "\x1b" not in shown, "no colours where there is no terminal"
    listed = plugin("history", "shop").splitlines()
    assert [line.split()[1] for line in listed] == ["REVISION", new, old]
    assert "on trial" in listed[1]
    assert plugin("diff", "shop", old, new).splitlines() == [
        f"--- {old}", f"+++ {new}", f"-image: {IMAGES}:1.0.0", f"+image: {GOOD}",
    ]  # fmt: skip
    away = plugin.run("status", "nobody")
    assert (away.returncode, "not found" in away.stderr) == (1, True)


def test_a_watch_draws_the_release_anew_until_the_object_goes(team: Team, plugin: Plugin) -> None:
    paused_canary(team)
    process = subprocess.Popen(  # noqa: S603  - the plugin itself, no shell
        plugin.command("status", "shop", "--watch"),
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=plugin.env(),
    )  # fmt: skip
    # Reading its lines has no end of its own.
    end = threading.Timer(LONG_PATIENCE, process.kill)
    end.start()
    try:
        assert process.stdout is not None
        drawn = iter(process.stdout)
        assert any("Paused" in line for line in drawn)
        plugin("promote", "shop", "--full")
        # In this order in one picture; several changes may come with one.
        assert any("Status:      ✔ Ready" in line for line in drawn)
        assert any("promoted past all steps" in line for line in drawn)
        team.delete("headlesscms", "shop")
        _, words = process.communicate(timeout=60)
    finally:
        end.cancel()
        process.kill()
        process.communicate()
    assert (process.returncode, words) == (1, "error: shop was deleted\n")


def test_a_suspended_one_is_asked_for_nothing(team: Team, plugin: Plugin) -> None:
    paused_canary(team)
    team.patch("headlesscms", "shop", {"spec": {"suspend": True}})
    refused = plugin.run("abort", "shop")
    assert (refused.returncode, "spec.suspend is true" in refused.stderr) == (1, True)
    team.patch("headlesscms", "shop", {"spec": {"suspend": False}})
    assert "aborted" in plugin("abort", "shop")


def test_without_an_operator_a_request_has_an_end(
    team: Team, plugin: Plugin, operator: OperatorProcess
) -> None:
    new = paused_canary(team)
    operator.stop()
    late = plugin.run("promote", "shop", "--timeout", "1")
    assert (late.returncode, "no answer within 1 s" in late.stderr) == (1, True)
    program, *back = shlex.split(late.stderr.rpartition("Take it back with: ")[2])
    assert program == "kubectl"
    team.control_plane.kubectl(*back)
    assert (
        "headlesscms.io/promote" not in team.the("headlesscms", "shop")["metadata"]["annotations"]
    )
    asked_only = plugin("promote", "shop", "--no-wait")
    assert asked_only.startswith(f"shop: asked headlesscms.io/promote={new}:")
    operator.start()
    eventually(lambda: asked(team, "promote")[1] == "promoted past step 2", "it was kept")
