"""Credentials that the operator makes: the pods' database role and the first owners."""

import base64
from typing import Any

import pytest

from cms_operator.api import HeadlessCMS, parse
from cms_operator.resources.secrets import admin_secret, service_role
from cms_operator.resources.secrets.admin_secret import Migrations, Owners
from cms_operator.resources.secrets.secret_data import decode, encode
from tests.support.children import case, no_randomness
from tests.support.specs import SOURCES, manifest

SHOP = parse(manifest({"tenants": [{"name": "acme", "ownerEmail": "owner@acme.example"}]}))


def sources(database_url: str) -> Any:
    return case(manifest(), {"shop-cms": {**SOURCES["shop-cms"], "database-url": database_url}})


def role_of(database_url: str, resource: HeadlessCMS = SHOP) -> str:
    return service_role.make(resource, sources(database_url).sources, no_randomness).username


def test_the_role_is_named_after_the_database() -> None:
    assert role_of("postgresql://owner:p@db/cms").startswith("cms_service_")


def test_two_headless_cms_on_one_database_have_a_role_each() -> None:
    other = parse({**manifest(), "metadata": {"name": "blog", "namespace": "team-a"}})
    url = "postgresql://owner:p@db/cms"
    assert role_of(url) != role_of(url, other)


def test_the_roles_name_fits_postgresql() -> None:
    for database in ("a" * 63, "ä" * 31):
        name = role_of(f"postgresql://owner:p@db/{database}")
        assert len(name.encode()) <= 63
        assert "_service_" in name


def test_a_role_is_read_back_from_its_secret() -> None:
    made = service_role.make(SHOP, sources("postgresql://owner:p@db/cms").sources, no_randomness)
    assert len(made.password) == 32
    assert service_role.read(service_role.build(SHOP, made)) == made
    assert made.password not in repr(made)


def test_a_role_without_a_password_is_made_anew() -> None:
    assert service_role.read({"data": encode({"username": "cms_service"})}) is None
    assert service_role.read({}) is None


def owned_by(email: str) -> HeadlessCMS:
    return parse(manifest({"tenants": [{"name": "acme", "ownerEmail": email}]}))


def brought_up(resource: HeadlessCMS, existing: Any, key: str, **jobs: Any) -> Any:
    """The Secret after a pass."""
    found = admin_secret.read(existing) if existing else Owners()
    migrations = Migrations(key, **jobs)
    return admin_secret.build(
        resource, admin_secret.owners(resource, found, migrations, no_randomness)
    )


def test_the_first_owner_gets_a_password() -> None:
    values = decode(brought_up(SHOP, None, "k1"))
    assert values["acme.email"] == "owner@acme.example"
    assert len(values["acme.password"]) == 32


def test_a_password_that_was_handed_out_stays() -> None:
    handed_out = {"acme.email": "first@acme.example", "acme.password": "first", "old.password": "x"}
    existing = {"metadata": {}, "data": encode(handed_out)}
    assert decode(brought_up(SHOP, existing, "k1")) == handed_out


def test_a_value_that_is_no_text_is_made_anew() -> None:
    spoilt = {"acme.password": base64.b64encode(b"\xff\xfe").decode()}
    existing = {"metadata": {}, "data": spoilt}
    assert len(decode(brought_up(SHOP, existing, "k1"))["acme.password"]) == 32


WRONG, RIGHT = "owner@exmple.example", "owner@example.example"


@pytest.mark.parametrize(
    ("first_job", "address"),
    [({}, RIGHT), ({"running": ["k1"]}, WRONG), ({"complete": ["k1"]}, WRONG)],
    ids=["failed", "may have read it", "has made the tenant"],
)
def test_an_address_may_be_corrected_until_the_tenant_is_made_with_it(
    first_job: Any, address: str
) -> None:
    secret = brought_up(owned_by(WRONG), None, "k1")
    corrected = brought_up(owned_by(RIGHT), secret, "k2", **first_job)
    assert decode(corrected)["acme.email"] == address
    assert decode(corrected)["acme.password"] == decode(secret)["acme.password"]


def test_an_address_that_a_tenant_was_made_with_outlives_failures_of_later_migrations() -> None:
    secret = brought_up(owned_by(WRONG), None, "k1")
    secret = brought_up(owned_by(WRONG), secret, "k1", complete=["k1"])
    secret = brought_up(owned_by(RIGHT), secret, "k2")
    assert decode(secret)["acme.email"] == WRONG


def test_a_first_owner_that_was_lost_after_the_tenant_was_made_is_no_longer_awaited() -> None:
    assert admin_secret.read(brought_up(SHOP, None, "k1", complete=["k1"])).awaited == {}
    assert admin_secret.read(brought_up(SHOP, None, "k1")).awaited == {"acme": "k1"}
