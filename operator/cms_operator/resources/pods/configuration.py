"""Environment of the CMS in a revision's ConfigMap. Nothing in it is secret."""

from cms_operator.api import HeadlessCMS
from cms_operator.api.spec import Spec
from cms_operator.resources.pods import mounts
from cms_operator.resources.sources import authorities
from cms_operator.resources.sources.sources import DATABASE_KEY, REDIS_KEY, REPLICA_KEY, Sources

Configuration = dict[str, str]


def build(resource: HeadlessCMS, sources: Sources, revision: str) -> Configuration:
    return {
        **_process(resource, revision),
        **_database(sources),
        **_redis(resource.spec, sources),
        **_tokens(resource.spec),
    }


def _process(resource: HeadlessCMS, revision: str) -> Configuration:
    spec = resource.spec
    proxies = {"TRUSTED_PROXIES": ",".join(spec.trusted_proxies)} if spec.trusted_proxies else {}
    return {
        "HCMS_NAME": resource.name,
        "HCMS_NAMESPACE": resource.namespace,
        "HCMS_REVISION": revision,
        "PORT": str(spec.ports.http),
        "ADMIN_PORT": str(spec.ports.admin),
        "LOG_LEVEL": spec.log_level,
        **proxies,
        **_host_of_all(spec),
    }


def _host_of_all(spec: Spec) -> Configuration:
    """No tenant shall take it from the others. A single one may have it as its own, and a wildcard
    is there for the names of tenants.

    It is no part of a revision's name: pods that are there are not ended for it.
    """
    route = spec.route
    if route is None or route.host.startswith("*.") or len(spec.tenants) == 1:
        return {}
    return {"HCMS_ROUTE_HOST": route.host}


def _database(sources: Sources) -> Configuration:
    config = {"DATABASE_URL": sources.database.url()}
    if sources.makes_service_role:
        config["DATABASE_CREDENTIALS_DIR"] = mounts.DATABASE_DIR
    else:
        config["DATABASE_CREDENTIALS_URL_FILE"] = f"{mounts.SOURCE_DIR}/{DATABASE_KEY}"
    if sources.replica is None:
        return config
    config["DATABASE_READ_REPLICA_URL"] = sources.replica.url()
    if not sources.makes_service_role:
        path = f"{mounts.SOURCE_DIR}/{REPLICA_KEY}"
        config["DATABASE_READ_REPLICA_CREDENTIALS_URL_FILE"] = path
    return config


def _redis(spec: Spec, sources: Sources) -> Configuration:
    config = {"REDIS_URL": sources.redis.url(), "REDIS_MODE": spec.redis.mode}
    if spec.redis.sentinel_master:
        config["REDIS_SENTINEL_MASTER"] = spec.redis.sentinel_master
    if sources.redis.has_credentials:
        config["REDIS_CREDENTIALS_URL_FILE"] = f"{mounts.SOURCE_DIR}/{REDIS_KEY}"
    if sources.redis_ca:
        config["REDIS_CA_FILE"] = authorities.REDIS_PATH
    return config


def _tokens(spec: Spec) -> Configuration:
    return {
        "JWT_KEYS_FILE": f"{mounts.JWT_DIR}/keys.json",
        "ACCESS_TOKEN_SECONDS": str(spec.auth.access_token_seconds),
        "REFRESH_TOKEN_SECONDS": str(spec.auth.refresh_token_seconds),
    }
