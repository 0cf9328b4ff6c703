"""What the operator's port tells, and to whom, with the API server as the judge."""

import base64
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from localcluster.controlplane import ControlPlane
from tests.controlplane.operator_process import OperatorProcess, chart
from tests.controlplane.team import SOURCE, Team, eventually
from tests.support.charts import Objects, of_kind

PAGES = ("/healthz", "/readyz", "/metrics")
NO_PAGES = (
    "/", "/statusz", "/debug/pprof", "/metrics/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
    "/..%2f..%2fetc/passwd", "//etc/passwd", "/metrics%00", "/healthz/../metrics",
)  # fmt: skip


def answer(operator: OperatorProcess, path: str, *, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", operator.port, timeout=30)
    connection.putrequest(method, path, skip_accept_encoding=True)
    connection.endheaders()
    found = connection.getresponse()
    text = found.read().decode()
    connection.close()
    return found.status, text


def secrets_of(team: Team) -> set[str]:
    """Every value in a Secret of the namespace, as it is and in base64."""
    data = [found.get("data") or {} for found in team.all("secret")]
    encoded = {value for values in data for value in values.values() if value}
    return encoded | {base64.b64decode(value).decode() for value in encoded} | {*SOURCE.values()}


def test_no_page_holds_what_is_secret(team: Team, operator: OperatorProcess) -> None:
    tenant = {"name": "acme", "displayName": "Acme's Unannounced Product", "ownerEmail": "o@a.b"}
    team.make(tenants=[tenant], pod={"env": [{"name": "KEY", "value": "an-inline-key"}]})
    team.wait_until_ready()
    hidden = secrets_of(team) | {"first-password", "redis-password", "an-inline-key"}
    hidden |= {tenant["displayName"], tenant["ownerEmail"]}
    assert len(hidden) > 8
    for path in PAGES:
        status, text = answer(operator, path)
        assert status == 200
        assert [word for word in hidden if word in text] == []


@pytest.mark.parametrize("path", NO_PAGES)
def test_the_port_serves_no_other_page_and_no_file(operator: OperatorProcess, path: str) -> None:
    status, text = answer(operator, path)
    assert status in {400, 404}
    assert "root:" not in text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE"])
def test_pages_are_only_read(operator: OperatorProcess, method: str) -> None:
    assert answer(operator, "/metrics", method=method)[0] == 405


@pytest.fixture
def rendered() -> Objects:
    return chart().render({"metrics": {"authenticated": True}})


@pytest.fixture
def guarded(
    control_plane: ControlPlane, operator: OperatorProcess, rendered: Objects
) -> Iterator[OperatorProcess]:
    """An operator in place of the tier's own, with the rights that the chart adds."""
    before = chart().render()
    process = operator.another(
        "guarded-operator", environment={"HCMS_METRICS_AUTHENTICATED": "true"}
    )
    operator.stop()
    _apply_roles(control_plane, rendered)
    try:
        process.start()
        yield process
    finally:
        process.stop()
        _apply_roles(control_plane, before)
        operator.start()


def _apply_roles(control_plane: ControlPlane, objects: Objects) -> None:
    for role in of_kind(objects, "ClusterRole"):
        control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(role))


def scrape(operator: OperatorProcess, token: str | None) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{operator.port}/metrics")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as found:  # noqa: S310
            return int(found.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_metrics_are_for_those_whom_the_cluster_lets_read_them(
    team: Team, guarded: OperatorProcess, rendered: Objects
) -> None:
    assert scrape(guarded, None) == 401
    assert scrape(guarded, "made-up") == 401
    (reader,) = [
        found["metadata"]["name"]
        for found in of_kind(rendered, "ClusterRole")
        if found["metadata"]["name"].endswith("-metrics-reader")
    ]
    for account in ("prometheus", "stranger"):
        team.kubectl("create", "serviceaccount", account)
    binding = f"reader-{team.namespace}"
    account = f"--serviceaccount={team.namespace}:prometheus"
    team.kubectl("create", "clusterrolebinding", binding, f"--clusterrole={reader}", account)
    try:
        tokens = {
            name: team.kubectl("create", "token", name).strip()
            for name in ("prometheus", "stranger")
        }
        assert scrape(guarded, tokens["stranger"]) == 403
        eventually(lambda: scrape(guarded, tokens["prometheus"]) == 200, "the binding is in force")
        assert answer(guarded, "/readyz") == (200, "ok")
    finally:
        team.kubectl("delete", "clusterrolebinding", binding)
    log = guarded.log.read_text()
    assert [token for token in tokens.values() if token in log] == []
