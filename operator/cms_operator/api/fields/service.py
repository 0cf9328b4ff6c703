"""The Service in front of the pods."""

from typing import Annotated, Literal

from pydantic import Field

from cms_operator.api.model import Model
from cms_operator.api.types import Annotations


class Service(Model):
    port: Annotated[int, Field(ge=1, le=65535)] = 80
    """Port of the Service (default 80)."""

    type: Literal["LoadBalancer", "ClusterIP", "NodePort"] | None = None
    """LoadBalancer, ClusterIP or NodePort. When absent: ClusterIP where a route is asked for,
    else LoadBalancer."""

    annotations: Annotations = Field(default_factory=dict)
    """Annotations for the Service, for example for a cloud's load balancer."""
