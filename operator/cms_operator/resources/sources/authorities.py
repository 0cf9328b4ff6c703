"""Certificate authorities of the servers, which pods read as files."""

from dataclasses import dataclass
from typing import Literal

from cms_operator.api.fields.authority import CertificateAuthority
from cms_operator.api.types import KeyReference

DIRECTORY = "/etc/headlesscms/ca"
DATABASE_FILE = "database.crt"
REDIS_FILE = "redis.crt"
DATABASE_PATH = f"{DIRECTORY}/{DATABASE_FILE}"
REDIS_PATH = f"{DIRECTORY}/{REDIS_FILE}"

_BEGIN = b"-----BEGIN CERTIFICATE-----"
_PRIVATE = b"PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class Authority:
    """Where the certificates are. The pods read them again for each connection."""

    kind: Literal["secret", "configMap"]
    name: str
    key: str


def of_spec(given: CertificateAuthority) -> Authority:
    reference = given.secret_key_ref or given.config_map_key_ref
    if reference is None:
        raise AssertionError("the rules of the spec demand one")
    return Authority(
        "secret" if given.secret_key_ref else "configMap", reference.name, reference.key
    )


def secret_of(given: CertificateAuthority | None) -> KeyReference | None:
    return given.secret_key_ref if given else None


def problem_of(value: bytes) -> str | None:
    """What is wrong with the content of a Secret's key."""
    if _BEGIN not in value:
        return "holds no certificate in PEM"
    if _PRIVATE in value:
        return "holds a private key beside the certificate: give the certificate alone"
    return None
