"""Command lines of the control plane's programs; pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from localcluster.addresses import Block
from localcluster.credentials import Credentials
from localcluster.pki import public_half

API_PORT = 6443
LOOPBACK = "127.0.0.1"
# Far above the defaults (20 and 30), so that the client's own brake is not what one measures.
REQUESTS = {"kube-api-qps": "1000", "kube-api-burst": "2000"}
AUDIT_FILE_MEGABYTES = "100"
AUDIT_FILES = "8"
# What etcd recommends as the most; a fleet outgrows its default of 2 GiB.
ETCD_QUOTA_BYTES = str(8 * 2**30)

Flags = Mapping[str, str]


@dataclass(frozen=True)
class Ports:
    """Loopback ports of one control plane."""

    etcd: int
    etcd_peer: int
    controller_manager: int
    scheduler: int


@dataclass(frozen=True)
class Layout:
    binaries: Path
    folder: Path
    etcd_data: Path
    address: IPv4Address
    block: Block
    ports: Ports
    credentials: Credentials

    @property
    def audit_log(self) -> Path:
        return self.folder / "audit.log"

    @property
    def audit_policy(self) -> Path:
        return self.folder / "audit-policy.json"

    def command(self, program: str, flags: Flags) -> list[str]:
        options = [f"--{name}={value}" for name, value in flags.items()]
        return [str(self.binaries / program), *options]


def audit_policy() -> str:
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata"}],
    }
    return json.dumps(policy, indent=2)


def etcd(layout: Layout) -> list[str]:
    own, authority = layout.credentials.etcd_peer, str(layout.credentials.etcd.certificate)
    client = f"https://{LOOPBACK}:{layout.ports.etcd}"
    peer = f"https://{LOOPBACK}:{layout.ports.etcd_peer}"
    flags = {
        "data-dir": str(layout.etcd_data),
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
        "client-cert-auth": "true",
        "trusted-ca-file": authority,
        "cert-file": str(own.certificate),
        "key-file": str(own.key),
        "peer-client-cert-auth": "true",
        "peer-trusted-ca-file": authority,
        "peer-cert-file": str(own.certificate),
        "peer-key-file": str(own.key),
        # The cluster is thrown away with its machine: nothing to keep through a power cut.
        "unsafe-no-fsync": "true",
        "quota-backend-bytes": ETCD_QUOTA_BYTES,
        "log-level": "warn",
    }
    return layout.command("etcd", flags)


def api_server(layout: Layout) -> list[str]:
    credentials = layout.credentials
    flags = {
        "advertise-address": str(layout.address),
        "bind-address": str(layout.address),
        "secure-port": str(API_PORT),
        "service-cluster-ip-range": str(layout.block.services),
        "anonymous-auth": "false",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "client-ca-file": str(credentials.cluster.certificate),
        "tls-cert-file": str(credentials.api_server.certificate),
        "tls-private-key-file": str(credentials.api_server.key),
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": str(public_half(credentials.service_accounts)),
        "service-account-signing-key-file": str(credentials.service_accounts),
        "profiling": "false",
        **_api_storage(layout),
        **_api_audit(layout),
        **_api_aggregation(credentials),
        **_api_kubelets(credentials),
    }
    return layout.command("kube-apiserver", flags)


def _api_storage(layout: Layout) -> Flags:
    return {
        "etcd-servers": f"https://{LOOPBACK}:{layout.ports.etcd}",
        "etcd-cafile": str(layout.credentials.etcd.certificate),
        "etcd-certfile": str(layout.credentials.etcd_client.certificate),
        "etcd-keyfile": str(layout.credentials.etcd_client.key),
    }


def _api_audit(layout: Layout) -> Flags:
    return {
        "audit-policy-file": str(layout.audit_policy),
        "audit-log-path": str(layout.audit_log),
        "audit-log-maxsize": AUDIT_FILE_MEGABYTES,
        "audit-log-maxbackup": AUDIT_FILES,
    }


def _api_aggregation(credentials: Credentials) -> Flags:
    """What metrics.k8s.io needs; requests go to endpoints, since no Service rule is needed then."""
    return {
        "enable-aggregator-routing": "true",
        "requestheader-client-ca-file": str(credentials.front_proxy.certificate),
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "proxy-client-cert-file": str(credentials.front_proxy_client.certificate),
        "proxy-client-key-file": str(credentials.front_proxy_client.key),
    }


def _api_kubelets(credentials: Credentials) -> Flags:
    return {
        "kubelet-certificate-authority": str(credentials.cluster.certificate),
        "kubelet-client-certificate": str(credentials.kubelet_client.certificate),
        "kubelet-client-key": str(credentials.kubelet_client.key),
        # The node's name is in no DNS.
        "kubelet-preferred-address-types": "InternalIP",
    }


def controller_manager(layout: Layout, kubeconfig: Path, extra: Flags) -> list[str]:
    flags = {
        "kubeconfig": str(kubeconfig),
        "bind-address": LOOPBACK,
        "secure-port": str(layout.ports.controller_manager),
        "leader-elect": "false",
        "use-service-account-credentials": "true",
        "service-account-private-key-file": str(layout.credentials.service_accounts),
        "root-ca-file": str(layout.credentials.cluster.certificate),
        # The defaults (15 s, 5 min and 30 s) make every look at the autoscaler a long wait.
        "horizontal-pod-autoscaler-sync-period": "5s",
        "horizontal-pod-autoscaler-cpu-initialization-period": "10s",
        "horizontal-pod-autoscaler-initial-readiness-delay": "5s",
        **REQUESTS,
        **extra,
    }
    return layout.command("kube-controller-manager", flags)


def scheduler(layout: Layout, kubeconfig: Path) -> list[str]:
    flags = {
        "kubeconfig": str(kubeconfig),
        "bind-address": LOOPBACK,
        "secure-port": str(layout.ports.scheduler),
        "leader-elect": "false",
        **REQUESTS,
    }
    return layout.command("kube-scheduler", flags)
