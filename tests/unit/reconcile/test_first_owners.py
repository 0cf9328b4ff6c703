"""The address of a tenant's first owner, where it is corrected while the tenant is being made."""

from collections.abc import Mapping
from typing import Any, cast

from cms_operator.cluster.kinds import JOB, SECRET
from cms_operator.cluster.outbound.pods import PodReader
from cms_operator.cluster.writing.apply import Applier
from cms_operator.observed.family import Family
from cms_operator.observed.jobs import JOB_LABEL
from cms_operator.reconcile.credentials import Credentials
from cms_operator.reconcile.migration.status import expected
from cms_operator.reconcile.subject import Subject
from cms_operator.resources import names
from cms_operator.resources.secrets.secret_data import decode
from tests.support.children import Case, case, no_randomness
from tests.support.specs import SOURCES, manifest
from tests.unit.rollout.pictures import NOON

WRONG, RIGHT = "owner@exmple.example", "owner@example.example"


def owned_by(email: str) -> Case:
    return case(manifest({"tenants": [{"name": "acme", "ownerEmail": email}]}), SOURCES)


def subject(owned: Case, own: Mapping[str, Mapping[str, Any]], pods: tuple[Any, ...]) -> Subject:
    return Subject(owned.resource, Family(own, job_pods=pods), {}, NOON)


FIRST, CORRECTED = owned_by(WRONG), owned_by(RIGHT)
FIRST_KEY = expected(subject(FIRST, {}, ()), FIRST.sources, None).key
FIRST_JOB = names.migration_job(FIRST.resource.name, FIRST_KEY)


class Cluster:
    """The Secret that is written, and of the first migration what is there."""

    def __init__(self) -> None:
        self._secrets: dict[str, Any] = {}
        self._credentials = Credentials(cast(Applier, self), cast(PodReader, None), no_randomness)

    async def apply(self, manifest: Mapping[str, Any], _owner: str) -> None:
        self._secrets[manifest["metadata"]["name"]] = manifest

    create = apply

    async def passes(self, owned: Case, *, has_job: bool, pod: str | None) -> str:
        """The address after it; `pod` is the phase of the Job's pod."""
        job = {FIRST_JOB: {"metadata": {"name": FIRST_JOB}, "status": {}}} if has_job else {}
        label = {"metadata": {"name": "p", "labels": {JOB_LABEL: FIRST_JOB}}}
        pods = ({**label, "status": {"phase": pod}},) if pod else ()
        now = subject(owned, {SECRET.name: self._secrets, JOB.name: job}, pods)
        await self._credentials.ensure_owners(now, owned.sources, None)
        return decode(self._secrets[names.admin_secret(owned.resource.name)])["acme.email"]


async def address_of_next(*pods: str | None) -> str:
    """What the next Job reads: the address is corrected when the first one's pod has the first of
    these phases, which ends that Job.
    """
    cluster = Cluster()
    await cluster.passes(FIRST, has_job=False, pod=None)
    await cluster.passes(CORRECTED, has_job=True, pod=pods[0])
    for pod in pods[1:]:
        await cluster.passes(CORRECTED, has_job=False, pod=pod)
    return await cluster.passes(CORRECTED, has_job=False, pod=None)


async def test_an_address_corrected_while_the_first_job_runs_is_too_late() -> None:
    """The pod goes on in its grace period, or had made the tenant already."""
    assert await address_of_next("Running", "Running") == WRONG
    assert await address_of_next("Running") == WRONG
    assert await address_of_next("Succeeded") == WRONG


async def test_a_pod_that_begins_just_when_its_job_is_ended_has_read_the_first_address() -> None:
    assert await address_of_next("Pending", "Running") == WRONG
    assert await address_of_next(None, "Succeeded") == WRONG


async def test_an_address_may_be_corrected_while_no_pod_of_the_first_job_can_start() -> None:
    """Its image cannot be pulled, a quota refuses its pod, or each try has failed so far."""
    assert await address_of_next("Pending", "Pending") == RIGHT
    assert await address_of_next(None) == RIGHT
    assert await address_of_next("Failed") == RIGHT
