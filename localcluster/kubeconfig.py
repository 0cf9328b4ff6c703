"""Kubeconfig files; JSON is valid YAML."""

import base64
import json
import os
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


def write_private(path: Path, text: str) -> Path:
    """Nobody else may read the file, not even for the moment of its making."""
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
    return path
