"""The Secret with the first owners of the tenants."""

from collections.abc import Mapping

from cms_operator.api import HeadlessCMS
from cms_operator.api.objects import Object
from cms_operator.resources import labels, metadata, names, secret_data
from cms_operator.resources.manifests import Manifest
from cms_operator.resources.randomness import RandomBytes, password


def values(resource: HeadlessCMS, existing: Object | None, random: RandomBytes) -> dict[str, str]:
    """Adds what is missing. What is there stays, for it was used when the tenant was made."""
    found = secret_data.decode(existing) if existing else {}
    for tenant in resource.spec.tenants:
        found.setdefault(email_key(tenant.name), tenant.owner_email)
        if not found.get(password_key(tenant.name)):
            found[password_key(tenant.name)] = password(random)
    return found


def email_key(tenant: str) -> str:
    return f"{tenant}.email"


def password_key(tenant: str) -> str:
    return f"{tenant}.password"


def build(resource: HeadlessCMS, values: Mapping[str, str]) -> Manifest:
    name = names.admin_secret(resource.name)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata.child(resource, name, component=labels.Component.CREDENTIALS),
        "type": "Opaque",
        "data": secret_data.encode(values),
    }
