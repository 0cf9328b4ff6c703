"""A stuck pod's status becomes a reason and a sentence that says what to do."""

from typing import Any

import pytest

from cms_operator.api.conditions import Reason
from cms_operator.observed.diagnosis import failure_of, find_job_problem, find_problem, next_look
from tests.unit.rollout.pictures import NOON, later


def pod(name: str = "shop-1", **status: Any) -> dict[str, Any]:
    metadata = {"name": name, "creationTimestamp": NOON.isoformat()}
    return {"metadata": metadata, "status": {"conditions": [], **status}}


def waiting(reason: str, message: str = "", **rest: Any) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": message}}
    return pod(containerStatuses=[{"state": state, "restartCount": 4, **rest}])


def terminated(**last: Any) -> dict[str, Any]:
    return {"lastState": {"terminated": last}}


UNSCHEDULABLE = pod(
    conditions=[
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/3 nodes are available: 3 Insufficient cpu.",
        }
    ]
)
CRASH = waiting("CrashLoopBackOff", **terminated(exitCode=2, reason="Error"))
PODS = [
    (waiting("ImagePullBackOff", "back-off"), Reason.IMAGE_PULL_FAILED, "spec.image"),
    (waiting("ErrImageNeverPull"), Reason.IMAGE_PULL_FAILED, "ErrImageNeverPull"),
    (
        waiting("CreateContainerConfigError", 'secret "x" not found'),
        Reason.POD_CONFIGURATION_INVALID,
        'secret "x" not found',
    ),
    (CRASH, Reason.CRASH_LOOPING, "exit code 2"),
    (CRASH, Reason.CRASH_LOOPING, "kubectl logs --previous shop-1"),
    (
        waiting("CrashLoopBackOff", **terminated(exitCode=137, reason="OOMKilled")),
        Reason.OUT_OF_MEMORY,
        "spec.resources.limits.memory",
    ),
    (UNSCHEDULABLE, Reason.UNSCHEDULABLE, "3 Insufficient cpu"),
]


@pytest.mark.parametrize(("found", "reason", "words"), PODS)
def test_what_keeps_a_pod_from_serving_is_named(
    found: dict[str, Any], reason: Reason, words: str
) -> None:
    problem = find_problem([], [found], NOON)
    assert problem is not None
    assert problem.reason is reason
    assert problem.message.endswith(reason.advice) or "kubectl logs" in problem.message
    assert words in problem.message


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ('pods "x" is forbidden: exceeded quota: small', Reason.QUOTA_EXCEEDED),
        ("violates PodSecurity restricted", Reason.PODS_REFUSED),
    ],
)
def test_a_refusal_of_pods_comes_before_what_other_pods_suffer(
    message: str, reason: Reason
) -> None:
    refused = {"type": "ReplicaFailure", "status": "True", "message": message}
    problem = find_problem([{"status": {"conditions": [refused]}}], [CRASH], NOON)
    assert problem is not None
    assert problem.reason is reason
    assert message in problem.message


def test_starting_serving_and_leaving_pods_are_no_problem() -> None:
    leaving = {**CRASH, "metadata": {"name": "old", "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    starting = waiting("ContainerCreating")
    serving = pod(containerStatuses=[{"state": {"running": {}}, "restartCount": 0}])
    assert find_problem([{"status": {}}], [leaving, starting, serving, pod()], NOON) is None


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_pod_that_waits_for_a_volume_or_an_init_container_is_named_after_a_while(
    reason: str,
) -> None:
    starting = waiting(reason)
    assert find_problem([], [starting], later(119)) is None, "its image may be on the way"
    assert next_look([starting], [], later(100)) == 20
    problem = find_problem([], [starting], later(120))
    assert problem is not None
    assert problem.reason is Reason.POD_NOT_STARTED
    assert "kubectl describe pod shop-1" in problem.message
    assert next_look([starting], [], later(120)) is None


def test_the_wait_for_a_node_is_no_wait_for_a_volume() -> None:
    starting = waiting("ContainerCreating")
    starting["status"]["startTime"] = later(600).isoformat()
    assert find_problem([], [starting], later(700)) is None
    assert find_problem([], [starting], later(720)) is not None


METADATA = {"name": "shop-migrate", "creationTimestamp": NOON.isoformat()}
# As the Job controller leaves it that has tried to make the pod.
JOB: dict[str, Any] = {
    "metadata": METADATA,
    "status": {"startTime": later(600).isoformat(), "ready": 0},
}


def test_a_job_whose_pod_is_refused_is_named_although_it_does_not_tell() -> None:
    assert find_job_problem(JOB, [], later(619)) is None
    assert next_look([], [JOB], later(605)) == 15
    problem = find_job_problem(JOB, [], later(620))
    assert problem is not None
    assert problem.reason is Reason.PODS_REFUSED
    assert "kubectl describe job shop-migrate" in problem.message


@pytest.mark.parametrize("status", [{}, {"conditions": [{"type": "Suspended", "status": "True"}]}])
def test_a_job_that_waits_for_its_turn_among_a_thousand_or_in_a_queue_is_not_refused(
    status: dict[str, Any],
) -> None:
    waits = {"metadata": METADATA, "status": status}
    assert find_job_problem(waits, [], later(3600)) is None
    assert next_look([], [waits], NOON) is None


def test_a_job_with_a_pod_has_the_problem_of_its_pod() -> None:
    assert find_job_problem(JOB, [pod()], later(660)) is None
    counted = {**JOB, "status": {**JOB["status"], "active": 1}}
    assert find_job_problem(counted, [], later(660)) is None, "its pod has not been seen yet"
    problem = find_job_problem(JOB, [CRASH], later(660))
    assert problem is not None
    assert problem.reason is Reason.CRASH_LOOPING


def test_a_message_is_bounded() -> None:
    problem = find_problem([], [waiting("ImagePullBackOff", "x" * 10_000)], NOON)
    assert problem is not None
    assert len(problem.message) < 600


def ended(times: int, name: str = "shop-1") -> dict[str, Any]:
    last = terminated(exitCode=3, reason="Error") if times else {}
    running = {"state": {"running": {}}, "restartCount": times, **last}
    return pod(name, containerStatuses=[running])


def test_one_end_is_an_accident_and_the_second_one_is_the_revisions() -> None:
    assert failure_of([ended(1), ended(0, "shop-2")], NOON) == ""
    message = failure_of([ended(1), ended(2, "shop-2")], NOON)
    assert message.startswith("Its pods have ended 3 times. Pod shop-2 has ended 2 times, ")
    assert "once" in failure_of([ended(1), ended(1, "shop-2")], NOON)


def test_what_old_pods_went_through_before_a_rollback_to_them_is_no_reason_against_it() -> None:
    begun = later(3600)
    assert failure_of([ended(2), ended(1, "shop-2"), ended(0, "shop-3")], begun) == ""
    again = {"terminated": {"exitCode": 3, "finishedAt": later(3610).isoformat()}}
    fallen = [ended(2), ended(1, "shop-2")]
    for one in fallen:
        one["status"]["containerStatuses"][0]["lastState"] = again
    assert failure_of(fallen, begun).startswith("Its pods have ended 2 times.")
    assert failure_of([CRASH], begun), "a crash loop is under way"


def test_pods_that_go_are_not_held_against_those_that_come() -> None:
    going = ended(4)
    going["metadata"]["deletionTimestamp"] = later(1).isoformat()
    assert failure_of([going], NOON) == ""


def test_what_the_cluster_lacks_is_no_failure_of_the_revision() -> None:
    assert failure_of([UNSCHEDULABLE, pod(containerStatuses=[])], NOON) == ""
