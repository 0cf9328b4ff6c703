"""A certificate authority for one cluster, made with openssl.

The standard library cannot issue certificates.
"""

from dataclasses import dataclass
from pathlib import Path

from localcluster.shell import run

VALID_DAYS = "3650"
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Identity:
    """Who a certificate speaks for; addresses make it a server's."""

    user: str
    groups: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Certificate:
    certificate: Path
    key: Path


def authority_config(name: str) -> str:
    return "\n".join(
        (
            "[req]",
            "prompt = no",
            "distinguished_name = subject",
            "x509_extensions = extensions",
            "[subject]",
            f"CN = {name}",
            "[extensions]",
            "basicConstraints = critical, CA:TRUE, pathlen:0",
            "keyUsage = critical, keyCertSign, cRLSign, digitalSignature",
            "subjectKeyIdentifier = hash",
            "",
        )
    )


def identity_config(identity: Identity) -> str:
    alternatives = [f"DNS:{name}" for name in identity.names]
    alternatives += [f"IP:{address}" for address in identity.addresses]
    usage = "clientAuth, serverAuth" if alternatives else "clientAuth"
    # A prefix such as "0." lets openssl take the same field several times.
    groups = (f"{n}.O = {group}" for n, group in enumerate(identity.groups))
    return "\n".join(
        (
            "[req]",
            "prompt = no",
            "distinguished_name = subject",
            "x509_extensions = extensions",
            "[subject]",
            *groups,
            f"CN = {identity.user}",
            "[extensions]",
            "basicConstraints = critical, CA:FALSE",
            "keyUsage = critical, digitalSignature",
            f"extendedKeyUsage = {usage}",
            "subjectKeyIdentifier = hash",
            "authorityKeyIdentifier = keyid",
            *([f"subjectAltName = {', '.join(alternatives)}"] if alternatives else []),
            "",
        )
    )


class Authority:
    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._own = _files(folder, name)
        self.certificate = self._own.certificate
        _request(self._own, authority_config(name))

    def issue(self, file_name: str, identity: Identity) -> Certificate:
        files = _files(self._folder, file_name)
        signer = ("-CA", str(self._own.certificate), "-CAkey", str(self._own.key))
        _request(files, identity_config(identity), *signer)
        return files

    @property
    def key(self) -> Path:
        return self._own.key


def make_key_pair(private: Path) -> Path:
    """A key pair for service account tokens; the public half lies beside the private one."""
    run(("openssl", "genpkey", "-algorithm", "EC", *KEY[2:4], "-out", str(private)))
    private.chmod(0o600)
    run(("openssl", "pkey", "-in", str(private), "-pubout", "-out", str(public_half(private))))
    return private


def public_half(private: Path) -> Path:
    return private.with_suffix(".pub")


def _files(folder: Path, name: str) -> Certificate:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Certificate(folder / f"{name}.crt", folder / f"{name}.key")


def _request(files: Certificate, config: str, *signer: str) -> None:
    path = files.key.with_suffix(".cnf")
    path.write_text(config)
    output = ("-keyout", str(files.key), "-out", str(files.certificate))
    what = ("-x509", "-new", "-config", str(path), *KEY, "-days", VALID_DAYS)
    run(("openssl", "req", *what, *output, *signer))
