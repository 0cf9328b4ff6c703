"""Who may talk to whom in a cluster: one certificate and one user name for each component."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from localcluster import kubeconfig, paths
from localcluster.addresses import Block
from localcluster.pki import Authority, Certificate, Identity, make_key_pair

ADMIN = Identity("admin", ("system:masters",))
OPERATOR = Identity("headlesscms-operator")
CONTROLLER_MANAGER = Identity("system:kube-controller-manager")
SCHEDULER = Identity("system:kube-scheduler")
FRONT_PROXY = Identity("front-proxy-client")
# Bound to what logs, exec and port-forward need of a kubelet.
KUBELET_CLIENT = Identity("kube-apiserver-kubelet-client")


@dataclass(frozen=True)
class Credentials:
    folder: Path
    server: str
    cluster: Authority
    etcd: Authority
    front_proxy: Authority
    etcd_peer: Certificate
    etcd_client: Certificate
    api_server: Certificate
    front_proxy_client: Certificate
    kubelet_client: Certificate
    service_accounts: Path

    def kubeconfig(self, identity: Identity) -> Path:
        name = identity.user.replace(":", "-")
        certificate = self.cluster.issue(name, identity)
        text = kubeconfig.render(self.server, self.cluster.certificate, identity.user, certificate)
        return paths.write_private(self.folder / f"{name}.kubeconfig", text)

    def kubeconfigs(self, identities: Iterable[Identity]) -> list[Path]:
        with ThreadPoolExecutor(max_workers=4) as pool:
            return list(pool.map(self.kubeconfig, identities))


def api_server_identity(address: IPv4Address, block: Block) -> Identity:
    service = "kubernetes.default.svc"
    names = ("kubernetes", "kubernetes.default", service, f"{service}.cluster.local")
    addresses = (str(address), str(block.api_service), "127.0.0.1")
    return Identity("kube-apiserver", names=names, addresses=addresses)


def make(folder: Path, address: IPv4Address, port: int, block: Block) -> Credentials:
    """Three authorities: a client of the cluster must be nobody to etcd or as a front proxy."""
    loopback = Identity("etcd", names=("localhost",), addresses=("127.0.0.1",))
    with ThreadPoolExecutor(max_workers=4) as pool:
        key = pool.submit(make_key_pair, folder / "service-accounts.key")
        cluster, etcd, front = pool.map(
            lambda name: Authority(folder, name), ("cluster-ca", "etcd-ca", "front-proxy-ca")
        )
        server = api_server_identity(address, block)
        peer = pool.submit(etcd.issue, "etcd", loopback)
        etcd_client = pool.submit(etcd.issue, "etcd-client", Identity("kube-apiserver"))
        serving = pool.submit(cluster.issue, "kube-apiserver", server)
        proxy = pool.submit(front.issue, "front-proxy-client", FRONT_PROXY)
        kubelet = pool.submit(cluster.issue, "kubelet-client", KUBELET_CLIENT)
        return Credentials(
            folder=folder,
            server=f"https://{address}:{port}",
            cluster=cluster,
            etcd=etcd,
            front_proxy=front,
            etcd_peer=peer.result(),
            etcd_client=etcd_client.result(),
            api_server=serving.result(),
            front_proxy_client=proxy.result(),
            kubelet_client=kubelet.result(),
            service_accounts=key.result(),
        )
