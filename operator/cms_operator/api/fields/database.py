"""PostgreSQL, where the CMS keeps everything."""

from typing import Annotated

from pydantic import Field

from cms_operator.api.fields.authority import CertificateAuthority
from cms_operator.api.model import Model
from cms_operator.api.types import KeyReference


class Database(Model):
    secret_ref: KeyReference | None = None
    """Secret key with the URL postgresql://user:password@host:5432/name. When absent: the key
    database-url of secretName."""

    migration_secret_ref: KeyReference | None = None
    """Secret key with the URL of the role that owns the tables and runs migrations. When absent:
    the key migration-database-url of secretName; when that is absent too, the URL of secretRef
    is the owner's and the operator makes a role of fewer rights for the pods."""

    read_replica_secret_ref: KeyReference | None = None
    """Secret key with the URL of a read replica. When absent: the key database-read-replica-url
    of secretName, if there is one."""

    ca: CertificateAuthority | None = None
    """Who may sign the server's certificate. It and the host name are then checked (sslmode
    verify-full), in all URLs of the database. When absent: the key database-ca of secretName, if
    there is one."""

    pool_size: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Most connections that one pod opens. When absent: the URL's connection_limit, else 20.
    Pods x poolSize must fit the database's max_connections."""

    pool_timeout_seconds: Annotated[int, Field(ge=1, le=300)] | None = None
    """Seconds that a request waits for a free connection. When absent: the URL's pool_timeout,
    else 10."""
