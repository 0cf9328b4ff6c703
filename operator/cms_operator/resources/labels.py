"""Labels of the children, and the selectors made from them."""

from collections.abc import Iterable
from enum import StrEnum

from cms_operator.api import HeadlessCMS

OPERATOR = "headlesscms-operator"

NAME = "app.kubernetes.io/name"
INSTANCE = "app.kubernetes.io/instance"
MANAGED_BY = "app.kubernetes.io/managed-by"
COMPONENT = "app.kubernetes.io/component"
REVISION = "headlesscms.io/revision"
# The operator watches only Secrets with this label: generated ones, and users' that carry it.
WATCH = "headlesscms.io/watch"


class Component(StrEnum):
    API = "api"
    MIGRATION = "migration"
    CREDENTIALS = "credentials"


def instance(resource: HeadlessCMS) -> dict[str, str]:
    """What all pods of a HeadlessCMS have, whatever they do."""
    return {NAME: "headlesscms", INSTANCE: resource.name}


def of(
    resource: HeadlessCMS, component: Component = Component.API, revision: str | None = None
) -> dict[str, str]:
    labels = {**instance(resource), MANAGED_BY: OPERATOR, COMPONENT: component.value}
    if component is Component.CREDENTIALS:
        labels[WATCH] = "true"
    return {**labels, REVISION: revision} if revision else labels


def serving(resource: HeadlessCMS, revision: str | None = None) -> dict[str, str]:
    """Selects the pods that serve: all of them, or those of one revision."""
    labels = {**instance(resource), COMPONENT: Component.API.value}
    return {**labels, REVISION: revision} if revision else labels


def other_revisions_text(resource: HeadlessCMS, revision: str) -> str:
    """Selects the pods that serve of every revision but one."""
    parts = [f"{key}={value}" for key, value in serving(resource).items()]
    return ",".join([*parts, f"{REVISION}!={revision}"])


def selector_text(resource: HeadlessCMS, revisions: Iterable[str]) -> str:
    """The selector in status.selector, by which the autoscaler counts pods."""
    parts = [f"{key}={value}" for key, value in serving(resource).items()]
    return ",".join([*parts, f"{REVISION} in ({','.join(sorted(revisions))})"])
