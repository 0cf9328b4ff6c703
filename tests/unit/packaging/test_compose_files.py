"""The files for Compose and Swarm are valid, safe, and have the values that were asked for."""

import hashlib
import ipaddress
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jsonschema
import pytest

from cms_service import VERSION, server
from cms_service.core.endpoints.strict_route import MAX_BODY_BYTES
from cms_service.core.settings.database_url import parse_database_url
from cms_service.core.settings.migrate import MigrateSettings
from cms_service.core.settings.serve import ServeSettings
from tests.support.charts import REPOSITORY
from tests.support.compose_files import DEPLOY, SCALE, SWARM, example_environment, load

FILES = (SCALE, SWARM)
INSTANCES = {SCALE: ["api1", "api2", "api3"], SWARM: ["api"]}
SCHEMA = REPOSITORY / "tests" / "support" / "compose_spec" / "schema.json"
POSTGRES_CONNECTIONS = 100
FOR_SUPERUSERS = 3
# Of its limit: fragmentation, and what is written meanwhile twice, come on top.
REDIS_SHARE_WHILE_REWRITING = 0.4

Service = dict[str, Any]


@pytest.fixture(params=FILES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def document(name: str) -> dict[str, Any]:
    return load(name, example_environment())


@pytest.fixture
def services(document: dict[str, Any]) -> dict[str, Service]:
    found: dict[str, Service] = document["services"]
    return found


@pytest.fixture
def instances(name: str, services: dict[str, Service]) -> list[Service]:
    return [services[instance] for instance in INSTANCES[name]]


def seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()  # type: ignore[union-attr]
    return timedelta(**{{"s": "seconds", "m": "minutes"}[unit]: int(number)}).total_seconds()


def validate(document: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(json.loads(SCHEMA.read_text())).validate(document)


def test_it_fits_the_compose_specification(document: dict[str, Any]) -> None:
    validate(document)


def test_the_image_is_of_this_release(name: str) -> None:
    example = example_environment()
    image = example.pop("IMAGE")
    assert image == f"headlesscms-api:{VERSION}"
    assert load(name, example)["services"]["migrate"]["image"] == image


def test_the_schema_refuses_what_the_specification_does_not_know() -> None:
    document = load(SCALE, example_environment())
    document["services"]["nginx"]["restrat"] = "always"
    with pytest.raises(jsonschema.ValidationError, match="restrat"):
        validate(document)


def names_used(service: Service, kind: str) -> Iterator[str]:
    for used in service.get(kind, ()):
        if isinstance(used, str):
            yield used.partition(":")[0]
        elif used.get("type", "volume") == "volume":
            yield used["source"]


@pytest.mark.parametrize("kind", ["secrets", "configs", "networks", "volumes"])
def test_all_that_is_named_exists_and_all_that_exists_is_named(
    document: dict[str, Any], services: dict[str, Service], kind: str
) -> None:
    used = {found for service in services.values() for found in names_used(service, kind)}
    assert used == document[kind].keys()


def test_files_that_are_named_exist_or_are_made(document: dict[str, Any]) -> None:
    made = (DEPLOY / "make-secrets.sh").read_text()
    for secret in document["secrets"].values():
        file = re.escape(secret["file"].removeprefix("./secrets/"))
        assert re.search(rf"^ *make(_password)? {file}\b", made, re.MULTILINE)
    for config in document["configs"].values():
        assert (DEPLOY / config["file"]).is_file()


def test_a_file_that_a_release_changes_is_a_new_config_of_swarm() -> None:
    """It changes none: a stack with another file of the same name is refused as a whole."""
    for name, config in load(SWARM, example_environment())["configs"].items():
        digest = hashlib.sha256((DEPLOY / config["file"]).read_bytes()).hexdigest()
        assert config["name"] == f"headlesscms-{name}-{digest[:8]}"


def test_every_container_is_bounded_and_has_no_rights_that_it_does_not_need(
    services: dict[str, Service],
) -> None:
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["user"].partition(":")[0] not in {"", "0", "root"}
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}


def test_without_swarm_no_container_gains_rights(name: str, services: dict[str, Service]) -> None:
    wanted = ["no-new-privileges:true"] if name == SCALE else None  # Swarm ignores the option
    assert all(service.get("security_opt") == wanted for service in services.values())


def test_only_nginx_can_be_reached_from_outside(
    document: dict[str, Any], services: dict[str, Service]
) -> None:
    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]
    assert list(services["nginx"]["networks"]) == ["front"]
    assert document["networks"]["back"]["internal"] is True
    for store in ("postgres", "redis", "migrate"):
        assert services[store]["networks"] == ["back"]


