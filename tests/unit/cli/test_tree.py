"""What `kubectl hcms status` shows."""

from typing import Any

import pytest

from cms_operator.cli import pods
from cms_operator.cli.text import coloured, cut
from cms_operator.cli.tree import render, summary
from tests.unit.cli.objects import NOW, condition, hcms, pod, revision, rollout

REQUEST = {"verb": "pause", "value": "b:1", "by": "alice", "outcome": "paused until it is resumed"}
CONDITIONS = [
    condition("Ready", "False", "Paused", "Revision b: 1 of 3 pods are available."),
    condition("Reconciling", "True", "Paused", "It waits."),
    condition("Stalled", "False", "NotStalled"),
    condition("SecretsReady", "True", "SecretsRead"),
    condition("ConnectionsFit", "Unknown", "NoReportYet", "Wait."),
]
PAUSED = """\
Name:        shop
Namespace:   team-a
Status:      ⏸ Paused
Strategy:    Canary
Replicas:    3 wanted, 3 ready
Address:     shop.team-a.svc
Rollout:     ⏸ Paused, revision b from a
             ⏸ paused by alice
Weights:     setWeight 34 %, actualWeight 33 %
Steps:       ✔ 1 setWeight 34
             ◌ 2 pause for 300 s
               3 setWeight 67
               4 pause until promoted

✖ Ready            False     Paused        Revision b: 1 of 3 pods are available.
◌ Reconciling      True      Paused        It waits.
✔ Stalled          False     NotStalled
◌ ConnectionsFit   Unknown   NoReportYet   Wait.

Asked: pause   by alice   paused until it is resumed

NAME             STATUS               READY   AGE   INFO
shop             ⏸ Paused                     2d
├─ revision b    on trial             1/1     5m    registry.example/cms:b
│  └─ shop-b-1   ✔ Running            1/1     4m    0 restarts
└─ revision a    stable               2/2     2d    registry.example/cms:a
   ├─ shop-a-1   ✖ CrashLoopBackOff   0/1     4m    3 restarts
   └─ shop-a-2   ◌ Running            0/1     4m    0 restarts"""
PODS = [
    pod("shop-b-1", "b"),
    pod("shop-a-2", "a", containerStatuses=[{"ready": False, "restartCount": 0}]),
    pod(
        "shop-a-1",
        "a",
        containerStatuses=[
            {"restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
        ],
    ),
]


def test_a_paused_canary_is_shown_with_steps_weights_and_pods() -> None:
    shown = hcms(
        rollout=rollout(heldBy="alice", requests=[REQUEST]),
        conditions=CONDITIONS,
    )
    assert render(shown, PODS, NOW) == PAUSED.split("\n")


MEASURES = [
    {
        "name": "errors",
        "verdict": "Inconclusive",
        "candidate": "5 %",
        "stable": "0.1 %",
        "samples": 500,
        "limit": "1 %, and 2 times stable's",
    },
    {"name": "latency-p50", "verdict": "NoData", "candidate": "no requests"},
    {
        "name": "carts",
        "verdict": "Successful",
        "candidate": "3",
        "samples": 4,
        "limit": "at most 5",
    },
]


@pytest.mark.parametrize("phase", ["Analyzing", "Baking", "Aborted"])
def test_each_measure_is_shown_with_both_values_its_limit_and_its_samples(phase: str) -> None:
    analysis = {"verdict": "Inconclusive", "message": "errors: 5 %", "measures": MEASURES}
    lines = render(hcms(rollout=rollout(phase=phase, analysis=analysis)), PODS, NOW)
    assert lines[-5:] == [
        "",
        "MEASURE         VERDICT        CANDIDATE     STABLE   SAMPLES   ALLOWED",
        "⏸ errors        Inconclusive   5 %           0.1 %    500       1 %, and 2 times stable's",
        "◌ latency-p50   NoData         no requests            0",
        "✔ carts         Successful     3                      4         at most 5",
    ]


def test_what_was_measured_of_a_release_that_has_passed_is_left_out() -> None:
    analysis = {"verdict": "Successful", "message": "", "measures": MEASURES}
    lines = render(hcms(rollout=rollout(phase="Completed", analysis=analysis)), PODS, NOW)
    assert "MEASURE" not in "\n".join(lines)


def test_a_step_that_sets_the_candidates_pods_is_no_pause() -> None:
    found = hcms(rollout=rollout(currentStepIndex=1))
    found["spec"]["route"] = {"host": "cms.example.com", "gateway": {"name": "public"}}
    found["spec"]["rollout"]["canary"]["steps"] = [
        {"setCanaryScale": {"replicas": 0}},
        {"pause": {}},
        {"setCanaryScale": {"weight": 50}},
        {"setCanaryScale": {"matchTrafficWeight": True}},
    ]
    lines = [line.removeprefix("Steps:").strip() for line in render(found, [], NOW)]
    assert [line for line in lines if "pause" in line or "set" in line][1:] == [
        "✔ 1 setCanaryScale replicas 0",
        "◌ 2 pause until promoted",
        "3 setCanaryScale weight 50",
        "4 setCanaryScale matchTrafficWeight",
    ]


def test_a_rollback_says_what_is_pinned_and_by_whom() -> None:
    pin = {"from": "b", "to": "a", "by": "alice", "since": "2026-01-01T11:59:00Z"}
    stalled = condition("Stalled", "True", "Pinned")
    shown = render(hcms(pin=pin, conditions=[stalled], rollout=rollout(phase="Completed")), [], NOW)
    text = "\n".join(shown)
    assert "Rolled back:   ⏸ b to a by alice since 2026-01-01T11:59:00Z" in text
    assert "stable, rolled back to" in text
    assert "✖ Pinned" in text
    assert "setWeight" not in text, "no rollout is under way"


def test_revisions_without_pods_are_left_out_unless_they_matter() -> None:
    text = "\n".join(render(hcms(rollout=rollout(phase="Aborted", message="It crashes.")), [], NOW))
    assert "revision 0" not in text
    assert "It crashes." in text
    assert "taken back" in text


@pytest.mark.parametrize("broken", [{}, {"spec": {"replicas": 3, "from": "a newer version"}}])
def test_an_object_without_a_status_or_with_a_newer_spec_is_shown_all_the_same(
    broken: dict[str, Any],
) -> None:
    found = {**hcms(rollout=rollout()), **broken}
    assert render(found, [], NOW)[0] == "Name:        shop"
    assert render({**found, "status": {}}, [], NOW)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"conditions": [condition("Ready", "True", "Ready")]}, "✔ Ready"),
        ({"conditions": [condition("Ready", "False", "SecretNotFound")]}, "◌ SecretNotFound"),
        ({"rollout": rollout(phase="Baking")}, "◌ Baking"),
        ({}, "◌ Unknown"),
    ],
)
def test_one_word_for_all_of_it(status: dict[str, Any], words: str) -> None:
    assert summary(status) == words


def test_a_pod_that_goes_says_so() -> None:
    going = pod("p", "a")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:00Z"
    assert pods.row(going, NOW)[0] == "◌ Terminating"


def test_marks_have_colours_and_long_lines_an_end() -> None:
    assert coloured("✔ Ready") == "\x1b[32m✔\x1b[0m Ready"
    assert cut("12345", 4) == "123…"
    assert cut("1234", 4) == "1234"


def test_the_first_revision_has_no_one_before_it() -> None:
    first = hcms(stableRevision=None, updatedRevision="b", revisions=[revision("b", 3, made="")])
    assert any("revision b" in line for line in render(first, [], NOW))
