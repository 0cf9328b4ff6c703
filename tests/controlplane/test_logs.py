"""The operator's log beside a real API server, held against the contract of its fields."""

from collections.abc import Iterator

import pytest

from tests.controlplane.operator_process import OF_THIS_PYTHON, OperatorProcess
from tests.controlplane.team import Team, eventually
from tests.support.log_lines import read

# Fails at each reconcile of one name.
WITH_A_DEFECT = """
import runpy
from cms_operator.reconcile.reconciler import Reconciler

reconcile = Reconciler.reconcile

async def failing(self, key):
    if key.name == "poison":
        raise RuntimeError("a defect")
    return await reconcile(self, key)

Reconciler.reconcile = failing
runpy.run_module("cms_operator", run_name="__main__")
"""


@pytest.fixture
def defective(operator: OperatorProcess) -> Iterator[OperatorProcess]:
    process = operator.another(
        "defective",
        command=(OF_THIS_PYTHON[0], "-c", WITH_A_DEFECT),
        environment={"HCMS_LOG_FORMAT": "json"},
    )
    with operator.replaced_by(process):
        yield process


def test_every_line_is_json_and_a_poisoned_object_is_seen_in_log_and_metrics(
    team: Team, defective: OperatorProcess
) -> None:
    team.make("poison")
    team.make("shop", replicas=1)
    failing = f'hcms_operator_reconcile_failures{{namespace="{team.namespace}",name="poison"}}'
    eventually(lambda: failing in defective.metrics(), "its failures are counted")
    team.wait_until_ready("shop")  # the others go on
    defective.stop()

    lines = [
        line
        for line in read(defective.log.read_text().splitlines())
        if line.get("namespace") == team.namespace
    ]
    failed = [line for line in lines if line["name"] == "poison"]
    assert all(line["exception"].endswith("RuntimeError: a defect") for line in failed)
    assert len({line["reconcileId"] for line in failed}) == len(failed) > 0
    told = [line["message"] for line in lines if line["name"] == "shop"]
    assert any(message.startswith("Ready: ") for message in told)