def test_nobody_but_nginx_is_believed_who_the_client_is(
    name: str, document: dict[str, Any], services: dict[str, Service], instances: list[Service]
) -> None:
    front = document["networks"]["front"]["ipam"]["config"][0]["subnet"]
    address = services["nginx"]["networks"]["front"]["ipv4_address"] if name == SCALE else ""
    wanted = f"{address}/32" if name == SCALE else front
    assert {instance["environment"]["TRUSTED_PROXIES"] for instance in instances} == {wanted}
    in_front = {name for name, service in services.items() if "front" in service["networks"]}
    assert in_front == {"nginx", *INSTANCES[name]}


def test_who_comes_by_ipv6_is_not_taken_for_the_machine_itself() -> None:
    """Docker hands such connections over from the gateway's address, as those of the machine."""
    document = load(SCALE, example_environment())
    assert document["services"]["nginx"]["ports"] == ["0.0.0.0:80:80"]
    behind_a_proxy = {"HTTP_ADDRESS": "127.0.0.1", "HTTP_PORT": "8080"}
    services = load(SCALE, example_environment() | behind_a_proxy)["services"]
    assert services["nginx"]["ports"] == ["127.0.0.1:8080:80"]


def test_a_proxy_on_the_machine_is_believed_as_the_page_says() -> None:
    page = (REPOSITORY / "docs" / "outside-kubernetes.md").read_text()
    told = dict(re.findall(r"^ +([A-Z_]+)=(\S+)$", page, re.MULTILINE))
    document = load(SCALE, example_environment() | told)
    (network,) = document["networks"]["front"]["ipam"]["config"]
    gateway = ipaddress.ip_network(network["subnet"])[1]
    services = document["services"]
    nginx = services["nginx"]["networks"]["front"]["ipv4_address"]
    assert services["nginx"]["ports"] == ["127.0.0.1:8080:80"]
    assert services["api1"]["environment"]["TRUSTED_PROXIES"].split(",") == [
        f"{nginx}/32",
        f"{gateway}/32",
    ]


def test_a_release_by_one_instance_after_the_other_finds_the_networks_as_they_were() -> None:
    """Compose ends all that is attached to a network whose definition is another."""
    document = load(SCALE, example_environment())
    front, back = ({"ipam": {"config": [{"subnet": "172.30.80.0/24"}]}}, {"internal": True})
    assert document["networks"] == {"front": front, "back": back}


def test_no_secret_is_in_an_environment_or_a_command(services: dict[str, Service]) -> None:
    for service in services.values():
        words = [*service.get("environment", {}).values(), *service.get("command", ())]
        assert not [word for word in words if re.search(r"://[^/]*@", word)]
        settings = service.get("environment", {})
        secret = [key for key in settings if re.search("PASSWORD|SECRET|KEY", key)]
        assert all(key.endswith(("_FILE", "_DIR")) for key in secret)


def test_the_api_knows_nothing_of_the_owner_of_the_tables(
    services: dict[str, Service], instances: list[Service]
) -> None:
    for instance in instances:
        assert not [used for used in names_used(instance, "secrets") if "owner" in used]
    assert {"owner-password", "service-password"} <= set(names_used(services["migrate"], "secrets"))


def test_the_settings_are_those_of_the_service(
    services: dict[str, Service], instances: list[Service]
) -> None:
    uses: list[tuple[dict[str, str], type[ServeSettings | MigrateSettings]]] = [
        *((instance["environment"], ServeSettings) for instance in instances),
        (services["migrate"]["environment"], MigrateSettings),
    ]
    for environment, kind in uses:
        assert {key.lower() for key in environment} <= kind.model_fields.keys()
        kind.model_validate({key.lower(): value for key, value in environment.items()})


def test_an_instance_may_end_what_it_has_begun(instances: list[Service]) -> None:
    for instance in instances:
        needed = float(instance["environment"]["DRAIN_SECONDS"])
        needed += server.FINISH_SECONDS + server.CLOSE_SECONDS
        assert needed < seconds(instance["stop_grace_period"])


