"""What a user asks for."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from cms_operator.api.fields.auth import Auth
from cms_operator.api.fields.autoscaling import Autoscaling
from cms_operator.api.fields.compute import Resources
from cms_operator.api.fields.database import Database
from cms_operator.api.fields.disruption import PodDisruptionBudget
from cms_operator.api.fields.image import ImagePullPolicy, ImagePullSecrets, ImageReference
from cms_operator.api.fields.migration import Migration
from cms_operator.api.fields.network_policy import Cidr, NetworkPolicy
from cms_operator.api.fields.pods import Pod
from cms_operator.api.fields.ports import Ports
from cms_operator.api.fields.probes import Probes
from cms_operator.api.fields.redis import Redis
from cms_operator.api.fields.rollout import Rollout
from cms_operator.api.fields.route import Route
from cms_operator.api.fields.service import Service
from cms_operator.api.fields.tenants import TenantLimits, Tenants
from cms_operator.api.model import Model
from cms_operator.api.rules import Rule
from cms_operator.api.types import ObjectName

LogLevel = Literal["debug", "info", "warning", "error"]


def _has_requests(spec: Any, attribute: str) -> bool:
    amounts = spec.resources.requests, spec.resources.limits
    return any(getattr(amount, attribute) is not None for amount in amounts)


def _cpu_is_measurable(spec: Any) -> bool:
    scaling = spec.autoscaling
    return (
        scaling is None
        or scaling.target_cpu_utilization_percentage == 0
        or _has_requests(spec, "cpu")
    )


def _memory_is_measurable(spec: Any) -> bool:
    scaling = spec.autoscaling
    return (
        scaling is None
        or scaling.target_memory_utilization_percentage == 0
        or _has_requests(spec, "memory")
    )


def _can_set_scale(spec: Any) -> bool:
    canary = spec.rollout.canary
    return spec.has_gateway or canary is None or not canary.sets_scale


def _measurable(name: str, target: str, holds: Any) -> Rule:
    # Without a request Kubernetes takes the limit for it.
    return Rule(
        cel=(
            f"!has(self.autoscaling) || self.autoscaling.{target} == 0 || "
            f"has(self.resources.requests.{name}) || has(self.resources.limits.{name})"
        ),
        message=f"needs resources.requests.{name}, of which {target} is a percentage",
        holds=holds,
        field="autoscaling",
        reason="FieldValueRequired",
    )


class Spec(Model):
    image: ImageReference
    """Image of the CMS. A new one is a new revision."""

    image_pull_policy: ImagePullPolicy = "IfNotPresent"
    """Always, IfNotPresent or Never (default IfNotPresent)."""

    image_pull_secrets: ImagePullSecrets = ()
    """Secrets for the image's registry."""

    secret_name: ObjectName | None = None
    """Secret with the keys database-url and redis-url and, if wanted, jwt-secret,
    migration-database-url and database-read-replica-url. Not <name>-jwt, -database or -admin:
    these the operator makes."""

    replicas: Annotated[int, Field(ge=0, le=1000)] = 3
    """Pods that serve (default 3; with autoscaling at least its minReplicas, but for 0). Leave it
    out of Git where autoscaling is on."""

    autoscaling: Autoscaling | None = None
    """Follows the load; {} is all defaults (default: off)."""

    ports: Ports = Ports()
    """Ports of the container."""

    service: Service = Service()
    """The Service in front of the pods."""

    database: Database = Database()
    """PostgreSQL: addresses and connection pool."""

    redis: Redis = Redis()
    """Redis: address and kind of installation."""

    auth: Auth = Auth()
    """Signing key and life of tokens."""

    resources: Resources = Resources()
    """CPU and memory of a pod."""

    probes: Probes = Probes()
    """Times of the health checks."""

    pod: Pod = Pod()
    """Labels, placement, environment and volumes of the pods."""

    pod_disruption_budget: PodDisruptionBudget = PodDisruptionBudget()
    """Pods that may be away at once when nodes are drained (default: one)."""

    network_policy: NetworkPolicy = NetworkPolicy()
    """Who may reach the pods (default: everyone the API, only the operator the admin port)."""

    log_level: LogLevel = "info"
    """debug, info, warning or error (default info)."""

    route: Route | None = None
    """Reaching the CMS by a host name (default: only by the Service)."""

    trusted_proxies: Annotated[tuple[Cidr, ...], Field(max_length=20)] = ()
    """Networks of the proxies before the pods, such as 10.0.0.0/8: their X-Forwarded-For tells
    who the client is. Without them all clients behind a proxy count as one (default: none)."""

    tenants: Tenants = ()
    """Tenants to create. Taking one away here deletes nothing, and is what comes before
    `cms tenants delete`: one that is named here is made anew."""

    tenant_limits: TenantLimits | None = None
    """What a tenant may have, unless `cms tenants limits` gave it limits of its own (default: the
    release's)."""

    migration: Migration = Migration()
    """The Job that migrates the database and makes tenants."""

    rollout: Rollout = Rollout()
    """How a new revision takes over."""

    suspend: bool = False
    """true makes the operator stop acting; traffic goes on (default false)."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.secretName) || has(self.database.secretRef)",
            message="secretName or database.secretRef must be set",
            holds=lambda spec: spec.secret_name is not None or spec.database.secret_ref is not None,
            reason="FieldValueRequired",
        ),
        Rule(
            cel="has(self.secretName) || has(self.redis.secretRef)",
            message="secretName or redis.secretRef must be set",
            holds=lambda spec: spec.secret_name is not None or spec.redis.secret_ref is not None,
            reason="FieldValueRequired",
        ),
        Rule(
            cel="self.migration.enabled || !has(self.tenants) || self.tenants.size() == 0",
            message="need migration.enabled, whose Job creates them",
            holds=lambda spec: spec.migration.enabled or not spec.tenants,
            field="tenants",
            reason="FieldValueForbidden",
        ),
        Rule(
            cel="self.migration.enabled || !has(self.tenantLimits)",
            message="need migration.enabled, whose Job writes them",
            holds=lambda spec: spec.migration.enabled or spec.tenant_limits is None,
            field="tenantLimits",
            reason="FieldValueForbidden",
        ),
        Rule(
            cel=(
                "(has(self.route) && has(self.route.gateway)) || !has(self.rollout.canary) || "
                "!self.rollout.canary.steps.exists(step, has(step.setCanaryScale))"
            ),
            message="setCanaryScale needs route.gateway: by pods alone their number is the weight",
            holds=_can_set_scale,
            field="rollout.canary.steps",
            reason="FieldValueForbidden",
        ),
        _measurable("cpu", "targetCPUUtilizationPercentage", _cpu_is_measurable),
        _measurable("memory", "targetMemoryUtilizationPercentage", _memory_is_measurable),
    )

    @property
    def wanted_pods(self) -> int:
        """How many are to serve: an autoscaler wants no fewer than its minReplicas, also before its
        first number, while the default may stand in replicas. With 0 it rests.
        """
        if self.autoscaling is None or self.replicas == 0:
            return self.replicas
        return max(self.replicas, self.autoscaling.min_replicas)

    @property
    def has_gateway(self) -> bool:
        """Its route can weigh: a Canary has its weights there."""
        return self.route is not None and self.route.gateway is not None
