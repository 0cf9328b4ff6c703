"""The name of every child. All are DNS labels of at most 63 characters."""

import hashlib

_LONGEST = 63
_DIGEST_LENGTH = 8


def _child(name: str, *suffixes: str) -> str:
    whole = "-".join((name, *suffixes))
    if len(whole) <= _LONGEST:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:_DIGEST_LENGTH]
    tail = "-".join((digest, *suffixes))
    kept = name[: _LONGEST - len(tail) - 1].rstrip("-")
    return f"{kept}-{tail}"


def deployment(name: str, revision: str) -> str:
    return _child(name, revision)


def config_map(name: str, revision: str) -> str:
    return _child(name, revision)


def controller_revision(name: str, revision: str) -> str:
    return _child(name, revision)


def disruption_budget(name: str, revision: str) -> str:
    return _child(name, revision)


def service(name: str) -> str:
    return name


def preview_service(name: str) -> str:
    return _child(name, "preview")


def autoscaler(name: str) -> str:
    return name


def network_policy(name: str) -> str:
    return name


def service_account(name: str) -> str:
    return name


def route(name: str) -> str:
    """The name of the Ingress and of the HTTPRoute."""
    return name


def migration_job(name: str, key: str) -> str:
    return _child(name, "migrate", key)


def contract_job(name: str, key: str) -> str:
    return _child(name, "contract", key)


def jwt_secret(name: str) -> str:
    return _child(name, "jwt")


def database_secret(name: str) -> str:
    return _child(name, "database")


def admin_secret(name: str) -> str:
    return _child(name, "admin")
