from dataclasses import replace

import pytest

from localcluster import doctor
from localcluster.choice import Offer
from localcluster.doctor import Facts

GOOD = Facts(
    offer=Offer(engine=None, linux=True, root=True, apt=True),
    cores=2,
    memory=24.0,
    free_disk=70.0,
    cgroup_version=2,
    overlay=True,
    bridge_filter=True,
    missing_packages=(),
    go="1.26.8",
    built=True,
    addresses_free=True,
    debian_mirror=True,
)


def lacking(facts: Facts) -> list[str]:
    return [check.text for check in doctor.judge(facts, "auto").checks if not check.passed]


def test_a_good_machine_lacks_only_the_engine_that_it_does_not_need() -> None:
    assert lacking(GOOD) == ["container engine: none"]
    assert doctor.judge(GOOD, "auto").provider == "node"


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (replace(GOOD, cores=1), "cores: 1"),
        (replace(GOOD, memory=2.0), "memory: 2 GiB"),
        (replace(GOOD, free_disk=1.0), "free disk: 1 GiB (3 wanted)"),
        (replace(GOOD, free_disk=5.0, built=False), "free disk: 5 GiB (12 wanted)"),
        (replace(GOOD, cgroup_version=None), "cgroups: none"),
        (replace(GOOD, missing_packages=("containerd", "runc")), "containerd, runc"),
        (replace(GOOD, go=None), "PyPI has it"),
        (replace(GOOD, addresses_free=False), "private range"),
        (replace(GOOD, debian_mirror=False), "Debian mirror"),
    ],
)
def test_what_is_lacking_is_named(facts: Facts, words: str) -> None:
    assert any(words in text for text in lacking(facts))


def test_a_machine_for_no_cluster_is_told_why() -> None:
    report = doctor.judge(replace(GOOD, offer=replace(GOOD.offer, root=False)), "auto")
    assert report.provider is None
    assert "root" in list(doctor.lines(report))[-1]
