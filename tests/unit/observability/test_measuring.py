"""What is counted around requests and phases."""

import pytest

from cms_operator.observability.measuring import api_request, phase
from cms_operator.observability.metrics import REGISTRY
from tests.unit.observability.scraping import value


@pytest.mark.parametrize(
    ("method", "path", "verb", "resource"),
    [
        ("GET", "/api/v1/namespaces/team-a/secrets/source", "get", "secrets"),
        ("GET", "/api/v1/secrets", "list", "secrets"),
        ("GET", "/apis/apps/v1/namespaces/team-a/deployments", "list", "deployments"),
        ("PATCH", "/apis/apps/v1/namespaces/a/deployments/b", "patch", "deployments"),
        ("DELETE", "/api/v1/namespaces/a/services/b", "delete", "services"),
        (
            "PATCH",
            "/apis/headlesscms.io/v1alpha1/namespaces/a/headlesscmses/b/status",
            "patch",
            "headlesscmses",
        ),
        ("POST", "/apis/events.k8s.io/v1/namespaces/a/events", "create", "events"),
        ("GET", "/api/v1/namespaces", "list", "namespaces"),
        ("BREW", "/api", "other", ""),
    ],
)
def test_a_metric_names_the_verb_and_the_kind_and_never_the_object(
    method: str, path: str, verb: str, resource: str
) -> None:
    def counted() -> float:
        name = "hcms_operator_api_requests_total"
        return value(REGISTRY, name, verb=verb, resource=resource, code="200")

    before = counted()
    with api_request(method, path) as answer:
        assert value(REGISTRY, "hcms_operator_api_requests_in_flight") == 1
        answer.status = 200
    assert counted() == before + 1
    assert value(REGISTRY, "hcms_operator_api_requests_in_flight") == 0


def test_a_request_without_an_answer_has_the_code_0() -> None:
    labels = {"verb": "list", "resource": "pods", "code": "0"}
    before = value(REGISTRY, "hcms_operator_api_requests_total", **labels)
    with pytest.raises(TimeoutError), api_request("GET", "/api/v1/pods"):
        raise TimeoutError
    assert value(REGISTRY, "hcms_operator_api_requests_total", **labels) == before + 1


async def test_a_phase_is_timed_and_what_breaks_it_off_is_counted() -> None:
    @phase("trying")
    async def step(divisor: int) -> float:
        return 1 / divisor

    assert await step(1) == 1
    with pytest.raises(ZeroDivisionError):
        await step(0)
    assert value(REGISTRY, "hcms_operator_phase_seconds_count", phase="trying") == 2
    errors = {"phase": "trying", "error": "ZeroDivisionError"}
    assert value(REGISTRY, "hcms_operator_phase_errors_total", **errors) == 1
