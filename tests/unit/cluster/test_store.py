"""The store keeps what the watches bring, in whatever order they bring it."""

import random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_operator.cluster.cache.listing import Listing
from cms_operator.cluster.cache.store import MOST_BYTES_OF_ONE, Store, TurnedBackError
from cms_operator.cluster.keys import Key
from cms_operator.cluster.kinds import (
    CHILDREN,
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    ENDPOINT_SLICE,
    HEADLESS_CMS,
    JOB,
    POD,
    SECRET,
    Kind,
)

SHOP = Key("team-a", "shop")
OWNER = {"kind": "HeadlessCMS", "name": "shop", "uid": "9", "controller": True}
MADE_BY_US = [kind for kind in CHILDREN if kind.writable]
MEGABYTE = "x" * 2**20


def child(version: int, uid: str = "1", **rest: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "shop-abc",
            "namespace": "team-a",
            "uid": uid,
            "resourceVersion": str(version),
            "labels": {"app.kubernetes.io/instance": "shop"},
            "ownerReferences": [OWNER],
            "managedFields": [{"manager": "somebody"}],
        },
        **rest,
    }


def parent(uid: str = "9", version: int = 1) -> dict[str, Any]:
    names = {"name": "shop", "namespace": "team-a"}
    return {"metadata": {**names, "uid": uid, "resourceVersion": str(version)}, "spec": {}}


def with_parent() -> Store:
    store = Store()
    store.put(HEADLESS_CMS, parent())
    return store


def listed(
    store: Store, kind: Kind, namespace: str | None, page: list[dict[str, Any]], version: int
) -> set[Key]:
    listing = Listing(store, kind, namespace)
    listing.take(page, version)
    listing.end(version)
    return listing.changed


@pytest.mark.parametrize(
    ("what", "kept", "shown", "version"),
    [
        ("the whole list is older than an object", 9, 5, 7),
        ("an object is older, though the list is as new as what was known", 9, 5, 9),
        ("an object is older in a list of a server that has gone on since", 9, 5, 90),
    ],
)
def test_a_server_that_was_restored_from_a_backup_is_noticed(
    what: str, kept: int, shown: int, version: int
) -> None:
    store = Store()
    store.put(DEPLOYMENT, child(kept))
    with pytest.raises(TurnedBackError, match="deployments are older than"):
        listed(store, DEPLOYMENT, None, [child(shown)], version)
    assert store.newest(DEPLOYMENT, None) == kept, what


@pytest.mark.parametrize("version", [89, 50, 1])
def test_a_server_that_was_restored_is_noticed_though_nothing_of_ours_had_changed(
    version: int,
) -> None:
    store = Store()
    store.put(DEPLOYMENT, child(5))
    listed(store, DEPLOYMENT, None, [child(5)], 60)
    store.hear(DEPLOYMENT, None, 90)
    store.hear(DEPLOYMENT, None, 70)
    with pytest.raises(TurnedBackError):
        listed(store, DEPLOYMENT, None, [child(5)], version)


def test_a_server_that_was_restored_is_noticed_by_what_had_been_deleted() -> None:
    store = Store()
    store.put(DEPLOYMENT, child(5))
    store.discard(DEPLOYMENT, child(9))
    with pytest.raises(TurnedBackError):
        listed(store, DEPLOYMENT, None, [child(5)], 90)


def test_a_list_is_no_older_than_what_was_heard_only_after_it_was_asked_for() -> None:
    store = Store()
    store.put(DEPLOYMENT, child(5))
    listing = Listing(store, DEPLOYMENT, None)
    store.hear(DEPLOYMENT, None, 90)
    store.hear(DEPLOYMENT, "team-b", 95)
    listing.take([child(5)], 60)
    listing.end(60)
    assert listed(store, DEPLOYMENT, None, [child(5)], 90) == set()


def test_a_child_is_found_by_its_parent() -> None:
    store = Store()
    store.put(DEPLOYMENT, child(5))
    assert [kind for kind, _ in store.children(SHOP)] == ["Deployment"]
    assert list(store.children(Key("team-b", "shop"))) == []


def test_a_child_without_its_labels_is_found_by_its_owner() -> None:
    store = Store()
    stripped = child(5)
    stripped["metadata"]["labels"] = {}
    store.put(DEPLOYMENT, stripped)
    assert [kind for kind, _ in store.children(SHOP)] == ["Deployment"]


