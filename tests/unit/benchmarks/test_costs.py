"""What a request costs, with more processes and with more tenants."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from benchmarks import scaling, tenants
from benchmarks.cost import Cost, measured, middle
from benchmarks.scaling import nginx_config
from benchmarks.wrk import Figures
from tests.support.compose_files import DEPLOY

DEPLOYED = (DEPLOY / "nginx.conf").read_text()


def cost(server: float, postgres: float = 0.0, rate: int = 1000) -> Cost:
    return Cost(Figures(rate, 1.0, 1.0, 2.0), {"server": server, "PostgreSQL": postgres})


def test_only_what_the_load_itself_took_counts() -> None:
    seconds: Iterator[int] = count(100, 2)
    found = measured(
        lambda: Figures(1000, 1.0, 1.0, 1.0), {"server": lambda: next(seconds), "idle": lambda: 7}
    )
    assert found.cpu == {"server": 2.0, "idle": 0.0}
    assert found.total == 2.0


def test_the_middle_is_the_median_of_one_part_or_of_all() -> None:
    costs = [cost(1, 9), cost(2, 1), cost(3, 2)]
    assert middle(costs) is costs[2]
    assert middle(costs, "server") is costs[1]


@pytest.mark.parametrize(
    ("few", "many", "told"),
    [
        (cost(0.3, 0.2), cost(0.3, 0.22), "| 0.500 (0.300, 0.200) | 0.520 (0.300, 0.220) | 1.04 |"),
        (cost(0.3, 0.2), cost(0.4, 0.2), "| 0.500 (0.300, 0.200) | 0.600 (0.400, 0.200) | 1.20 |"),
    ],
)
def test_tenants_are_compared_by_the_cost_of_a_request(few: Cost, many: Cost, told: str) -> None:
    line = tenants.table([tenants.Row("an entry", few, many)]).splitlines()[-1]
    assert told in line
    assert line.endswith("reached |") == ("1.04" in told)


@pytest.mark.parametrize(
    ("cores", "rate", "cpu", "verdict"),
    [
        (8, 2600, 0.9, "reached: 2.5 times"),
        (8, 2400, 0.5, "**missed**: 2.5 times"),
        (2, 1000, 0.54, "reached: CPU 1.1 times"),
        (2, 3000, 0.56, "**missed**: CPU 1.1 times"),
    ],
)
def test_without_the_cores_the_cost_of_a_request_decides(
    cores: int, rate: int, cpu: float, verdict: str
) -> None:
    row = scaling.Row("article", cost(0.4), cost(cpu, rate=rate), cost(0.5))
    assert scaling.table([row], cores).endswith(f"| {verdict} |")


def test_loads_side_by_side_count_together() -> None:
    found = scaling.at_once([Figures(300, 2.0, 1.0, 9.0), Figures(100, 1.0, 2.0, 3.0)])
    assert found == Figures(400, 2.0, 2.0, 9.0)


def test_nginx_is_as_deployed_but_for_its_addresses(tmp_path: Path) -> None:
    config = nginx_config(DEPLOYED, tmp_path, 8080, [3001, 3002])
    assert [line.split()[1] for line in config.splitlines() if "max_fails" in line] == [
        "127.0.0.1:3001",
        "127.0.0.1:3002",
    ]
    assert "listen 127.0.0.1:8080;" in config
    assert "api1" not in config
    assert "/dev/" not in config
    unchanged = set(DEPLOYED.splitlines()) & set(config.splitlines())
    assert len(unchanged) > 0.9 * len(set(DEPLOYED.splitlines()))
