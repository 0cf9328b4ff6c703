"""Many tenants, each in its team's namespace.

For each pod the controller manager looks through the Services and budgets of its namespace: with
all tenants in one, that would be most of what is measured.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.keeping import KeepingApi
from localcluster.controlplane import ControlPlane
from tests.controlplane.api import Object
from tests.controlplane.team import Team

TENANTS_OF_A_TEAM = 50
AT_ONCE = 16


def names_of(count: int) -> list[str]:
    return [f"cms-{number}" for number in range(count)]


def namespace_of(name: str) -> str:
    number = int(name.rpartition("-")[2])
    return f"team-{number // TENANTS_OF_A_TEAM}"


def namespaces_of(names: Sequence[str]) -> list[str]:
    return sorted({namespace_of(name) for name in names})


def for_each(names: Iterable[str], act: Callable[[str], None]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(act, names))


class Teams:
    def __init__(self, control_plane: ControlPlane, names: Sequence[str]) -> None:
        api = KeepingApi(control_plane.kubeconfig)
        self._teams = {
            namespace: Team(control_plane, api, namespace) for namespace in namespaces_of(names)
        }

    def create(self) -> None:
        for team in self._teams.values():
            team.create()

    def of(self, name: str) -> Team:
        return self._teams[namespace_of(name)]

    def all(self, kind: str) -> list[Object]:
        return [found for team in self._teams.values() for found in team.all(kind)]
