"""Traces of an operator beside a real API server."""

from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.team import Team, eventually
from tests.service.collector import Collector, Received


def test_a_reconcile_shows_its_phases_and_its_requests_in_them(
    team: Team, operator: OperatorProcess
) -> None:
    collector = Collector()
    variables = {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_TRACES_SAMPLER_ARG": "1",
    }
    traced = operator.another("traced", environment=variables)
    with collector.running(), operator.replaced_by(traced):
        team.make(replicas=1)
        team.wait_until_ready()
        traced.stop()
        eventually(lambda: made(collector.received, team), "the trace of the first Deployment")
    request = made(collector.received, team)[0]
    spans = {each.span.span_id: each.span for each in collector.received}
    step = spans[request.span.parent_span_id]
    assert (step.name, spans[step.parent_span_id].name) == ("apply", "reconcile")
    secrets = team.read_secret("shop-jwt").values()
    assert not any(value.encode() in raw for value in secrets for raw in collector.raw)


def made(received: list[Received], team: Team) -> list[Received]:
    """Requests that created a Deployment, in a reconcile of the team's."""
    ours = {
        each.span.trace_id
        for each in received
        if each.attributes.get("k8s.namespace.name") == team.namespace
    }
    return [
        each
        for each in received
        if each.span.trace_id in ours and each.span.name.endswith(" deployments")
    ]