@pytest.mark.parametrize("words", [0, 5_000], ids=["short", "long"])
def test_an_object_that_was_not_asked_for_in_a_long_time_is_as_it_was(words: int) -> None:
    store = with_parent()
    spec = {"replicas": 3, "paused": False, "text": "word " * words}
    store.put(DEPLOYMENT, child(1, spec=spec))
    for number in range(3_000):
        other = child(2, uid=f"other-{number}")
        other["metadata"]["name"] = f"shop-{number}"
        store.put(DEPLOYMENT, other)
    found = store.get(DEPLOYMENT, "team-a", "shop-abc")
    assert found is not None
    assert found["spec"] == spec
    assert store.get(DEPLOYMENT, "team-a", "shop-abc") is found
    assert not store.put(DEPLOYMENT, child(1, spec=spec))
    assert not store.put(DEPLOYMENT, child(3, spec=spec)), "a new version alone is no news"


def test_managed_fields_are_not_kept_in_memory() -> None:
    store = with_parent()
    store.put(DEPLOYMENT, child(5))
    found = store.get(DEPLOYMENT, "team-a", "shop-abc")
    assert found is not None
    assert "managedFields" not in found["metadata"]


def somebodys(version: int, **rest: Any) -> dict[str, Any]:
    """An object with our labels, which anybody may write."""
    found = child(version, **rest)
    del found["metadata"]["ownerReferences"]
    found["metadata"]["annotations"] = {"note": MEGABYTE}
    return found


def size_in(store: Store, kind: Kind, name: str = "shop-abc") -> int:
    return len(orjson.dumps(store.get(kind, "team-a", name)))


@pytest.mark.parametrize("kind", MADE_BY_US, ids=lambda kind: kind.name)
def test_of_an_object_that_only_carries_our_labels_no_content_is_kept(kind: Kind) -> None:
    store = Store()
    store.put(kind, somebodys(5, data={"a": MEGABYTE}, spec={"a": MEGABYTE}))
    assert size_in(store, kind) < 1_000
    assert [kind for kind, _ in store.children(SHOP)] == [kind.name], "it may have a child's name"


def of_shop(kind: Kind, uid: str = "1", version: int = 5, name: str = "", **rest: Any) -> Any:
    """What the operator could have made."""
    found = child(version, uid=uid, **rest)
    found["metadata"]["name"] = name or CHILDS_NAME[kind]
    return found


CHILDS_NAME = dict.fromkeys(MADE_BY_US, "shop") | {
    SECRET: "shop-jwt",
    CONFIG_MAP: "shop-abc",
    CONTROLLER_REVISION: "shop-abc",
    JOB: "shop-migrate-abc",
    DEPLOYMENT: "shop-abc",
    DISRUPTION_BUDGET: "shop-abc",
}


@pytest.mark.parametrize("kind", MADE_BY_US, ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    "lie",
    [
        {"ownerReferences": [OWNER | {"uid": "made-up"}]},
        {"ownerReferences": [OWNER | {"name": "made-up"}]},
        {"ownerReferences": [OWNER | {"controller": False}]},
        {"name": "junk-1"},
        {"name": "shop-and-more-abc"},
    ],
    ids=lambda lie: str(lie)[:70],
)
def test_of_an_object_with_a_forged_owner_no_content_is_kept(kind: Kind, lie: Any) -> None:
    store = with_parent()
    forged = of_shop(kind, data={"a": MEGABYTE}, spec={"a": MEGABYTE})
    forged["metadata"] |= {"annotations": {"note": MEGABYTE}, "finalizers": ["me/hold"], **lie}
    store.put(kind, forged)
    assert size_in(store, kind, forged["metadata"]["name"]) < 1_000
    assert store.children_without_content(SHOP) == ([], [])
    store.put(kind, of_shop(kind, "2", version=6, data={"a": MEGABYTE}))
    assert size_in(store, kind, CHILDS_NAME[kind]) > len(MEGABYTE)


