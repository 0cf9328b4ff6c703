"""Configuration files of the node's programs; pure."""

import json
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from localcluster.addons import CLUSTER_DOMAIN
from localcluster.addresses import INTERFACE_PREFIX, Block
from localcluster.components import LOOPBACK
from localcluster.pki import Certificate

NODE_NAME = "headlesscms-node"
BRIDGE = f"{INTERFACE_PREFIX}0"
CNI_PLUGINS = Path("/usr/lib/cni")
# Sockets have short path limits, and nothing in here outlives the machine.
RUN = Path("/run/headlesscms")
NFT_TABLE = "headlesscms"


@dataclass(frozen=True)
class Folders:
    state: Path

    @property
    def cni(self) -> Path:
        return self.state / "cni"

    @property
    def containerd(self) -> Path:
        return self.state / "containerd"

    @property
    def kubelet(self) -> Path:
        return self.state / "kubelet"

    @property
    def pod_logs(self) -> Path:
        return self.state / "pods"

    @property
    def socket(self) -> Path:
        return RUN / "containerd.sock"


def containerd(folders: Folders, pause_image: str) -> str:
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = "{folders.containerd}/root"
state = "{RUN}/containerd"

[grpc]
address = "{folders.socket}"

[plugins."io.containerd.internal.v1.opt"]
path = "{folders.containerd}/opt"

[{cri}]
sandbox_image = "{pause_image}"
stream_server_address = "{LOOPBACK}"
netns_mounts_under_state_dir = true
# Root without CAP_SYS_RESOURCE may not lower a sandbox's score, and no sandbox would start.
restrict_oom_score_adj = true

[{cri}.cni]
bin_dir = "{CNI_PLUGINS}"
conf_dir = "{folders.cni}"

[{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"""


def cni(folders: Folders, block: Block) -> str:
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        # A pod reaches itself through its Service.
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(folders.state / "ipam"),
            "ranges": [[{"subnet": str(block.pods), "gateway": str(block.bridge)}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    return json.dumps({"cniVersion": "1.0.0", "name": NFT_TABLE, "plugins": [bridge]}, indent=2)


def kubelet(
    folders: Folders, block: Block, client_authority: Path, serving: Certificate, resolv_conf: Path
) -> str:
    settings = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": str(block.bridge),
        "healthzPort": 0,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(client_authority)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(serving.certificate),
        "tlsPrivateKeyFile": str(serving.key),
        "containerRuntimeEndpoint": f"unix://{folders.socket}",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        # A changed Secret reaches its mounts at the next of these.
        "syncFrequency": "10s",
        "clusterDNS": [str(block.cluster_dns)],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": str(resolv_conf),
        "podLogsDir": str(folders.pod_logs),
        "volumePluginDir": str(folders.kubelet / "volume-plugins"),
        # kube-proxy speaks nftables; the kubelet's chains would be iptables'.
        "makeIPTablesUtilChains": False,
        # Images have no registry to come back from, so a full disk must not remove them.
        "imageGCHighThresholdPercent": 100,
        "imageMaximumGCAge": "0s",
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%"},
    }
    return json.dumps(settings, indent=2)


def kube_proxy(block: Block, kubeconfig: Path, health_port: int, metrics_port: int) -> str:
    settings = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "clusterCIDR": str(block.pods),
        "hostnameOverride": NODE_NAME,
        "healthzBindAddress": f"{LOOPBACK}:{health_port}",
        "metricsBindAddress": f"{LOOPBACK}:{metrics_port}",
        # The machine's own connection tracking limits stay as they are.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }
    return json.dumps(settings, indent=2)


def nft_rules(pods: IPv4Network) -> str:
    """Pods may go out under the machine's address; nobody outside comes in to them."""
    return f"""table ip {NFT_TABLE} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {pods} oifname != "{BRIDGE}" masquerade
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname != "{BRIDGE}" oifname "{BRIDGE}" ct state new drop
  }}
}}
"""
