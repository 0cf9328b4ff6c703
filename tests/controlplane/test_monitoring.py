"""What the chart brings for Prometheus and Grafana, as a real API server takes it."""

import json

from localcluster.controlplane import ControlPlane
from tests.controlplane import prometheus_operator
from tests.controlplane.operator_process import chart
from tests.support.charts import NAMESPACE, of_kind

ALL_OF_IT = {
    part: {"enabled": True}
    for part in ("serviceMonitor", "podMonitor", "prometheusRule", "dashboards")
}


def test_the_prometheus_operator_knows_every_field(control_plane: ControlPlane) -> None:
    prometheus_operator.install(control_plane)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(namespace))
    objects = chart().render({"monitoring": ALL_OF_IT})
    kinds = ("ServiceMonitor", "PodMonitor", "PrometheusRule", "ConfigMap")
    found = [found for kind in kinds for found in of_kind(objects, kind)]
    assert {each["kind"] for each in found} == set(kinds)
    applied = control_plane.kubectl(
        *("apply", "--server-side", "--validate=strict", "-f", "-"),
        stdin="".join(f"---\n{json.dumps(each)}\n" for each in found),
    )
    assert len(applied.splitlines()) == len(found)
