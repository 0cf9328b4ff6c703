"""What is made of a spec whose Secrets are all there."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from cms_operator.api import parse
from cms_operator.api.spec import Spec
from cms_operator.resources.revision import build_revision
from cms_operator.resources.sources.source_values import SecretKey
from cms_operator.resources.sources.sources import read_sources, required_secrets
from tests.support.children import UID, Case

# Parts of every password here, of which the first could be a port; only Secrets may hold them.
PASSWORDS = ("54321", "looking-glass")


def made(
    spec: Any,
    annotations: Mapping[str, str] | None = None,
    *,
    name: str = "shop",
    password: str = PASSWORDS[1],
) -> Case:
    """Raises InvalidSpec and SourceError."""
    asked = annotations or {}
    marked = {f"headlesscms.io/{key}": value for key, value in asked.items()}
    metadata = {"name": name, "namespace": "team-a", "uid": UID, "annotations": marked}
    manifest = {"apiVersion": "headlesscms.io/v1alpha1", "kind": "HeadlessCMS"}
    resource = parse({**manifest, "metadata": metadata, "spec": spec}, unknown="forbid")
    sources = read_sources(resource.spec, _secrets_of(resource.spec, password))
    return Case(resource, sources, build_revision(resource, sources, asked.get("restart")))


def _secrets_of(spec: Spec, password: str) -> dict[str, dict[str, bytes]]:
    """Whichever Secrets it names are there."""
    refs = required_secrets(spec)
    found: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
    for role, text in _values(password).items():
        reference: SecretKey | None = getattr(refs, role)
        if reference is not None:
            found[reference.name][reference.key] = text.encode()
    return dict(found)


def _values(password: str) -> Mapping[str, str]:
    """What each key holds where a spec looks for it."""
    return {
        "database": f"postgresql://pods:{password}@db.example:5433/cms",
        "migration": f"postgresql://owner:{password}@db.example:5433/cms",
        "replica": f"postgresql://pods:{password}@replica.example/cms",
        "redis": f"rediss://cms:{password}@s1.example:26380/0",
        "jwt": f"{password}-0123456789abcdef0123456789abcdef",
        "database_ca": "-----BEGIN CERTIFICATE-----",
        "redis_ca": "-----BEGIN CERTIFICATE-----",
    }
