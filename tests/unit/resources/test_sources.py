"""What the source Secrets may say, and what is told when they cannot be used."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_operator.api import parse
from cms_operator.api.conditions import Reason
from cms_operator.api.spec import Spec
from cms_operator.resources.sources.authorities import Authority
from cms_operator.resources.sources.sources import (
    SourceError,
    Sources,
    read_sources,
    required_secrets,
)
from tests.support.specs import manifest

DATABASE = "postgresql://owner:wonderland@db.example:5432/cms"
REDIS = "redis://redis.example:6379"


def spec(**changes: Any) -> Spec:
    return parse(manifest(changes)).spec


def read(wanted: Spec | None = None, **keys: str | None) -> Sources:
    """Keys with _ for -; None takes one away."""
    texts = {"database_url": DATABASE, "redis_url": REDIS, **keys}
    values = {
        key.replace("_", "-"): text.encode() for key, text in texts.items() if text is not None
    }
    return read_sources(wanted or spec(), {"shop-cms": values})


def told(wanted: Spec | None = None, **keys: str | None) -> str:
    with pytest.raises(SourceError) as refused:
        read(wanted, **keys)
    (problem,) = refused.value.problems
    return problem.message


DATABASE_URLS = [
    (DATABASE, "postgresql://db.example:5432/cms?connection_limit=20&pool_timeout=10"),
    ("postgres://u:p@DB/cms\n", "postgresql://db:5432/cms?connection_limit=20&pool_timeout=10"),
    (
        "postgresql://u@db/cms?pool_timeout=5&connection_limit=7&sslmode=require&pgbouncer=true",
        "postgresql://db:5432/cms?connection_limit=7&pool_timeout=5&pgbouncer=true&sslmode=require",
    ),
    (
        "postgresql://u:p%40%2F%3A@[2001:DB8::1]:6432/a%20b",
        "postgresql://[2001:db8::1]:6432/a%20b?connection_limit=20&pool_timeout=10",
    ),
    (
        "postgresql://u:p@one,two:5433/c?sslmode=prefer",
        "postgresql://one:5432,two:5433/c?connection_limit=20&pool_timeout=10&sslmode=prefer",
    ),
]


@pytest.mark.parametrize(("url", "configured"), DATABASE_URLS)
def test_a_database_url_without_its_credentials(url: str, configured: str) -> None:
    assert read(database_url=url).database.url() == configured


def test_the_spec_outranks_the_pool_of_the_url_which_outranks_the_default() -> None:
    url = f"{DATABASE}?connection_limit=7"
    assert read(database_url=url).database.pool_size == 7
    assert read(spec(database={"poolSize": 4}), database_url=url).database.pool_size == 4
    assert read().database.pool_size == 20


REDIS_URLS = [
    ("redis://redis.example", "standalone", "redis://redis.example:6379/0"),
    ("rediss://:pa%2Css@redis.example:7000/3", "standalone", "rediss://redis.example:7000/3"),
    ("redis://user:p@[::1]:6379", "standalone", "redis://[::1]:6379/0"),
    ("redis://one,two:26380/2", "sentinel", "redis://one:26379,two:26380/2"),
    ("redis://one,two,three:7000", "cluster", "redis://one:6379,two:6379,three:7000/0"),
]


@pytest.mark.parametrize(("url", "mode", "configured"), REDIS_URLS)
def test_a_redis_url_without_its_credentials(url: str, mode: str, configured: str) -> None:
    master = {"sentinelMaster": "mymaster"} if mode == "sentinel" else {}
    found = read(spec(redis={"mode": mode, **master}), redis_url=url).redis
    assert found.url() == configured
    assert found.has_credentials == ("@" in url)


BAD_DATABASE_URLS = [
    ("", "is empty"),
    ("db.example/cms", "is not a URL"),
    ("mysql://u:p@db/cms", "must begin with postgresql://"),
    ("postgresql://db/cms", "names no user"),
    ("postgresql://u:p@db", "must name a database"),
    ("postgresql://u:p@db/" + "a" * 64, "must name a database"),
    ("postgresql://u:p@/cms", "has no host"),
    ("postgresql://u:p@db:0/cms", "between 1 and 65535"),
    ("postgresql://u:p@db:99999/cms", "between 1 and 65535"),
    ("postgresql://u:p@2001:db8::1/cms", "has no host"),
    ("postgresql://u:p@[2001:db8]/cms", "not an IPv6 address"),
    ("postgresql://u:p@d$b/cms", "characters that no host name has"),
    ("postgresql://u:p w@db/cms", "white space"),
    ("postgresql://u:p#w@db/cms", "has a # in it"),
    ("postgresql://u:p/w@db/cms", "must be percent-encoded"),
    ("postgresql://u:p?w=x@db/cms", "must be percent-encoded"),
    ("postgresql://u:p@w?x=y@db/cms", "must be percent-encoded"),
    ("postgresql://u:p,w@db/cms", "must be percent-encoded"),
    ("postgresql://u:p@db/c%00ms", "a zero byte"),
    ("postgresql://u:p@db/c%FFms", "not UTF-8"),
    ("postgresql://u:p@db/cms?password=p", "an option that is not known"),
    ("postgresql://u:p@db/cms?sslmode", "cannot be read"),
    ("postgresql://u:p@db/cms?sslmode=a&sslmode=b", "an option twice"),
    ("postgresql://u:p@db/cms?connection_limit=0", "a whole number from 1 to 1000"),
    ("postgresql://u:p@db/cms?connection_limit=many", "a whole number from 1 to 1000"),
    ("postgresql://u:p@db/cms?pool_timeout=301", "a whole number from 1 to 300"),
    ("postgresql://u:p@" + ",".join(["db"] * 17) + "/cms", "more than 16 hosts"),
    ("postgresql://u:p@db/cms?" + "x" * 9000, "longer than"),
]


@pytest.mark.parametrize(("url", "words"), BAD_DATABASE_URLS, ids=[w for _, w in BAD_DATABASE_URLS])
def test_a_database_url_that_cannot_be_used(url: str, words: str) -> None:
    message = told(database_url=url)
    assert message.startswith('Key "database-url" of Secret "shop-cms" ')
    assert words in message


CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
PRIVATE = CA + "-----BEGIN PRIVATE KEY-----\n"
ROOT = "/etc/headlesscms/ca/database.crt"
IN_A_MAP = {"configMapKeyRef": {"name": "trust", "key": "ca.crt"}}


@pytest.mark.parametrize(
    ("options", "mode"),
    [
        ("", "verify-full"),
        ("?sslmode=verify-full", "verify-full"),
        ("?sslmode=verify-ca", "verify-ca"),
    ],
)
def test_an_authority_makes_the_driver_check_the_certificate(options: str, mode: str) -> None:
    for found in (
        read(database_url=DATABASE + options, database_ca=CA),
        read(spec(database={"ca": IN_A_MAP}), database_url=DATABASE + options),
    ):
        assert found.database.options == {"sslmode": mode, "sslrootcert": ROOT}


def test_every_url_of_the_database_is_checked_by_its_authority() -> None:
    migration = DATABASE.replace("owner:", "other:")
    found = read(
        database_url=DATABASE,
        migration_database_url=migration,
        database_read_replica_url=DATABASE,
        database_ca=CA,
    )
    for source in (found.database, found.migration, found.replica):
        assert source is not None
        assert source.options["sslmode"] == "verify-full"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"database_url": f"{DATABASE}?sslmode=require", "database_ca": CA},
            "which checks no cert",
        ),
        ({"database_url": f"{DATABASE}?sslmode=prefer", "database_ca": CA}, "which checks no cert"),
        (
            {"database_url": f"{DATABASE}?sslmode=verify-full&sslrootcert=/x", "database_ca": CA},
            "leave one of them out",
        ),
        ({"database_url": f"{DATABASE}?sslrootcert=/x"}, "its sslmode does not look at"),
        (
            {"database_url": f"{DATABASE}?sslrootcert=/x&sslmode=prefer"},
            "its sslmode does not look at",
        ),
        ({"database_url": f"{DATABASE}?sslmode=verify_full"}, "an sslmode that is not known"),
        ({"redis_ca": CA}, "must begin with rediss:// beside redis.ca"),
        ({"database_ca": "a bundle"}, "holds no certificate in PEM"),
        ({"redis_url": "rediss://redis", "redis_ca": PRIVATE}, "holds a private key"),
    ],
)
def test_nothing_looks_verified_that_is_not(keys: dict[str, str], words: str) -> None:
    assert words in told(None, **keys)


def test_an_authority_is_read_where_the_spec_says() -> None:
    reference = {"secretKeyRef": {"name": "shop-cms", "key": "mine"}}
    wanted = spec(database={"ca": reference}, redis={"ca": reference})
    found = read(wanted, redis_url="rediss://redis", mine=CA)
    assert found.database_ca == found.redis_ca == Authority("secret", "shop-cms", "mine")
    with pytest.raises(SourceError, match='Secret "shop-cms" has no key "mine"'):
        read(wanted, redis_url="rediss://redis")
    assert required_secrets(spec(database={"ca": IN_A_MAP})).names == {"shop-cms"}
    assert read().database_ca is None


BAD_REDIS_URLS = [
    ("http://redis", "standalone", "must begin with redis://"),
    ("redis://redis/0?ssl_cert_reqs=none", "standalone", "options after a ?"),
    ("redis://one,two", "standalone", "for which redis.mode must be sentinel or cluster"),
    ("redis://redis/first", "standalone", "the number of a database"),
    ("redis://one,two/1", "cluster", "a database other than 0"),
    ("redis://:p@one,:p@two", "cluster", "must be percent-encoded"),
]


@pytest.mark.parametrize(("url", "mode", "words"), BAD_REDIS_URLS)
def test_a_redis_url_that_cannot_be_used(url: str, mode: str, words: str) -> None:
    assert words in told(spec(redis={"mode": mode}), redis_url=url)


def test_a_value_that_is_no_text() -> None:
    values = {"database-url": b"\xff\xfe", "redis-url": REDIS.encode()}
    with pytest.raises(SourceError, match="is not text"):
        read_sources(spec(), {"shop-cms": values})


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(SourceError) as refused:
        read(database_url="nothing", redis_url=None, jwt_secret="short")
    reasons = [problem.reason for problem in refused.value.problems]
    assert reasons == [
        Reason.SECRET_VALUE_INVALID,
        Reason.SECRET_KEY_MISSING,
        Reason.SECRET_VALUE_INVALID,
    ]


def test_a_secret_that_does_not_exist_is_told_once() -> None:
    with pytest.raises(SourceError) as refused:
        read_sources(spec(), {"shop-cms": None})
    (problem,) = refused.value.problems
    assert problem.reason is Reason.SECRET_NOT_FOUND
    assert '"shop-cms"' in problem.message


def test_a_key_that_the_spec_names_by_itself_is_missed() -> None:
    wanted = spec(auth={"jwtSecretRef": {"name": "shop-cms", "key": "signing"}})
    assert told(wanted) == 'Secret "shop-cms" has no key "signing": add it.'


def test_only_what_is_named_is_read() -> None:
    wanted = spec(redis={"secretRef": {"name": "shop-redis", "key": "url"}})
    assert required_secrets(wanted).names == {"shop-cms", "shop-redis"}


def test_with_one_url_the_operator_makes_the_role_of_the_pods() -> None:
    assert read().makes_service_role


def test_with_two_urls_the_pods_have_a_role_already() -> None:
    found = read(migration_database_url="postgresql://admin:p@db.example/cms")
    assert not found.makes_service_role
    assert (found.owner.user, found.database.user) == ("admin", "owner")


def test_without_migrations_nobody_makes_a_role() -> None:
    assert not read(spec(migration={"enabled": False})).makes_service_role


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://admin:p@db.example/other", "names another database"),
        (DATABASE, "has the same user"),
    ],
)
def test_the_owner_and_the_pods_have_to_fit_together(url: str, words: str) -> None:
    assert words in told(migration_database_url=url)


def test_a_signing_key_is_long_enough() -> None:
    assert read(jwt_secret="k" * 32 + "\n").jwt_secret == b"k" * 32
    assert "must be 32 to 1024 bytes long" in told(jwt_secret="k" * 31)


SECRET = "hunter2"
PIECES = st.lists(
    st.sampled_from([SECRET, "@", ":", "/", "?", "#", ",", "=", "&", "%", "[", "]", "db", "%40"]),
    max_size=12,
)


@given(PIECES)
def test_no_message_repeats_a_part_of_a_url(pieces: list[str]) -> None:
    url = f"postgresql://user:{''.join(pieces)}{SECRET}@db.example/cms"
    shown = ""
    try:
        found = read(database_url=url)
        shown = found.database.url() + repr(found)
    except SourceError as error:
        shown = str(error)
    assert SECRET not in shown


def test_a_signing_key_is_not_in_a_log() -> None:
    assert SECRET not in repr(read(jwt_secret=SECRET * 8))
