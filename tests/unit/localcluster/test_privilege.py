import pytest

from localcluster import privilege

STATUS = "Name:\tpython3\nCapPrm:\t000001ffffffffff\nCapEff:\t{}\nSeccomp:\t2\n"


@pytest.mark.parametrize(
    ("effective", "enough"),
    [
        ("000001ffffffffff", True),  # a host's root, or a privileged container
        ("00000000a80425fb", False),  # root in a container as Docker runs it
        ("0000000000000000", False),
        ("0000000000001000", False),  # networks and no mounts
    ],
)
def test_root_in_a_container_counts_when_it_may_make_networks_and_mounts(
    effective: str,
    *,
    enough: bool,
) -> None:
    assert privilege.may_do_all(STATUS.format(effective)) is enough
