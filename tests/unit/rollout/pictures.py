"""Snapshots as the scenarios need them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cms_operator.api.fields.rollout import Rollout
from cms_operator.observed.snapshot import RevisionState, Snapshot
from cms_operator.rollout.decide import decide
from cms_operator.rollout.decision import Decision

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def rollout(**spec: Any) -> Rollout:
    return Rollout.model_validate({"bakeSeconds": 0, **spec}, strict=False)


def serving(pods: int) -> RevisionState:
    return RevisionState(pods, pods, pods, pods, pods)


def starting(wanted: int, available: int = 0) -> RevisionState:
    return RevisionState(wanted, wanted, available, available, available)


def snapshot(replicas: int, target: str, stable: str | None = None, /, **found: Any) -> Snapshot:
    found = {"now": NOON, "rollout": rollout(), **found}
    return Snapshot(replicas=replicas, target=target, stable=stable, **found)


def picture(replicas: int, target: str, stable: str | None = None, /, **found: Any) -> Decision:
    return decide(snapshot(replicas, target, stable, **found))