@pytest.mark.parametrize(
    "large",
    [
        {"labels": {f"example.com/{number}": "x" * 63 for number in range(10_000)}},
        {"finalizers": [f"example.com/{number}" for number in range(10_000)]},
        {"ownerReferences": [OWNER | {"name": MEGABYTE}]},
        {"ownerReferences": [OWNER | {"uid": MEGABYTE}]},
        {"ownerReferences": [OWNER | {"kind": MEGABYTE}]},
        {"ownerReferences": [OWNER | {"apiVersion": MEGABYTE}]},
        {"ownerReferences": [OWNER | {"uid": str(uid), "controller": False} for uid in range(999)]},
    ],
    ids=lambda large: next(iter(large)),
)
@pytest.mark.parametrize("kind", [CONFIG_MAP, POD, ENDPOINT_SLICE], ids=lambda kind: kind.name)
def test_metadata_of_any_length_takes_no_more_place(kind: Kind, large: Any) -> None:
    store = with_parent()
    found = child(5)
    found["metadata"] |= {"name": "junk", **large}
    store.put(kind, found)
    assert size_in(store, kind, "junk") < 1_000
    assert sum(len(key.name) for key in store.parents()) < 100


def large_config_map(number: int, version: int = 5) -> Any:
    """It is short when it is compressed, and a pass opens it."""
    name = f"shop-{number}"
    return of_shop(CONFIG_MAP, f"uid-{number}", version, name, data={"a": MEGABYTE})


def whole(store: Store, kind: Kind) -> set[str]:
    return {found["metadata"]["name"] for found in store.of_kind(kind) if "data" in found}


def test_one_headless_cms_takes_no_more_of_the_memory_however_much_names_it_as_its_owner() -> None:
    store = with_parent()
    for number in range(30):
        store.put(CONFIG_MAP, large_config_map(number))
    kept = whole(store, CONFIG_MAP)
    assert 0 < len(kept) * 2**20 <= MOST_BYTES_OF_ONE
    to_read, left_out = store.children_without_content(SHOP)
    assert (len(to_read), len(left_out)) == (0, 30 - len(kept))
    store.put(DEPLOYMENT, child(5, uid="another"))
    store.discard(CONFIG_MAP, large_config_map(0, 6))
    to_read, left_out = store.children_without_content(SHOP)
    assert (len(to_read), len(left_out)) == (1, 29 - len(kept)), "as many as there is room for"


def test_what_changes_often_is_counted_once() -> None:
    store = with_parent()
    for version in range(5, 45):
        store.put(CONFIG_MAP, large_config_map(1, version))
    assert whole(store, CONFIG_MAP) == {"shop-1"}
    store.discard(CONFIG_MAP, large_config_map(1, 50))
    for number in range(10):
        store.put(CONFIG_MAP, large_config_map(number, 60))
    assert len(whole(store, CONFIG_MAP)) == 10


CHILDREN_OF_SHOP = [of_shop(kind, f"uid-{kind.name}", data={"a": "b"}) for kind in MADE_BY_US]


@given(st.permutations(range(len(MADE_BY_US) + 1)))
def test_whatever_is_listed_before_its_headless_cms_is_as_well_known_as_the_rest(
    order: list[int],
) -> None:
    """The last of the numbers is the HeadlessCMS."""
    straight, store = with_parent(), Store()
    for kind, found in zip(MADE_BY_US, CHILDREN_OF_SHOP, strict=True):
        straight.put(kind, found)
    for number in order:
        if number == len(MADE_BY_US):
            store.put(HEADLESS_CMS, parent())
        else:
            store.put(MADE_BY_US[number], CHILDREN_OF_SHOP[number])
    assert store.children_without_content(SHOP) == ([], [])
    for kind in MADE_BY_US:
        assert list(store.of_kind(kind)) == list(straight.of_kind(kind))


def test_what_waits_for_its_headless_cms_takes_no_more_than_its_place_and_can_be_read_later() -> (
    None
):
    store = Store()
    found = [of_shop(kind, kind.name, data={"a": "b"}) for kind in MADE_BY_US]
    for kind, early in zip(MADE_BY_US, found, strict=True):
        store.put(kind, early)
    flood = [of_shop(CONFIG_MAP, f"n{number}", 5, f"shop-{number}") for number in range(20)]
    for number, other in enumerate(flood):
        noise = random.Random(number).randbytes(2**19).hex()  # noqa: S311 - it guards nothing
        other["metadata"]["ownerReferences"] = [OWNER | {"uid": "made-up"}]
        store.put(CONFIG_MAP, other | {"data": {"a": noise}})
    store.put(HEADLESS_CMS, parent())
    to_read, left_out = store.children_without_content(SHOP)
    assert ({ref.kind for ref in to_read}, left_out) == ({kind.name for kind in MADE_BY_US}, [])
    for kind, early in zip(MADE_BY_US, found, strict=True):
        assert store.put(kind, early), "it is read"
        assert not store.put(kind, early)
    assert store.children_without_content(SHOP) == ([], [])


