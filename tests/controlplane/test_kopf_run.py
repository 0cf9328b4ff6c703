"""Out of the cluster, for development, as docs/operations.md tells it."""

import sys
from pathlib import Path

from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.team import Team, eventually
from tests.support.charts import REPOSITORY

DOCUMENTED = "kopf run -A -m cms_operator.main"


def test_the_documented_command_is_an_operator(team: Team, operator: OperatorProcess) -> None:
    assert DOCUMENTED in (REPOSITORY / "docs" / "operations.md").read_text()
    kopf, *arguments = DOCUMENTED.split()
    command = (str(Path(sys.executable).parent / kopf), *arguments)
    with operator.replaced_by(operator.another("kopf-run-operator", command=command)):
        team.make(replicas=1)
        team.wait_until_ready()
        team.delete("service", "shop")
        eventually(lambda: "shop" in team.names("service"), "drift is put right")
