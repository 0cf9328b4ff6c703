from collections.abc import Sequence
from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcluster import addresses
from localcluster.addresses import CANDIDATES, CONTROL_PLANE_BLOCKS, blocks
from localcluster.errors import ClusterError

networks = st.builds(
    lambda base, prefix: IPv4Network((base, prefix), strict=False),
    st.integers(0, 2**32 - 1),
    st.integers(8, 32),
)


@given(st.lists(networks, max_size=5))
def test_a_cluster_never_uses_an_address_that_the_machine_routes(
    taken: Sequence[IPv4Network],
) -> None:
    try:
        chosen = blocks(taken)
    except ClusterError:
        assert all(any(c.overlaps(t) for t in taken) for c in CANDIDATES)
        return
    assert not any(block.network.overlaps(network) for block in chosen for network in taken)


def test_clusters_side_by_side_share_no_address() -> None:
    chosen = blocks([])
    assert len(chosen) == CONTROL_PLANE_BLOCKS.stop
    parts = [part for block in chosen for part in (block.pods, block.services, block.link)]
    assert not any(one.overlaps(other) for one, other in combinations(parts, 2))


def test_a_thousand_tenants_pods_and_five_thousand_services_fit() -> None:
    block = blocks([])[1]
    assert block.pods.num_addresses > 4000
    assert block.services.num_addresses > 5000


def test_a_machine_without_a_free_range_is_told_which_routes_are_in_the_way() -> None:
    with pytest.raises(ClusterError) as caught:
        blocks([IPv4Network("0.0.0.0/0")])
    assert str(CANDIDATES[0]) in str(caught.value)


def test_only_foreign_routes_count() -> None:
    routes: list[dict[str, object]] = [
        {"dst": "default", "dev": "eth0"},
        {"dst": "192.0.2.0/24", "dev": "eth0"},
        {"dst": "198.51.100.7", "dev": "eth0"},
        {"dst": "10.216.64.0/19", "dev": "hcms-cp1"},
        {"dst": "fe80::/64", "dev": "eth0"},
    ]
    assert addresses.foreign_routes(routes) == [
        IPv4Network("192.0.2.0/24"),
        IPv4Network("198.51.100.7/32"),
    ]


def test_name_servers_count_as_taken() -> None:
    text = "# by hand\nsearch example.org\nnameserver 10.216.0.53\nnameserver ::1\n"
    assert addresses.resolvers(text) == [IPv4Network("10.216.0.53/32")]
