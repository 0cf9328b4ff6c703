"""What the operator's metrics show of a tenant and of its releases."""

import re

from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.team import IMAGES, Team, eventually

WAIT = {"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}, "strategy": "Canary"}


def series(operator: OperatorProcess, team: Team, name: str) -> dict[str, float]:
    """Values of the shop's series by their other labels, in the order of their text."""
    found = re.findall(
        rf'^{name}{{namespace="{team.namespace}",name="shop",?(.*?)}} (\S+)$',
        operator.metrics(),
        re.MULTILINE,
    )
    return {labels: float(value) for labels, value in found}


def ended(operator: OperatorProcess, outcome: str) -> float:
    name = f'hcms_operator_rollout_seconds_count{{outcome="{outcome}",strategy="Canary"}} '
    lines = [line for line in operator.metrics().splitlines() if line.startswith(name)]
    return float(lines[0].rpartition(" ")[2]) if lines else 0.0


def test_a_release_is_seen_while_it_lasts_and_counted_when_it_is_over(
    team: Team, operator: OperatorProcess
) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    ready = 'type="Ready",status="True"'
    eventually(lambda: series(operator, team, "hcms_condition").get(ready) == 1, "it is Ready")
    assert series(operator, team, "hcms_status_ready_replicas") == {"": 2.0}
    assert series(operator, team, "hcms_rollout_started_timestamp_seconds") == {}

    before = {outcome: ended(operator, outcome) for outcome in ("Completed", "Aborted")}
    team.make(replicas=2, image=f"{IMAGES}:2.0.0", rollout=WAIT)

    def paused() -> bool:
        return any(
            'phase="Paused"' in text for text in series(operator, team, "hcms_rollout_phase")
        )

    eventually(paused, "the rollout waits at its step")
    assert series(operator, team, "hcms_rollout_weight_percent")['kind="actual"'] == 50
    candidate = team.status()["rollout"]["revision"]
    team.annotate("abort", candidate)
    eventually(lambda: ended(operator, "Aborted") == before["Aborted"] + 1, "it was aborted")
    assert series(operator, team, "hcms_rollout_phase") == {}

    team.annotate("retry", candidate)
    eventually(paused, "the second try waits, too")
    team.annotate("promote", candidate)
    eventually(lambda: ended(operator, "Completed") == before["Completed"] + 1, "it is completed")
    assert ended(operator, "Aborted") == before["Aborted"] + 1


def test_the_series_of_an_object_go_with_it(team: Team, operator: OperatorProcess) -> None:
    team.make(replicas=1)
    eventually(lambda: series(operator, team, "hcms_info"), "it is shown")
    team.delete("headlesscms", "shop")
    eventually(lambda: team.namespace not in operator.metrics(), "nothing of it is left")
