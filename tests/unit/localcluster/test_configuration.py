import json
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcluster import addons, addresses, components, credentials, fakenodes
from localcluster.components import Layout, Ports
from localcluster.node import config, ready, teardown
from localcluster.node.config import Folders
from localcluster.pki import Certificate

BLOCK = addresses.blocks([])[0]
FOLDERS = Folders(Path("/state/node"))
BINARIES = Path("/cache/bin/0123")
CERTIFICATE = Certificate(Path("/c/x.crt"), Path("/c/x.key"))


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    folder = tmp_path_factory.mktemp("cluster")
    address = IPv4Address("10.216.32.1")
    issued = credentials.make(folder, address, components.API_PORT, BLOCK)
    ports = Ports(1001, 1002, 1003, 1004)
    return Layout(BINARIES, folder, folder / "etcd", address, BLOCK, ports, issued)


def option(command: list[str], name: str) -> str:
    return next(word for word in command if word.startswith(f"--{name}=")).partition("=")[2]


def kubelet() -> dict[str, Any]:
    text = config.kubelet(FOLDERS, BLOCK, Path("/c/ca.crt"), CERTIFICATE, Path("/etc/resolv.conf"))
    return dict(json.loads(text))


def test_nothing_but_the_api_server_listens_beyond_loopback(layout: Layout) -> None:
    etcd = components.etcd(layout)
    assert option(etcd, "listen-client-urls") == "https://127.0.0.1:1001"
    assert option(etcd, "listen-peer-urls") == "https://127.0.0.1:1002"
    manager = components.controller_manager(layout, Path("/k"), {})
    for command in (manager, components.scheduler(layout, Path("/k"))):
        assert option(command, "bind-address") == "127.0.0.1"
    assert option(components.api_server(layout), "bind-address") == "10.216.32.1"


def test_nobody_is_served_without_a_name(layout: Layout) -> None:
    assert option(components.api_server(layout), "anonymous-auth") == "false"
    assert option(components.etcd(layout), "client-cert-auth") == "true"
    assert kubelet()["authentication"]["anonymous"] == {"enabled": False}


def test_requests_are_counted_and_the_count_does_not_fill_the_disk(layout: Layout) -> None:
    command = components.api_server(layout)
    assert option(command, "audit-log-path") == str(layout.audit_log)
    assert (
        int(option(command, "audit-log-maxsize")) * int(option(command, "audit-log-maxbackup"))
        < 1000
    )
    assert json.loads(components.audit_policy())["rules"] == [{"level": "Metadata"}]


def test_everything_of_the_kubelet_that_can_be_moved_is_in_the_state_folder() -> None:
    settings = kubelet()
    assert settings["podLogsDir"].startswith("/state/node/")
    assert settings["volumePluginDir"].startswith("/state/node/")


def test_pods_get_addresses_of_their_range_on_the_bridge() -> None:
    network = json.loads(config.cni(FOLDERS, BLOCK))
    (bridge,) = network["plugins"]
    assert bridge["bridge"] == config.BRIDGE
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.216.32.0/20", "gateway": "10.216.32.1"}]]


def test_the_pods_files_are_rendered_without_a_gap(layout: Layout) -> None:
    text = "---\n".join(
        (
            addons.kubelet_access(),
            addons.dns(BINARIES, BLOCK),
            addons.metrics(BINARIES, layout.credentials.cluster, "--kubelet-insecure-tls"),
        )
    )
    assert "$" not in text
    documents = list(yaml.safe_load_all(text))
    services = {d["metadata"]["name"]: d for d in documents if d["kind"] == "Service"}
    assert services["kube-dns"]["spec"]["clusterIP"] == str(BLOCK.cluster_dns)
    pods = [d["spec"]["template"]["spec"] for d in documents if d["kind"] == "Deployment"]
    assert all(pod["securityContext"]["runAsNonRoot"] for pod in pods)
    assert all(
        c["securityContext"]["readOnlyRootFilesystem"] for p in pods for c in p["containers"]
    )


def test_fake_nodes_spread_over_zones() -> None:
    zones = [n["metadata"]["labels"]["topology.kubernetes.io/zone"] for n in fakenodes.nodes(6)]
    assert {zone: zones.count(zone) for zone in zones} == dict.fromkeys(fakenodes.ZONES, 2)


def test_only_shims_of_our_containerd_are_stopped() -> None:
    ours = ["/usr/bin/containerd-shim-runc-v2", "-address", "/run/headlesscms/containerd.sock"]
    assert teardown.is_shim_of(ours, "/run/headlesscms/containerd.sock")
    assert not teardown.is_shim_of(
        [*ours[:2], "/run/other.sock"], "/run/headlesscms/containerd.sock"
    )
    assert not teardown.is_shim_of(["grep", *ours], "/run/headlesscms/containerd.sock")


def test_a_dns_question_is_asked_as_the_rfc_says() -> None:
    question = ready.dns_query(b"\x12\x34", "a.bc")
    assert question == bytes.fromhex("1234 0100 0001 0000 0000 0000 01 61 02 6263 00 0001 0001")