@pytest.mark.parametrize("end", ["deleted", "replaced", "not listed"])
def test_of_a_headless_cms_that_has_gone_no_childs_content_is_kept(end: str) -> None:
    store = with_parent()
    store.put(CONFIG_MAP, large_config_map(1))
    if end == "deleted":
        store.discard(HEADLESS_CMS, parent(version=6))
    elif end == "replaced":
        store.put(HEADLESS_CMS, parent("10", version=6))
    else:
        listed(store, HEADLESS_CMS, None, [], 9)
    assert size_in(store, CONFIG_MAP, "shop-1") < 1_000
    assert store.children_without_content(SHOP) == ([], [])
    store.put(HEADLESS_CMS, parent(version=12))
    assert [ref.name for ref in store.children_without_content(SHOP)[0]] == ["shop-1"]


def test_a_secret_is_kept_as_a_whole_only_by_a_name_that_we_give() -> None:
    store = with_parent()
    for name in ("shop-jwt", "shop-database", "shop-admin", "shop-jwt-2", "blog-jwt"):
        secret = child(5, uid=name, data={"a": MEGABYTE})
        secret["metadata"]["name"] = name
        store.put(SECRET, secret)
    whole = {found["metadata"]["name"] for found in store.of_kind(SECRET) if "data" in found}
    assert whole == {"shop-jwt", "shop-database", "shop-admin"}


def test_new_values_of_a_users_secret_are_news() -> None:
    store = Store()
    assert store.put(SECRET, somebodys(5, data={"a": "MQ=="}))
    assert store.put(SECRET, somebodys(6, data={"a": "Mg=="}))
    assert not store.put(SECRET, somebodys(7, data={"a": "Mg=="})), "only an annotation"


def test_a_late_event_does_not_undo_the_answer_of_an_own_write() -> None:
    store = with_parent()
    store.put(DEPLOYMENT, child(9, spec={"replicas": 3}))
    assert not store.put(DEPLOYMENT, child(7, spec={"replicas": 1}))
    found = store.get(DEPLOYMENT, "team-a", "shop-abc")
    assert found is not None
    assert found["spec"]["replicas"] == 3


def test_a_write_that_changed_nothing_of_interest_wakes_nobody() -> None:
    store = with_parent()
    store.put(DEPLOYMENT, child(5, spec={}))
    assert not store.put(DEPLOYMENT, child(6, spec={}))


def test_the_deletion_of_an_older_object_does_not_hide_its_successor() -> None:
    store = Store()
    store.put(DEPLOYMENT, child(9, uid="new"))
    assert not store.discard(DEPLOYMENT, child(8, uid="old"))
    assert store.get(DEPLOYMENT, "team-a", "shop-abc") is not None


def test_news_that_comes_after_the_end_brings_nothing_back() -> None:
    store = Store()
    store.put(DEPLOYMENT, child(5))
    store.discard(DEPLOYMENT, child(8))
    assert not store.put(DEPLOYMENT, child(7)), "the answer of a write that the deletion overtook"
    assert store.put(DEPLOYMENT, child(8)), "it only left the selection: a live read found it"
    store.discard(DEPLOYMENT, child(9))
    assert store.put(DEPLOYMENT, child(7, uid="2")), "another object of the same name"


def test_a_list_finds_the_deletion_that_a_watch_has_lost() -> None:
    store = Store()
    store.put(DEPLOYMENT, child(5))
    assert listed(store, DEPLOYMENT, None, [], 9) == {SHOP}
    assert list(store.children(SHOP)) == []
    assert listed(store, DEPLOYMENT, None, [], 9) == set()


def test_what_was_written_after_the_list_was_made_stays() -> None:
    store = Store()
    store.put(DEPLOYMENT, child(5))
    listing = Listing(store, DEPLOYMENT, None)
    store.put(DEPLOYMENT, child(12))
    listing.take([child(5)], 9)
    listing.end(9)
    assert not listing.changed
    assert store.newest(DEPLOYMENT, None) == 12
    listing = Listing(store, DEPLOYMENT, None)
    store.put(DEPLOYMENT, child(15))
    listing.take([], 12)
    listing.end(12)
    assert store.get(DEPLOYMENT, "team-a", "shop-abc") is not None


