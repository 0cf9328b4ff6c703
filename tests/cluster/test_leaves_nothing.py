"""The cluster comes and goes without a trace; needs the machine for itself, so it runs last."""

import json
import os
from typing import Any

import pytest

import localcluster
from localcluster import controlplane, privilege, provision
from localcluster.api import wait_until
from localcluster.cluster import Cluster
from localcluster.node import policies
from localcluster.progress import Progress
from localcluster.shell import run
from tests.support import leftovers


@pytest.fixture(autouse=True)
def no_cluster() -> None:
    if why := obstacle():
        # In CI nothing may stand in its way.
        (pytest.fail if os.environ.get("HCMS_REQUIRE_TRACELESS") == "1" else pytest.skip)(why)


def obstacle() -> str:
    if localcluster.found() is not None or controlplane.folders():
        return "a cluster runs: `make cluster-down` first"
    if not privilege.is_root() or provision.offer().engine is not None:
        return "needs root, and a machine without a container engine"
    return ""


def test_a_node_with_pods_leaves_nothing_behind() -> None:
    before = leftovers.snapshot()
    cluster = localcluster.up(Progress())
    kubectl = (str(cluster.binaries / "kubectl"), "--kubeconfig", str(cluster.kubeconfig))
    pods = run((*kubectl, "get", "pods", "--all-namespaces", "-o", "name")).split()
    during = leftovers.new_since(before, leftovers.snapshot())
    localcluster.down(Progress())
    assert pods
    # The comparison sees a cluster where there is one.
    assert {line.partition(":")[0] for line in during} >= {
        "processes",
        "mounts",
        "interfaces",
        "routes",
        "nftables",
        "cgroups",
        "paths",
    }
    assert leftovers.new_since(before, leftovers.snapshot()) == []


def test_a_node_that_enforces_network_policies_leaves_nothing_behind() -> None:
    before = leftovers.snapshot()
    cluster = localcluster.up(Progress())
    without = leftovers.snapshot()
    deny_all(cluster)
    policies.start(Progress())
    wait_until(lambda: bool(leftovers.snapshot().ipsets), what="a set of addresses", seconds=60)
    during = leftovers.new_since(without, leftovers.snapshot())
    assert {line.partition(":")[0] for line in during} >= {"processes", "nftables", "ipsets"}
    policies.stop()
    after = leftovers.snapshot()
    assert (after.nftables, after.ipsets) == (without.nftables, without.ipsets)
    policies.start(Progress())  # and the end of the node is the end of it
    localcluster.down(Progress())
    assert leftovers.new_since(before, leftovers.snapshot()) == []


def deny_all(cluster: Cluster) -> None:
    policy: dict[str, Any] = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny-all", "namespace": "default"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }
    kubectl = (str(cluster.binaries / "kubectl"), "--kubeconfig", str(cluster.kubeconfig))
    run((*kubectl, "apply", "--filename", "-"), json.dumps(policy))


def test_a_control_plane_leaves_nothing_behind() -> None:
    before = leftovers.snapshot()
    with controlplane.start("traceless"):
        during = leftovers.new_since(before, leftovers.snapshot())
    assert {line.partition(":")[0] for line in during} >= {"processes", "interfaces", "namespaces"}
    assert leftovers.new_since(before, leftovers.snapshot()) == []
