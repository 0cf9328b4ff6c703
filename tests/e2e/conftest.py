"""A real cluster with the charts in it.

The processes of pytest-xdist share the operator; each has a namespace, datastores and a CMS. A
file is run by one of them, so that what it puts into the cluster is its own.
"""

import functools
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import localcluster
from demo.headless_cms import HeadlessCms
from demo.installation import Installation
from demo.misbehaving.faults.names import Fault
from demo.misbehaving.image import source
from demo.tools import Helm, Kubectl
from demo.traffic import LoadPod
from localcluster import existing, gateway, images, program
from localcluster.cluster import Cluster
from localcluster.errors import ClusterError, NoClusterError
from localcluster.node import policies, record
from localcluster.progress import Progress
from tests.e2e import diagnostics
from tests.e2e.world import World, wait_until_settled
from tests.support import loop

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")
NAMESPACE = f"headlesscms-e2e-{WORKER}"
ARTIFACTS = Path(__file__).parents[2] / "test-artifacts" / "e2e"


@functools.cache
def cluster_or_error() -> Cluster | ClusterError:
    try:
        return localcluster.up(Progress())
    except ClusterError as error:
        return error


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    if not loop.is_begun_by(session):
        return (yield)
    with ExitStack() as until_the_end:
        with loop.shown(session):
            found = cluster_or_error()
            if isinstance(found, Cluster):
                until_the_end.enter_context(operator_in(found))
            elif is_an_error(found):
                pytest.exit(str(found), returncode=1)
        return (yield)


def is_an_error(found: ClusterError) -> bool:
    required = os.environ.get("HCMS_REQUIRE_CLUSTER") == "1"
    return required or not isinstance(found, NoClusterError)


@contextmanager
def operator_in(cluster: Cluster) -> Iterator[None]:
    """An operator from its chart; one that was there before, such as the demo's, stays."""
    progress = Progress()
    loaded = images.build_and_load(cluster, progress)
    if cluster.provider != existing.PROVIDER:
        program.ensure(gateway.CONTROLLER, progress)
    if cluster.provider == record.PROVIDER:
        program.ensure(policies.ENGINE, progress)
    installation = installation_in(cluster)
    was_there = installation.is_operator_installed()
    with progress.step("the operator"):
        installation.install_operator(loaded["operator"])
    yield
    if not was_there:
        installation.remove_operator()


def installation_in(cluster: Cluster) -> Installation:
    kubectl = Kubectl(cluster.binaries / "kubectl", cluster.kubeconfig)
    return Installation(kubectl, Helm(cluster.binaries / "helm", cluster.kubeconfig))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Here and not in a fixture, so that all skipped tests make one line."""
    found = cluster_or_error()
    if isinstance(found, ClusterError):
        if is_an_error(found):
            raise found
        pytest.skip(f"no cluster can be had here: {found.message}")


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    found = cluster_or_error()
    assert isinstance(found, Cluster)
    return found


@pytest.fixture(scope="session")
def loaded(cluster: Cluster) -> dict[str, str]:
    """References of the project's images."""
    return images.build_and_load(cluster, Progress())


@pytest.fixture(scope="session")
def installation(cluster: Cluster) -> Installation:
    return installation_in(cluster)


@pytest.fixture(scope="session")
def kubectl(installation: Installation) -> Kubectl:
    return installation.kubectl


@pytest.fixture(scope="session")
def world(installation: Installation, loaded: dict[str, str]) -> Iterator[World]:
    kubectl = installation.kubectl
    installation.remove_namespace(NAMESPACE)
    installation.create_namespace(NAMESPACE)
    installation.install_datastores(NAMESPACE)
    load = LoadPod(kubectl, NAMESPACE, loaded["api"])
    load.start()
    yield World(kubectl, NAMESPACE, loaded["api"], load)
    kubectl("delete", "headlesscmses", "--all", "-n", NAMESPACE)
    installation.remove_namespace(NAMESPACE, wait=False)


@pytest.fixture(scope="session")
def shop_and_article(world: World) -> tuple[HeadlessCms, str]:
    world.write_source("shop", "shop")
    shop = world.make("shop")
    world.wait_until_ready(shop)
    return shop, world.publish_article(shop, "hello", "Hello")


@pytest.fixture
def shop(shop_and_article: tuple[HeadlessCms, str]) -> HeadlessCms:
    """A CMS that serves; every test leaves it as it was."""
    shop, _ = shop_and_article
    wait_until_settled(shop)
    return shop


@pytest.fixture
def next_image(world: World, shop: HeadlessCms) -> str:
    """The CMS by its other name, which to the operator is a release."""
    names = {world.image, f"{world.image.rpartition(':')[0]}:{images.TAG}"}
    if len(names) == 1:
        pytest.skip("a cluster of your own has one image of the CMS only")
    names.discard(shop.found()["spec"]["image"])
    return names.pop()


@pytest.fixture(scope="session")
def misbehaving(cluster: Cluster, loaded: dict[str, str]) -> Callable[[Fault], str]:
    """Images of the CMS with a fault, built when a test asks."""
    if cluster.provider == existing.PROVIDER:
        pytest.skip("a cluster of your own has no such images")
    return lambda fault: images.build_and_load_on(loaded["api"], source(fault), cluster, Progress())


@pytest.fixture
def article(shop_and_article: tuple[HeadlessCms, str]) -> str:
    """The address inside the cluster of a published article of the shop."""
    shop, path = shop_and_article
    return shop.service_url + path


@pytest.fixture
def make(world: World) -> Iterator[Callable[..., HeadlessCms]]:
    """Makes CMSs that are deleted after the test."""
    made: list[HeadlessCms] = []

    def make_one(name: str, **spec: object) -> HeadlessCms:
        made.append(world.make(name, **spec))
        return made[-1]

    yield make_one
    for cms in made:
        world.delete(cms)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    found = item.funcargs.get("installation")
    if report.failed and isinstance(found, Installation):
        diagnostics.keep(found.kubectl, NAMESPACE, ARTIFACTS / item.name)
    return report
