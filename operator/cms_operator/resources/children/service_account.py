"""A ServiceAccount without rights and without a token, for pods that shall run under no other."""

from collections.abc import Iterable

from cms_operator.api import HeadlessCMS
from cms_operator.resources import metadata, names
from cms_operator.resources.manifests import Manifest
from cms_operator.resources.revision import Revision


def build(resource: HeadlessCMS, revisions: Iterable[Revision]) -> Manifest | None:
    """None where the account is the user's, or neither the spec nor one of `revisions` needs it."""
    name, named = names.service_account(resource.name), resource.spec.pod.service_account_name
    accounts = {revision.template["spec"].get("serviceAccountName") for revision in revisions}
    if named == name or (named and name not in accounts):
        return None
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata.child(resource, name),
        "automountServiceAccountToken": False,
    }