def test_all_instances_and_one_more_fit_into_postgresql(
    name: str, services: dict[str, Service], instances: list[Service]
) -> None:
    url = parse_database_url(instances[0]["environment"]["DATABASE_URL"])
    assert (url.connection_limit, url.pool_timeout) == (20, 10)
    deploy = services["api"]["deploy"] if name == SWARM else {}
    count = deploy.get("replicas", len(instances)) + 1
    assert count * url.connection_limit + FOR_SUPERUSERS < POSTGRES_CONNECTIONS


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("replicas", 3),
        ("update_config.parallelism", 1),
        ("update_config.delay", "10s"),
        ("update_config.order", "start-first"),
        ("update_config.failure_action", "rollback"),
        ("restart_policy.condition", "on-failure"),
        ("resources.limits.cpus", "0.5"),
        ("resources.limits.memory", "512M"),
        ("resources.reservations.cpus", "0.25"),
        ("resources.reservations.memory", "256M"),
    ],
)
def test_swarm_has_the_values_of_the_document(path: str, value: object) -> None:
    found: Any = load(SWARM, example_environment())["services"]["api"]["deploy"]
    for step in path.split("."):
        found = found[step]
    assert found == value


def test_a_way_back_does_not_turn_back_itself() -> None:
    deploys = [
        service["deploy"] for service in load(SWARM, example_environment())["services"].values()
    ]
    actions = {deploy.get("rollback_config", {}).get("failure_action") for deploy in deploys}
    assert actions == {None, "pause"}


def test_compose_has_the_stores_of_the_document_and_waits_for_the_migration() -> None:
    services = load(SCALE, example_environment())["services"]
    assert services["postgres"]["image"] == "postgres:15"
    assert services["redis"]["image"] == "redis:7-alpine"
    for instance in INSTANCES[SCALE]:
        waits = {on: how["condition"] for on, how in services[instance]["depends_on"].items()}
        assert waits == {
            "postgres": "service_healthy",
            "redis": "service_healthy",
            "migrate": "service_completed_successfully",
        }


def test_the_names_of_nginx_are_names_in_both_files() -> None:
    servers = re.findall(r"server (\w+):(\d+)", (DEPLOY / "nginx.conf").read_text())
    assert servers == [("api1", "3000"), ("api2", "3000"), ("api3", "3000")]
    upstreams = [name for name, _ in servers]
    assert upstreams == INSTANCES[SCALE]
    swarm = load(SWARM, example_environment())["services"]["api"]
    assert swarm["networks"]["front"]["aliases"] == upstreams
    assert ServeSettings.model_fields["port"].default == 3000


def test_nginx_starts_whatever_instances_are_down() -> None:
    """It ends where it cannot look a name up, and Docker knows those of running containers only."""
    services = load(SCALE, example_environment())["services"]
    networks = {name: services[name]["networks"]["front"] for name in INSTANCES[SCALE]}
    addresses = {name: network["ipv4_address"] for name, network in networks.items()}
    assert services["nginx"].get("extra_hosts") == addresses


def bytes_of(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([mg])b?", text.lower()).groups()  # type: ignore[union-attr]
    return int(number) << {"m": 20, "g": 30}[unit]


def test_redis_has_room_to_rewrite_its_file_when_it_is_full(services: dict[str, Service]) -> None:
    most = re.search(r"^maxmemory (\w+)$", (DEPLOY / "redis.conf").read_text(), re.MULTILINE)
    assert most is not None
    limit = bytes_of(services["redis"]["deploy"]["resources"]["limits"]["memory"])
    assert bytes_of(most[1]) <= REDIS_SHARE_WHILE_REWRITING * limit


def test_another_image_of_postgresql_sorts_as_the_one_before(services: dict[str, Service]) -> None:
    """Other locales are the image's C library's, and its next one would harm indexes of text."""
    arguments = services["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split()
    assert "--locale=C.UTF-8" in arguments


def test_nginx_has_workers_for_its_container_and_not_for_the_machine() -> None:
    """64 of them would take half of its memory, and above 99 it would not start."""
    assert "worker_processes 2;" in (DEPLOY / "nginx.conf").read_text()


def test_nginx_takes_a_body_that_the_api_takes() -> None:
    assert "client_max_body_size 1m;" in (DEPLOY / "nginx.conf").read_text()
    assert MAX_BODY_BYTES == 1024 * 1024
