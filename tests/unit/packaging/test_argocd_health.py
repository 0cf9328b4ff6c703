"""The health check of the GitOps sample, run as Argo CD runs it: in Lua 5.1, over `obj`."""

from datetime import timedelta
from typing import Any

import pytest
import yaml
from lupa.lua51 import LuaRuntime

from cms_operator.api import parse
from cms_operator.api.conditions import Reason
from cms_operator.api.problem import Problem
from cms_operator.api.status import MigrationStatus, Status
from cms_operator.observed.snapshot import RevisionState, Snapshot
from cms_operator.reporting.facts import PATIENCE, Connections, Facts
from cms_operator.reporting.status import build_invalid_status, build_status
from cms_operator.rollout.decide import decide
from tests.support.charts import REPOSITORY
from tests.support.specs import manifest
from tests.unit.rollout.pictures import NOON, snapshot

CONFIG_MAP = REPOSITORY / "config" / "samples" / "gitops" / "argocd-cm.yaml"
CHECK = "resource.customizations.health.headlesscms.io_HeadlessCMS"
GENERATION = 7
MIGRATED = MigrationStatus(key="k", phase="Complete", to_version=2, max_connections=97)
SERVING = RevisionState(3, 3, 3, 3, 3)
SETTLED = snapshot(3, "a", "a", revisions={"a": SERVING})
ROLLING = snapshot(3, "b", "a", revisions={"a": SERVING, "b": RevisionState(3, 3, 1, 1, 1)})
TAKEN_BACK = snapshot(3, "b", "a", revisions={"a": SERVING}, failure="Pod shop-1 has ended.")
SECRET_AWAY = Problem(Reason.SECRET_NOT_FOUND, "Secret shop-cms does not exist.")


def health(found: dict[str, Any]) -> tuple[str, str]:
    script = yaml.safe_load(CONFIG_MAP.read_text())["data"][CHECK]
    lua = LuaRuntime()
    lua.globals().obj = lua.table_from(found, recursive=True)
    answer = lua.execute(script)
    return answer.status, answer.message


def stored(seen: Snapshot | None, generation: int = GENERATION, **spec: Any) -> dict[str, Any]:
    """An object as the API server has it, with the operator's status where the operator has seen
    it.
    """
    resource = manifest(spec)
    resource["metadata"]["generation"] = GENERATION
    if seen is None:
        return resource
    hcms = parse(resource | {"metadata": resource["metadata"] | {"generation": generation}})
    connections = Connections(82, 97)
    facts = Facts(snapshot=seen, decision=decide(seen), connections=connections, migration=MIGRATED)
    return resource | {"status": build_status(Status(), hcms, facts, NOON).to_json()}


def without_a_secret(*, lasting: bool) -> dict[str, Any]:
    resource = stored(None)
    facts = Facts(
        snapshot=SETTLED,
        decision=decide(SETTLED),
        connections=Connections(None),
        secrets_problem=SECRET_AWAY,
        migration=MIGRATED,
    )
    first = build_status(Status(), parse(resource), facts, NOON)
    later = NOON + (PATIENCE if lasting else timedelta(0))
    return resource | {"status": build_status(first, parse(resource), facts, later).to_json()}


def invalid() -> dict[str, Any]:
    problem = Problem(Reason.INVALID_SPEC, "spec.replicas: too many")
    return stored(None) | {
        "status": build_invalid_status(Status(), GENERATION, problem, NOON).to_json()
    }


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        pytest.param(stored(SETTLED), "Healthy", "Revision a serves", id="settled"),
        pytest.param(stored(None), "Progressing", "Waiting for the operator", id="new"),
        pytest.param(
            stored(SETTLED, GENERATION - 1),
            "Progressing",
            "Waiting for the operator",
            id="changed a moment ago",
        ),
        pytest.param(stored(ROLLING), "Progressing", "1 of 3 pods", id="rolling out"),
        pytest.param(stored(TAKEN_BACK), "Degraded", "was taken back", id="taken back"),
        pytest.param(
            stored(TAKEN_BACK, GENERATION - 1),
            "Progressing",
            "Waiting for the operator",
            id="mended a moment ago",
        ),
        pytest.param(
            without_a_secret(lasting=False), "Progressing", "shop-cms", id="Secret on its way"
        ),
        pytest.param(without_a_secret(lasting=True), "Degraded", "shop-cms", id="Secret away"),
        pytest.param(invalid(), "Degraded", "spec.replicas", id="invalid"),
        pytest.param(stored(SETTLED, suspend=True), "Suspended", "spec.suspend", id="suspended"),
    ],
)
def test_argo_cd_tells_what_the_conditions_tell(
    found: dict[str, Any], status: str, words: str
) -> None:
    told = health(found)
    assert told[0] == status
    assert words in told[1]
