"""How a rollout in flight goes on: each change that is due, and when the next one may be."""

from datetime import datetime, timedelta
from math import inf

from cms_operator.api.fields.analysis import AnalysisStep
from cms_operator.api.status import RolloutStatus
from cms_operator.observed.snapshot import FULL, RouteState, Snapshot
from cms_operator.rollout import routing, steps, transitions
from cms_operator.rollout.analysis.conclusion import conclude, deadline
from cms_operator.rollout.capacity import serving
from cms_operator.rollout.strategies import Plan, is_held

# Seconds; a deadline that ended longer ago has ended while nobody looked.
_UNWATCHED = 60


def turn(snapshot: Snapshot, progress: RolloutStatus, wanted: Plan) -> RolloutStatus:
    """The rollout after the one change that is due now, or as it was."""
    now = snapshot.now
    if failure := snapshot.failure or _measured_failure(progress):
        return transitions.abort(progress, failure, now)
    if transitions.is_told_to_wait(snapshot, progress) and progress.phase == "Progressing":
        route = _route_of(snapshot, progress)
        weight = route.weight if route else endpoint_share(snapshot)
        return transitions.hold_at_weight(progress, weight, now)
    if is_held(snapshot, progress):
        return progress
    progress = _let_go(snapshot, progress)
    progress = transitions.observe_pods(
        progress, _served(snapshot), _awaited(snapshot, wanted), now, reached=wanted.reached
    )
    if not wanted.reached and until(snapshot, _deadline(snapshot, progress)) <= 0:
        return _after_deadline(snapshot, progress)
    if progress.phase == "Paused":
        return _after_pause(snapshot, progress)
    return _onward(snapshot, progress) if wanted.reached else progress


def _after_deadline(snapshot: Snapshot, progress: RolloutStatus) -> RolloutStatus:
    """It is taken back, unless the operator, or the whole cluster, was away when it ended."""
    if until(snapshot, _deadline(snapshot, progress)) < -_UNWATCHED:
        return transitions.lag_anew(progress, snapshot.now)
    return transitions.abort(progress, _too_late(snapshot, progress), snapshot.now)


def _measured_failure(progress: RolloutStatus) -> str:
    found = progress.analysis
    return found.message if found and found.verdict == "Failed" else ""


def _let_go(snapshot: Snapshot, progress: RolloutStatus) -> RolloutStatus:
    """The pause of a step begins when its goal is reached, not when somebody held it before."""
    begun = _pause(snapshot, progress) is not None and progress.stopped_since != progress.since
    if progress.phase == "Paused" and not begun:
        return transitions.enter(progress, "Progressing", snapshot.now)
    return transitions.start_clocks(progress, snapshot.now)


def _after_pause(snapshot: Snapshot, progress: RolloutStatus) -> RolloutStatus:
    over = until(snapshot, _pause_end(snapshot, progress)) <= 0
    return transitions.next_step(progress, snapshot.now) if over else progress


def _onward(snapshot: Snapshot, progress: RolloutStatus) -> RolloutStatus:
    """Its goal is reached: the next step, the bake, the end."""
    now = snapshot.now
    if progress.phase == "Baking":
        return _after_bake(snapshot, progress)
    if progress.phase == "Switching":
        return transitions.enter_judged(progress, "Baking", now)
    if (step := _analysis(snapshot, progress)) is not None:
        if progress.phase != "Analyzing":
            return transitions.enter_judged(progress, "Analyzing", now)
        return _after_analysis(snapshot, progress, step, transitions.next_step(progress, now))
    if _pause(snapshot, progress) is not None:
        return transitions.enter(progress, "Paused", now)
    return _next(progress, now)


def _next(progress: RolloutStatus, now: datetime) -> RolloutStatus:
    if progress.current_step_index < progress.steps:
        return transitions.next_step(progress, now)
    if progress.strategy == "BlueGreen":
        return transitions.enter(progress, "Switching", now)
    return transitions.enter_judged(progress, "Baking", now)


def _after_bake(snapshot: Snapshot, progress: RolloutStatus) -> RolloutStatus:
    baked = until(snapshot, _bake_end(snapshot, progress)) <= 0
    if not baked or transitions.is_told_to_wait(snapshot, progress):
        return progress
    done = transitions.enter(progress, "Completed", snapshot.now)
    step = steps.bake_analysis(snapshot.rollout, progress.strategy)
    return done if step is None else _after_analysis(snapshot, progress, step, done)


def _after_analysis(
    snapshot: Snapshot, progress: RolloutStatus, step: AnalysisStep, passed: RolloutStatus
) -> RolloutStatus:
    """Where the verdict of an analysis leads; `passed` if it is good."""
    rollout = snapshot.rollout
    least = steps.least_samples(rollout, progress, step)
    found = conclude(progress.analysis, step, least, rollout.judged_by, snapshot.now)
    if found.failure:
        return transitions.abort(progress, found.failure, snapshot.now)
    if found.held:
        return transitions.hold(progress, found.held, found.message)
    return passed if found.passed else progress


