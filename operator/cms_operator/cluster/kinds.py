"""Every kind that the operator reads or writes, and where the API server serves it."""

from dataclasses import dataclass

from cms_operator.resources import labels

MANAGED = f"{labels.MANAGED_BY}={labels.OPERATOR}"
WATCHED = f"{labels.WATCH}=true"
# Objects that a list brings at a time. Each may have a megabyte, where somebody wants that; of some
# kinds it is what they are for.
_PAGE = 50
_SMALL_PAGE = 20


@dataclass(frozen=True, slots=True)
class Kind:
    """A namespaced kind; `selector` limits what the server lists and watches."""

    api_version: str
    name: str
    plural: str
    selector: str | None = MANAGED
    writable: bool = True
    optional: bool = False  # the cluster may lack it
    fixed: bool = False  # made once, and never again with other contents
    page: int = _PAGE

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        return self.api_version.rpartition("/")[2]

    def path(self, namespace: str | None, name: str | None = None) -> str:
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        scope = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


HEADLESS_CMS = Kind("headlesscms.io/v1alpha1", "HeadlessCMS", "headlesscmses", None, writable=False)
POD = Kind("v1", "Pod", "pods", writable=False)
ENDPOINT_SLICE = Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", writable=False)
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
# It is fixed, too, but the server compares its data byte for byte, and in an order of its own: of
# one that was created no label could be changed any more.
CONTROLLER_REVISION = Kind("apps/v1", "ControllerRevision", "controllerrevisions")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps", fixed=True, page=_SMALL_PAGE)
SECRET = Kind("v1", "Secret", "secrets", WATCHED, page=_SMALL_PAGE)
SERVICE = Kind("v1", "Service", "services")
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
JOB = Kind("batch/v1", "Job", "jobs", fixed=True)
AUTOSCALER = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
DISRUPTION_BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
NETWORK_POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
INGRESS = Kind("networking.k8s.io/v1", "Ingress", "ingresses")
HTTP_ROUTE = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", optional=True)

CHILDREN = (
    SERVICE_ACCOUNT,
    SECRET,
    CONFIG_MAP,
    CONTROLLER_REVISION,
    JOB,
    DEPLOYMENT,
    SERVICE,
    DISRUPTION_BUDGET,
    NETWORK_POLICY,
    AUTOSCALER,
    INGRESS,
    HTTP_ROUTE,
    POD,
    ENDPOINT_SLICE,
)
ALL = (HEADLESS_CMS, *CHILDREN)
BY_NAME = {kind.name: kind for kind in ALL}
