"""Names of children are valid, and nobody else's."""

import re

from hypothesis import given
from hypothesis import strategies as st

from cms_operator.resources import names

LONGEST = 63
DNS_LABEL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")

RESOURCE_NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
LONG_NAMES = st.from_regex(r"a[-a-z0-9]{50}[-ab]{0,11}[a-z0-9]", fullmatch=True)
NAMES = RESOURCE_NAMES | LONG_NAMES
HASHES = st.from_regex(r"[0-9a-f]{10}", fullmatch=True)
KEYS = st.from_regex(r"[0-9a-f]{8}", fullmatch=True)


def secrets(name: str) -> list[str]:
    return [names.jwt_secret(name), names.database_secret(name), names.admin_secret(name)]


@given(NAMES, HASHES, KEYS)
def test_every_name_is_a_dns_label(name: str, revision: str, key: str) -> None:
    made = [
        names.deployment(name, revision),
        names.service(name),
        names.preview_service(name),
        names.migration_job(name, key),
        names.contract_job(name, key),
        *secrets(name),
    ]
    assert all(DNS_LABEL.fullmatch(text) for text in made)


@given(NAMES, NAMES, HASHES, HASHES)
def test_two_deployments_never_share_a_name(one: str, two: str, first: str, second: str) -> None:
    same = (one, first) == (two, second)
    assert (names.deployment(one, first) == names.deployment(two, second)) == same


@given(NAMES, NAMES, KEYS, KEYS)
def test_two_jobs_never_share_a_name(one: str, two: str, first: str, second: str) -> None:
    same = (one, first) == (two, second)
    assert (names.migration_job(one, first) == names.migration_job(two, second)) == same
    assert (names.contract_job(one, first) == names.contract_job(two, second)) == same
    assert names.contract_job(one, first) != names.migration_job(two, second)


@given(NAMES, NAMES)
def test_two_secrets_never_share_a_name(one: str, two: str) -> None:
    assert len({*secrets(one), *secrets(two)}) == (3 if one == two else 6)


@given(NAMES, NAMES)
def test_two_services_share_a_name_only_where_one_previews_the_other(one: str, two: str) -> None:
    """The known case: `shop` with BlueGreen beside a HeadlessCMS that is called `shop-preview`."""
    assert (names.service(one) == names.service(two)) == (one == two)
    assert (names.preview_service(one) == names.preview_service(two)) == (one == two)
    if len(f"{one}-preview") <= LONGEST:
        assert names.preview_service(one) == names.service(f"{one}-preview")


def test_names_that_are_alike_for_60_characters_stay_apart() -> None:
    one, two = "a" * 60 + "one", "a" * 60 + "two"
    assert names.deployment(one, "0123456789") != names.deployment(two, "0123456789")


def test_a_short_name_is_plain() -> None:
    assert names.deployment("shop", "0123456789") == "shop-0123456789"
    assert names.migration_job("shop", "01234567") == "shop-migrate-01234567"
    assert names.preview_service("shop") == "shop-preview"
    assert secrets("shop") == ["shop-jwt", "shop-database", "shop-admin"]
