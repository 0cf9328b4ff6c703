"""What the pods of a trial say of themselves."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from cms_operator.api.objects import Object
from cms_operator.cluster.outbound.pods import PodReader
from cms_operator.observed.family import revision_of
from cms_operator.observed.pods import ready_since
from cms_operator.reconcile.analysis.trial import Trial
from cms_operator.rollout.analysis.counters import PodSample
from cms_operator.rollout.analysis.exposition import Page


@dataclass(frozen=True, slots=True)
class Pages:
    """`at` is when they were asked for, `unread` why no pod of the candidate could be read, and
    `living` are the uids of all pods.
    """

    at: datetime
    pods: tuple[PodSample, ...] = ()
    unread: str = ""
    living: set[str] = field(default_factory=set)


async def read_pages(trial: Trial, reader: PodReader, now: datetime) -> Pages:
    chosen = trial.speakers()
    targets = [trial.target(pod, "ADMIN_PORT") for pod in chosen]
    pages = await asyncio.gather(*(reader.metrics(target) for target in targets))
    samples = [_sample(pod, page) for pod, page in zip(chosen, pages, strict=True)]
    read = tuple(sample for sample in samples if isinstance(sample, PodSample))
    failures = [
        f"{pod['metadata']['name']}: {sample}"
        for pod, sample in zip(chosen, samples, strict=True)
        if isinstance(sample, str) and revision_of(pod) == trial.candidate
    ]
    heard = any(sample.revision == trial.candidate for sample in read)
    return Pages(
        at=now,
        pods=read,
        unread="" if heard or not failures else failures[0],
        living={str(pod["metadata"]["uid"]) for pod in trial.family.pods},
    )


def _sample(pod: Object, page: Page | str) -> PodSample | str:
    if isinstance(page, str):
        return page
    restarts = sum(found["restartCount"] for found in pod["status"]["containerStatuses"])
    return PodSample(
        uid=str(pod["metadata"]["uid"]),
        revision=str(revision_of(pod)),
        ready_since=ready_since(pod),
        process=(restarts, page.started),
        counts=page.counts,
        database_up=page.database_up,
        cache_up=page.cache_up,
    )
