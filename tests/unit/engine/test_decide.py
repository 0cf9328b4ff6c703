"""What the engine does next, as a person on call would tell it."""

from hypothesis import given
from hypothesis import strategies as st

from cms_operator.rollout.decide import Phase, decide
from cms_operator.rollout.snapshot import MigrationPhase, RevisionState, Snapshot


def serving(pods: int) -> RevisionState:
    return RevisionState(pods, pods, pods, pods, pods)


def starting(wanted: int, available: int = 0, endpoints: int = 0) -> RevisionState:
    return RevisionState(wanted, wanted, available, available, endpoints)


def test_a_new_tenant_starts_its_pods_only_after_its_migration() -> None:
    waiting = decide(Snapshot(3, "a", migration=MigrationPhase.RUNNING))
    assert (waiting.phase, waiting.scale) == (Phase.MIGRATING, {})
    started = decide(Snapshot(3, "a", migration=MigrationPhase.COMPLETE))
    assert (started.phase, started.scale) == (Phase.PROGRESSING, {"a": 3})


def test_a_failed_migration_leaves_the_stable_revision_at_its_size() -> None:
    decision = decide(
        Snapshot(3, "b", "a", MigrationPhase.FAILED, {"a": serving(3)}),
    )
    assert decision.scale == {"a": 3}
    assert decision.retire == ()


def test_the_old_revision_goes_only_when_the_service_sends_traffic_to_all_new_pods() -> None:
    almost = decide(Snapshot(3, "b", "a", revisions={"a": serving(3), "b": starting(3, 3, 2)}))
    assert almost.scale == {"a": 3, "b": 3}
    assert almost.retire == ()
    assert almost.stable == "a"
    done = decide(Snapshot(3, "b", "a", revisions={"a": serving(3), "b": serving(3)}))
    assert done.scale == {"b": 3}
    assert done.retire == ("a",)
    assert done.stable == "b"


def test_figures_of_an_older_deployment_spec_prove_nothing() -> None:
    unseen = RevisionState(3, 3, 3, 3, 3, observed=False)
    decision = decide(Snapshot(3, "b", "a", revisions={"a": serving(3), "b": unseen}))
    assert decision.retire == ()


def test_the_autoscaler_is_followed_in_the_middle_of_a_rollout() -> None:
    decision = decide(Snapshot(6, "b", "a", revisions={"a": serving(3), "b": starting(3, 1)}))
    assert decision.scale == {"a": 6, "b": 6}


def test_a_newer_spec_takes_the_place_of_a_candidate_at_once() -> None:
    decision = decide(
        Snapshot(3, "c", "a", revisions={"a": serving(3), "b": starting(3, 1, 1)}),
    )
    assert decision.scale == {"a": 3, "c": 3}
    assert decision.retire == ("b",)


def test_a_candidate_that_serves_for_a_broken_stable_stays_until_the_fix_serves() -> None:
    broken = starting(3)
    fixing = decide(
        Snapshot(3, "c", "a", revisions={"a": broken, "b": starting(3, 2, 2)}),
    )
    assert fixing.retire == ()
    assert fixing.scale == {"a": 3, "b": 2, "c": 3}, "the pods that serve, and no others"
    fixed = decide(
        Snapshot(3, "c", "a", revisions={"a": broken, "b": starting(3, 2, 2), "c": serving(3)}),
    )
    assert fixed.retire == ("a", "b")


def test_superseded_candidates_stay_only_until_enough_pods_serve_without_them() -> None:
    decision = decide(
        Snapshot(
            3,
            "e",
            "a",
            revisions={"a": starting(3, 1, 1), "b": starting(3, 1, 1), "c": starting(3, 2, 2)},
        )
    )
    assert decision.retire == ("b",)
    assert decision.scale == {"a": 3, "c": 2, "e": 3}


def test_a_deleted_stable_deployment_comes_back_in_the_middle_of_a_rollout() -> None:
    decision = decide(Snapshot(3, "b", "a", MigrationPhase.FAILED, {}))
    assert decision.scale == {"a": 3}


def test_going_back_to_the_stable_spec_ends_the_rollout_without_a_new_pod() -> None:
    decision = decide(Snapshot(3, "a", "a", revisions={"a": serving(3), "b": starting(3, 1, 1)}))
    assert decision.scale == {"a": 3}
    assert decision.retire == ("b",)


def test_scaling_to_zero_is_a_wish_like_any_other() -> None:
    decision = decide(Snapshot(0, "a", "a", revisions={"a": serving(3)}))
    assert decision.scale == {"a": 0}
    promoted = decide(Snapshot(0, "b", "a", revisions={"a": serving(0), "b": serving(0)}))
    assert promoted.stable == "b"


def test_a_tenant_added_later_migrates_without_touching_the_pods() -> None:
    decision = decide(Snapshot(3, "a", "a", MigrationPhase.PENDING, {"a": serving(3)}))
    assert decision.scale == {"a": 3}
    assert decision.phase is Phase.HEALTHY


def test_a_deleted_deployment_of_the_stable_revision_comes_back() -> None:
    decision = decide(Snapshot(3, "a", "a", MigrationPhase.PENDING, {"b": starting(3, 2, 2)}))
    assert decision.scale["a"] == 3
    assert "b" not in decision.retire, "it is all that serves"


counts = st.integers(0, 4)
states = st.builds(
    lambda wanted, available, endpoints, observed: RevisionState(
        wanted, wanted, available, available, min(wanted, available, endpoints), observed
    ),
    counts,
    counts,
    counts,
    st.booleans(),
)
snapshots = st.builds(
    Snapshot,
    replicas=counts,
    target=st.sampled_from("abc"),
    stable=st.sampled_from([None, "a", "b"]),
    migration=st.sampled_from(MigrationPhase),
    revisions=st.dictionaries(st.sampled_from("abc"), states, max_size=3),
)


@given(snapshots)
def test_no_act_takes_away_pods_that_serve_before_others_do(snapshot: Snapshot) -> None:
    decision = decide(snapshot)
    before = sum(revision.endpoints for revision in snapshot.revisions.values())
    after = sum(
        min(snapshot.revision(name).endpoints, size) for name, size in decision.scale.items()
    )
    assert after >= min(before, snapshot.replicas)


@given(snapshots)
def test_the_stable_revision_keeps_its_pods_for_as_long_as_it_is_stable(snapshot: Snapshot) -> None:
    decision = decide(snapshot)
    stable = snapshot.stable
    if stable is not None and stable in snapshot.revisions and decision.stable == stable:
        assert decision.scale[stable] == snapshot.replicas


@given(snapshots)
def test_every_revision_is_either_kept_or_retired(snapshot: Snapshot) -> None:
    decision = decide(snapshot)
    assert set(decision.scale).isdisjoint(decision.retire)
    assert set(snapshot.revisions) <= {*decision.scale, *decision.retire}


@given(snapshots)
def test_deciding_again_on_the_same_picture_says_the_same(snapshot: Snapshot) -> None:
    assert decide(snapshot) == decide(snapshot)
