"""A ServiceAccount without rights and without a token.

It is there also when the user names another one: pods of an older revision may still need it.
"""

from cms_operator.api import HeadlessCMS
from cms_operator.resources import metadata, names
from cms_operator.resources.manifests import Manifest


def build(resource: HeadlessCMS) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata.child(resource, names.service_account(resource.name)),
        "automountServiceAccountToken": False,
    }
