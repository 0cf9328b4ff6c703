"""Servers with certificates: good ones, of strangers, for other names, and out of date."""

import os
import shutil
from pathlib import Path
from typing import Self

from localcluster.pki import Authority, Certificate, Identity
from localcluster.shell import run
from tests.service.servers import Postgres, Redis, unprivileged
from tests.support.ports import free_port

HOST = "localhost"
LOCAL = Identity(user="server", names=(HOST,), addresses=("127.0.0.1",))
ELSEWHERE = Identity(user="server", names=("elsewhere.example",))


class Issuer:
    """One authority; `ca` is the file that a pod would see."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder / name
        self._authority = Authority(self._folder, name)

    @property
    def ca(self) -> Path:
        return self._authority.certificate

    def issue(self, name: str = "server", identity: Identity = LOCAL) -> Certificate:
        return self._authority.issue(name, identity)

    def issue_expired(self) -> Certificate:
        """Good for this host until yesterday."""
        files = self.issue("expired")
        request, extensions = self._folder / "expired.csr", self._folder / "expired.ext"
        extensions.write_text(f"subjectAltName = DNS:{HOST}, IP:127.0.0.1\n")
        subject = ("-new", "-key", str(files.key), "-subj", "/CN=server", "-out", str(request))
        run(("openssl", "req", *subject))
        signer = ("-CA", str(self.ca), "-CAkey", str(self._authority.key), "-days", "-1")
        names = ("-extfile", str(extensions), "-out", str(files.certificate))
        run(("openssl", "x509", "-req", "-in", str(request), *signer, *names))
        return files


def secure_postgres(postgres: Postgres, certificate: Certificate | None) -> None:
    """Turn TLS on from the next start, or off for None."""
    settings = ["ssl = off"]
    if certificate is not None:
        files = [postgres.folder / "data" / f"server.{kind}" for kind in ("crt", "key")]
        for source, target in zip((certificate.certificate, certificate.key), files, strict=True):
            _hand_over(source, target)
        settings = ["ssl = on", f"ssl_cert_file = '{files[0]}'", f"ssl_key_file = '{files[1]}'"]
    (postgres.folder / "data" / "postgresql.auto.conf").write_text("\n".join([*settings, ""]))


def _hand_over(source: Path, target: Path) -> None:
    """PostgreSQL wants its key to be its own, and nobody else's."""
    target.unlink(missing_ok=True)
    shutil.copy(source, target)
    target.chmod(0o600)
    if (owner := unprivileged()) is not None:
        os.chown(target, owner.pw_uid, owner.pw_gid)


class SecureRedis(Redis):
    """Speaks TLS on a second port; the first one is for the test itself."""

    def __init__(self, certificate: Certificate, ca: Path, *options: str) -> None:
        self.tls_port = free_port()
        super().__init__("--tls-port", str(self.tls_port), "--tls-auth-clients", "no", *options)
        self._ca = ca
        self._certificate = certificate
        self._arguments: tuple[str, ...] = ()

    def start(self, *arguments: str) -> Self:
        self._arguments = arguments
        files = {"cert": self._certificate.certificate, "key": self._certificate.key}
        files["ca-cert"] = self._ca
        options = [
            word for name, file in files.items() for word in (f"--tls-{name}-file", str(file))
        ]
        return super().start(*arguments, *options)

    def present(self, certificate: Certificate) -> None:
        """Another one, after a restart: a sentinel takes none while it runs."""
        self._certificate = certificate
        self.stop()
        self.start(*self._arguments)
