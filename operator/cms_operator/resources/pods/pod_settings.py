"""What all pods of a HeadlessCMS have, those that serve and those that migrate."""

from cms_operator.api import HeadlessCMS
from cms_operator.api.spec import Spec
from cms_operator.resources import names
from cms_operator.resources.manifests import Manifest, part, parts, without_empty
from cms_operator.resources.pods import security


def common(resource: HeadlessCMS) -> Manifest:
    spec, pod = resource.spec, resource.spec.pod
    account = pod.service_account_name or names.service_account(resource.name)
    optional = {
        "imagePullSecrets": parts(spec.image_pull_secrets),
        "nodeSelector": dict(pod.node_selector),
        "tolerations": parts(pod.tolerations),
        "priorityClassName": pod.priority_class_name,
    }
    return {
        "serviceAccountName": account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": security.pod_context(),
        **without_empty(optional),
    }


def environment(spec: Spec) -> Manifest:
    return without_empty({"env": parts(spec.pod.env)})


def compute(spec: Spec) -> Manifest:
    return without_empty(part(spec.resources))
