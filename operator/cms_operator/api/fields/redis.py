"""Redis, which the pods share for caches and refresh tokens."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from cms_operator.api.fields.authority import CertificateAuthority
from cms_operator.api.model import Model
from cms_operator.api.rules import Rule
from cms_operator.api.types import KeyReference


class Redis(Model):
    secret_ref: KeyReference | None = None
    """Secret key with the URL redis://[user:password@]host:6379/0 (rediss:// for TLS; several
    hosts separated by commas for sentinel and cluster). When absent: the key redis-url of
    secretName."""

    ca: CertificateAuthority | None = None
    """Who may sign the certificate of a rediss:// server. When absent: the key redis-ca of
    secretName, else the authorities that the image trusts."""

    mode: Literal["standalone", "sentinel", "cluster"] = "standalone"
    """standalone, sentinel or cluster (default standalone)."""

    sentinel_master: (
        Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")] | None
    ) = None
    """Name of the master that the sentinels watch; required in the mode sentinel."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.mode != 'sentinel' || has(self.sentinelMaster)",
            message="is required when redis.mode is sentinel",
            holds=lambda redis: redis.mode != "sentinel" or redis.sentinel_master is not None,
            field="sentinelMaster",
            reason="FieldValueRequired",
        ),
        Rule(
            cel="self.mode == 'sentinel' || !has(self.sentinelMaster)",
            message="is only for the redis.mode sentinel",
            holds=lambda redis: redis.mode == "sentinel" or redis.sentinel_master is None,
            field="sentinelMaster",
            reason="FieldValueForbidden",
        ),
    )
