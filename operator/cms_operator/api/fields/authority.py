"""Who may sign the certificates of servers."""

from typing import ClassVar

from cms_operator.api.model import Model
from cms_operator.api.rules import Rule, only_one_of
from cms_operator.api.types import KeyReference


class CertificateAuthority(Model):
    secret_key_ref: KeyReference | None = None
    """Secret key with certificates in PEM; excludes configMapKeyRef."""

    config_map_key_ref: KeyReference | None = None
    """ConfigMap key with certificates in PEM; excludes secretKeyRef."""

    rules: ClassVar[tuple[Rule, ...]] = (only_one_of("secretKeyRef", "configMapKeyRef"),)