def _served(snapshot: Snapshot) -> int:
    """Pods of the target that would answer, by whichever Service."""
    found = snapshot.revision(snapshot.target)
    return max(serving(found), min(found.wanted, found.available, found.preview))


def _awaited(snapshot: Snapshot, wanted: Plan) -> int:
    """Stable pods, which also count as progress: they come back first when an earlier rollout had
    almost replaced them.
    """
    stable = str(snapshot.stable)
    return min(serving(snapshot.revision(stable)), wanted.goal.get(stable, 0))


def actual_weight(snapshot: Snapshot, progress: RolloutStatus) -> int:
    """The candidate's percentage of the traffic, as the gateway has accepted it or by endpoints."""
    route = _route_of(snapshot, progress)
    if route is None:
        return endpoint_share(snapshot)
    return route.weight if route.settled else progress.actual_weight


def _route_of(snapshot: Snapshot, progress: RolloutStatus) -> RouteState | None:
    return snapshot.route if progress.strategy == "Canary" else None


def endpoint_share(snapshot: Snapshot) -> int:
    """The target's share of all endpoints that get traffic, in percent."""
    total = sum(found.endpoints for found in snapshot.revisions.values())
    return round(FULL * snapshot.revision(snapshot.target).endpoints / total) if total else 0


def _too_late(snapshot: Snapshot, progress: RolloutStatus) -> str:
    found = snapshot.revision(snapshot.target)
    text = (
        f"No progress within spec.rollout.progressDeadlineSeconds "
        f"({snapshot.rollout.progress_deadline_seconds} s): {found.available} of "
        f"{found.wanted} pods are available in phase {progress.phase}."
    )
    why = (
        snapshot.problem.message if snapshot.problem else "",
        routing.waits_for_gateway(snapshot, progress.strategy),
    )
    return " ".join([text, *filter(None, why)])


def _pause(snapshot: Snapshot, progress: RolloutStatus) -> float | None:
    return steps.pause_at(snapshot.rollout, progress.strategy, progress.current_step_index)


def _pause_end(snapshot: Snapshot, progress: RolloutStatus) -> datetime | None:
    pause = _pause(snapshot, progress)
    if pause is None or pause == inf:
        return None
    return progress.since + timedelta(seconds=pause)


def _analysis(snapshot: Snapshot, progress: RolloutStatus) -> AnalysisStep | None:
    return steps.analysis_at(snapshot.rollout, progress.strategy, progress.current_step_index)


def _analysis_end(snapshot: Snapshot, progress: RolloutStatus) -> datetime | None:
    """When an analysis without a conclusion is treated as the spec says; None once it was."""
    found, rollout = progress.analysis, snapshot.rollout
    if progress.phase == "Baking":
        step = steps.bake_analysis(rollout, progress.strategy)
    else:
        step = _analysis(snapshot, progress)
    if found is None or found.held or step is None:
        return None
    return deadline(found, step, rollout.judged_by)


def _bake_end(snapshot: Snapshot, progress: RolloutStatus) -> datetime:
    """A bake of 0 s is none: it does not wait for the next whole second either."""
    bake = timedelta(seconds=snapshot.rollout.bake_seconds)
    return progress.since + bake if bake else snapshot.now


def _deadline(snapshot: Snapshot, progress: RolloutStatus) -> datetime | None:
    if progress.lagging_since is None:
        return None
    deadline = timedelta(seconds=snapshot.rollout.progress_deadline_seconds)
    return progress.lagging_since + deadline


def until(snapshot: Snapshot, moment: datetime | None) -> float:
    """Seconds until the moment; infinity where there is none."""
    return (moment - snapshot.now).total_seconds() if moment else inf


def next_look(snapshot: Snapshot, progress: RolloutStatus) -> float:
    """Seconds until time alone may change something; infinity where it cannot."""
    times = [_deadline(snapshot, progress)]
    if not transitions.is_told_to_wait(snapshot, progress):
        times += _ends(snapshot, progress)
    # What lies behind has had its effect, or waits for something else than time.
    ahead = (seconds for time in times if (seconds := until(snapshot, time)) > 0)
    return min(min(ahead, default=inf), until(snapshot, snapshot.reading_due))


def _ends(snapshot: Snapshot, progress: RolloutStatus) -> list[datetime | None]:
    """When what the phase waits for is over, if nobody holds it."""
    match progress.phase:
        case "Paused":
            return [_pause_end(snapshot, progress)]
        case "Analyzing":
            return [_analysis_end(snapshot, progress)]
        case "Baking":
            return [_bake_end(snapshot, progress), _analysis_end(snapshot, progress)]
    return []
