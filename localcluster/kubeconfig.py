"""Kubeconfig files; JSON is valid YAML."""

import base64
import json
from pathlib import Path

from localcluster.pki import Certificate


def render(server: str, authority: Path, user: str, certificate: Certificate) -> str:
    def data(path: Path) -> str:
        return base64.b64encode(path.read_bytes()).decode()

    name = "headlesscms"
    cluster = {"server": server, "certificate-authority-data": data(authority)}
    credentials = {
        "client-certificate-data": data(certificate.certificate),
        "client-key-data": data(certificate.key),
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
        "current-context": name,
    }
    return json.dumps(config, indent=2) + "\n"
