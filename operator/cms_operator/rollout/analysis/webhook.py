"""The question to a webhook, and what its answer says."""

from typing import Any

from cms_operator.api.fields.measures import Measure
from cms_operator.rollout.analysis.readings import MeasureContext, Reading, readable

_VERDICTS = {"pass": True, "fail": False, "inconclusive": None}


def question(context: MeasureContext) -> dict[str, Any]:
    return {
        "namespace": context.namespace,
        "name": context.name,
        "candidate": context.candidate,
        "candidateReplicas": context.candidate_replicas,
        "stable": context.stable,
        "stableReplicas": context.stable_replicas,
    }


def judge(measure: Measure, answer: Any) -> Reading:
    match answer:
        case {"verdict": "pass" | "fail" | "inconclusive" as verdict}:
            message = answer.get("message") or ""
            detail = readable(message) if isinstance(message, str) else ""
            return Reading(measure.name, passed=_VERDICTS[verdict], detail=detail or verdict)
    problem = 'the webhook gave no {"verdict": "pass"}, "fail" or "inconclusive"'
    return Reading(measure.name, error=problem)
