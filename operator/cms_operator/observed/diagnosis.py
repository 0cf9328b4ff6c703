"""Why pods are not what they should be, read from their status."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cms_operator.api.conditions import Reason
from cms_operator.api.objects import Object
from cms_operator.api.problem import Problem

_PULL = ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull")
_CONFIG = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
_STARTING = ("ContainerCreating", "PodInitializing")
# A pod whose image is being pulled looks like one whose volume is missing.
_STARTS_WITHIN = timedelta(seconds=120)
_JOBS_POD_WITHIN = timedelta(seconds=20)
_LONGEST_MESSAGE = 400
_ENDS_THAT_COUNT = 2
# A rollout's beginning is rounded up to a second, a pod's down.
_ROUNDED = timedelta(seconds=2)
_NEVER = datetime.max.replace(tzinfo=UTC)


def find_problem(
    deployments: Iterable[Object], pods: Iterable[Object], now: datetime
) -> Problem | None:
    """The first thing that a cluster admin would have to mend, the surest cause first."""
    for deployment in deployments:
        if refusal := _refused_pods(deployment):
            return refusal
    living = sorted(
        (pod for pod in pods if not pod["metadata"].get("deletionTimestamp")),
        key=lambda pod: str(pod["metadata"]["name"]),
    )
    for look in (_unpullable_image, _bad_configuration, _crash_loop, _unschedulable):
        for pod in living:
            if found := look(pod):
                return found
    return next((_not_started(pod) for pod in living if _starts_by(pod) <= now), None)


def find_job_problem(job: Object, pods: Iterable[Object], now: datetime) -> Problem | None:
    """Why a Job that is under way does not run.

    Where its pod is refused, only an Event of the Job tells why, and the operator reads none.
    """
    seen = [*pods]
    if seen or (job.get("status") or {}).get("active") or now < _pod_by(job):
        return find_problem([], seen, now)
    name = _name(job)
    message = (
        f"Job {name} gets no pod, as where a quota or an admission policy refuses it. Which one "
        f"says: kubectl describe job {name}."
    )
    return Problem(Reason.PODS_REFUSED, f"{message} {Reason.PODS_REFUSED.advice}")


def next_look(
    pods: Iterable[Object], jobs_without_pod: Iterable[Object], now: datetime
) -> float | None:
    """Seconds after which something that starts now counts as held up."""
    ends = [*map(_starts_by, pods), *map(_pod_by, jobs_without_pod)]
    return min(((end - now).total_seconds() for end in ends if now < end < _NEVER), default=None)


def failure_of(pods: Iterable[Object], since: datetime) -> str:
    """Why a revision cannot be trusted with traffic, however long one waits; empty if it can.

    One end may be the node's fault, the second one is the revision's; what befell its pods before
    `since`, as those of a stable revision, is no news. What the cluster lacks (an image that cannot
    be pulled yet, a node, quota) may come.
    """
    ended = [
        (ends, pod, container)
        for pod in pods
        if not pod["metadata"].get("deletionTimestamp")
        for container in pod["status"].get("containerStatuses") or []
        if (ends := _ends_since(since, pod, container))
    ]
    count = sum(ends for ends, _, _ in ended)
    if count < _ENDS_THAT_COUNT:
        return ""
    _, pod, container = max(ended, key=lambda found: found[0])
    return f"Its pods have ended {count} times. {_repeated_end(pod, container).message}"


def _starts_by(pod: Object) -> datetime:
    """When a pod that is starting counts as held up: counted from when it has a node."""
    if not any(reason in _STARTING for _, reason, _ in _waiting(pod)):
        return _NEVER
    begun = pod["status"].get("startTime") or pod["metadata"]["creationTimestamp"]
    return datetime.fromisoformat(begun) + _STARTS_WITHIN


def _pod_by(job: Object) -> datetime:
    """When a Job without a pod counts as refused one: never before its controller has tried, which
    in a large fleet comes to it minutes after its creation.
    """
    tried = (job.get("status") or {}).get("startTime")
    return datetime.fromisoformat(tried) + _JOBS_POD_WITHIN if tried else _NEVER


def _not_started(pod: Object) -> Problem:
    name, seconds = _name(pod), _STARTS_WITHIN.seconds
    message = f"Pod {name} has not started for {seconds} s; what it waits for says:"
    advice = Reason.POD_NOT_STARTED.advice
    return Problem(Reason.POD_NOT_STARTED, f"{message} kubectl describe pod {name}. {advice}")


def _ends_since(since: datetime, pod: Object, container: Object) -> int:
    """A pod older than `since` gives a time only for its last exit, so that one counts at most; in
    CrashLoopBackOff all restarts count.
    """
    restarts = int(container["restartCount"])
    created = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
    waiting = (container.get("state") or {}).get("waiting") or {}
    if created > since - _ROUNDED or waiting.get("reason") == "CrashLoopBackOff":
        return restarts
    last = ((container.get("lastState") or {}).get("terminated") or {}).get("finishedAt")
    return int(bool(restarts and last and datetime.fromisoformat(last) > since))


def _refused_pods(deployment: Object) -> Problem | None:
    for condition in (deployment.get("status") or {}).get("conditions") or []:
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            message = _clip(condition.get("message"))
            if "exceeded quota" in message:
                return Problem(Reason.QUOTA_EXCEEDED, f"{message}. {Reason.QUOTA_EXCEEDED.advice}")
            return Problem(
                Reason.PODS_REFUSED,
                f"The cluster refuses pods: {message}. {Reason.PODS_REFUSED.advice}",
            )
    return None


def _waiting(pod: Object) -> Iterable[tuple[Object, str, str]]:
    for container in pod["status"].get("containerStatuses") or []:
        waiting = (container.get("state") or {}).get("waiting")
        if waiting:
            yield container, str(waiting.get("reason", "")), _clip(waiting.get("message"))


def _unpullable_image(pod: Object) -> Problem | None:
    return _held_up(pod, _PULL, Reason.IMAGE_PULL_FAILED, "cannot pull its image")


def _bad_configuration(pod: Object) -> Problem | None:
    return _held_up(pod, _CONFIG, Reason.POD_CONFIGURATION_INVALID, "cannot start")


def _held_up(pod: Object, by: tuple[str, ...], told_as: Reason, what: str) -> Problem | None:
    for _, reason, message in _waiting(pod):
        if reason in by:
            why = f"Pod {_name(pod)} {what}: {message or reason}."
            return Problem(told_as, f"{why} {told_as.advice}")
    return None


def _crash_loop(pod: Object) -> Problem | None:
    for container, reason, _ in _waiting(pod):
        if reason == "CrashLoopBackOff":
            return _repeated_end(pod, container)
    return None


def _repeated_end(pod: Object, container: Object) -> Problem:
    last = (container.get("lastState") or {}).get("terminated") or {}
    times = "once" if container["restartCount"] == 1 else f"{container['restartCount']} times"
    if last.get("reason") == "OOMKilled":
        return Problem(
            Reason.OUT_OF_MEMORY,
            f"Pod {_name(pod)} was killed at its memory limit {times}. "
            f"{Reason.OUT_OF_MEMORY.advice}",
        )
    return Problem(
        Reason.CRASH_LOOPING,
        f"Pod {_name(pod)} has ended {times}, the last time with exit code "
        f"{last.get('exitCode', 'unknown')}. See: kubectl logs --previous {_name(pod)}",
    )


def _unschedulable(pod: Object) -> Problem | None:
    for condition in pod["status"].get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return Problem(
                Reason.UNSCHEDULABLE,
                f"No node takes pod {_name(pod)}: {_clip(condition.get('message'))}. "
                f"{Reason.UNSCHEDULABLE.advice}",
            )
    return None


def _name(pod: Object) -> str:
    return str(pod["metadata"]["name"])


def _clip(message: object) -> str:
    return str(message or "").strip().rstrip(".")[:_LONGEST_MESSAGE]