def test_a_list_of_one_namespace_leaves_the_others_alone() -> None:
    store = Store()
    store.put(DEPLOYMENT, child(5))
    listed(store, DEPLOYMENT, "team-b", [], 9)
    assert store.get(DEPLOYMENT, "team-a", "shop-abc") is not None


def test_a_child_that_lost_its_label_and_its_owner_is_nobodys_child() -> None:
    store = Store()
    store.put(DEPLOYMENT, child(5))
    freed = child(6)
    freed["metadata"] |= {"labels": {}, "ownerReferences": []}
    store.put(DEPLOYMENT, freed)
    assert list(store.children(SHOP)) == []


def test_the_kubelets_heartbeat_of_a_pod_is_no_news() -> None:
    store = Store()
    store.put(POD, child(5, status={"phase": "Running", "hostIP": "10.0.0.1"}))
    assert not store.put(POD, child(6, status={"phase": "Running", "hostIP": "10.0.0.2"}))
    assert store.put(POD, child(7, status={"phase": "Failed"}))


def test_an_endpoint_is_news_when_it_gets_traffic_and_when_it_does_so_no_longer() -> None:
    def slice_of(version: int, **conditions: bool) -> dict[str, Any]:
        found = child(version, endpoints=[{"conditions": conditions}])
        changed = {"endpoints.kubernetes.io/last-change-trigger-time": str(version)}
        return found | {"metadata": found["metadata"] | {"annotations": changed}}

    store = Store()
    store.put(ENDPOINT_SLICE, child(5, endpoints=[]))
    assert not store.put(ENDPOINT_SLICE, slice_of(6, ready=False, serving=False))
    assert store.put(ENDPOINT_SLICE, slice_of(7, ready=True, serving=True))
    assert store.put(ENDPOINT_SLICE, slice_of(8, ready=False, serving=True, terminating=True))
    assert not store.put(ENDPOINT_SLICE, child(9, endpoints=[]))


def test_only_conditions_of_a_pod_that_a_decision_reads_are_news() -> None:
    def running(version: int, *conditions: dict[str, str]) -> dict[str, Any]:
        return child(version, status={"phase": "Running", "conditions": list(conditions)})

    scheduled = {"type": "PodScheduled", "status": "True"}
    not_ready = {"type": "Ready", "status": "False", "reason": "ContainersNotReady"}
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-23T12:00:00Z"}
    stuck = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "?"}
    store = Store()
    store.put(POD, running(5))
    assert not store.put(POD, running(6, scheduled))
    assert not store.put(POD, running(7, scheduled, not_ready))
    assert store.put(POD, running(8, scheduled, ready))
    assert store.put(POD, running(9, stuck, not_ready))


def test_what_nobody_reads_of_a_status_is_no_news() -> None:
    store = with_parent()
    progressing = {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}
    for version, (told, rest) in enumerate(
        [(True, {}), (False, {"updatedReplicas": 1, "terminatingReplicas": 1})], start=1
    ):
        times = {"lastUpdateTime": f"2026-01-01T00:00:0{version}Z"}
        status = {"replicas": 1, "conditions": [progressing | times], **rest}
        assert store.put(DEPLOYMENT, child(version, status=status)) is told
    assert store.put(DEPLOYMENT, child(3, status={"replicas": 1, "readyReplicas": 1}))
    assert store.put(DISRUPTION_BUDGET, child(1, status={"currentHealthy": 1}))
    assert not store.put(DISRUPTION_BUDGET, child(2, status={"currentHealthy": 2}))


def test_a_parent_is_known_by_its_own_name() -> None:
    store = Store()
    store.put(HEADLESS_CMS, child(5))
    assert [found["metadata"]["name"] for found in store.of_kind(HEADLESS_CMS)] == ["shop-abc"]


@given(st.permutations(range(1, 8)), st.integers(0, 7))
def test_any_order_of_events_ends_with_the_newest_version(order: list[int], extra: int) -> None:
    store = with_parent()
    for version in [*order, *order[:extra]]:
        store.put(DEPLOYMENT, child(version, spec={"replicas": version}))
    found = store.get(DEPLOYMENT, "team-a", "shop-abc")
    assert found is not None
    assert found["spec"]["replicas"] == 7
