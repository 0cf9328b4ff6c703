"""The Secret with the first owners of the tenants, from which the migration Job makes them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from cms_operator.api import HeadlessCMS
from cms_operator.api.objects import Object
from cms_operator.resources import labels, metadata, names
from cms_operator.resources.manifests import Manifest
from cms_operator.resources.secrets import secret_data
from cms_operator.resources.secrets.randomness import RandomBytes, password

AWAITED = "headlesscms.io/awaited-tenants"


@dataclass(frozen=True, slots=True)
class Owners:
    """The Secret's content. `awaited` has the tenants that are still to be made, each with the key
    of the migration that was last to do so.
    """

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    awaited: Mapping[str, str] = field(default_factory=dict)


def read(secret: Object) -> Owners:
    text = str((secret["metadata"].get("annotations") or {}).get(AWAITED, ""))
    pairs = (pair.partition("=") for pair in text.split(","))
    return Owners(
        secret_data.decode(secret), {tenant: key for tenant, _, key in pairs if tenant and key}
    )


@dataclass(frozen=True, slots=True)
class Migrations:
    """The key of the one that the spec asks for, and of all how they stand.

    `running` has those of which a Job or a pod goes on, `begun` the ones of these whose pod has
    read its Secrets.
    """

    wanted: str
    complete: Collection[str] = ()
    running: Collection[str] = ()
    begun: Collection[str] = ()


def owners(
    resource: HeadlessCMS, found: Owners, migrations: Migrations, random: RandomBytes
) -> Owners:
    """The content with all tenants of the spec.

    An address follows the spec until a migration has made the tenant with it. One that is ended
    while it runs may have: the next one uses its address.
    """
    values, key = dict(found.values), migrations.wanted
    made = {*migrations.complete, *(last for last in migrations.begun if last != key)}
    awaited = {name: last for name, last in found.awaited.items() if last not in made}
    for tenant in resource.spec.tenants:
        name = tenant.name
        if email_key(name) not in values or awaited.get(name, key) not in {
            key,
            *migrations.running,
        }:
            values[email_key(name)] = tenant.owner_email
            if key not in migrations.complete:
                awaited[name] = key
        if not values.get(password_key(name)):
            values[password_key(name)] = password(random)
    return Owners(values, awaited)


def email_key(tenant: str) -> str:
    return f"{tenant}.email"


def password_key(tenant: str) -> str:
    return f"{tenant}.password"


def build(resource: HeadlessCMS, owners: Owners) -> Manifest:
    name = names.admin_secret(resource.name)
    awaited = ",".join(f"{tenant}={key}" for tenant, key in sorted(owners.awaited.items()))
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata.child(
            resource,
            name,
            component=labels.Component.CREDENTIALS,
            annotations={AWAITED: awaited},
        ),
        "type": "Opaque",
        "data": secret_data.encode(owners.values),
    }
