"""Three lines become a running CMS."""

import json

from tests.controlplane.team import IMAGE, IMAGES, LONG_PATIENCE, Team, eventually
from tests.support.charts import REPOSITORY

SAMPLES = REPOSITORY / "config" / "samples"


def test_a_three_line_spec_becomes_ready(team: Team) -> None:
    team.make()
    team.wait_until_ready()
    status, revision = team.status(), team.revision()
    assert status["version"] == "1.0.0"
    assert (status["replicas"], status["readyReplicas"]) == (3, 3)
    assert status["updatedRevision"] == revision
    assert status["migration"] | {"key": "", "database": "", "finishedAt": ""} == {
        "key": "",
        "finishedAt": "",
        "database": "",
        "image": IMAGE,
        "phase": "Complete",
        "from": 0,
        "to": 2,
        "oldestReadable": 1,
        "schemaVersion": 2,
        "toContract": 0,
        "maxConnections": 197,
    }
    for kind in ("deployment", "configmap", "controllerrevision", "poddisruptionbudget"):
        assert f"shop-{revision}" in team.names(kind)
    for kind in ("service", "serviceaccount", "networkpolicy"):
        assert "shop" in team.names(kind)
    assert team.names("secret") == {"source", "shop-jwt", "shop-database"}


def test_the_defaults_of_the_document_are_on_the_live_objects(team: Team) -> None:
    team.make(autoscaling={})
    team.wait_until_ready()
    deployment = team.the("deployment", f"shop-{team.revision()}")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert deployment["spec"]["replicas"] == 3
    assert container["resources"] == {
        "requests": {"cpu": "250m", "memory": "256Mi"},
        "limits": {"cpu": "500m", "memory": "512Mi"},
    }
    liveness, readiness = container["livenessProbe"], container["readinessProbe"]
    assert (liveness["initialDelaySeconds"], liveness["periodSeconds"]) == (30, 10)
    assert (readiness["initialDelaySeconds"], readiness["periodSeconds"]) == (5, 5)
    assert (liveness["httpGet"]["path"], readiness["httpGet"]["path"]) == ("/livez", "/readyz")
    assert "startupProbe" in container
    assert {"name": "http", "containerPort": 3000, "protocol": "TCP"} in container["ports"]

    service = team.the("service", "shop")["spec"]
    assert service["type"] == "LoadBalancer"
    assert [(port["port"], port["targetPort"]) for port in service["ports"]] == [(80, "http")]

    scaler = team.the("horizontalpodautoscaler", "shop")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 10)
    targets = {
        metric["resource"]["name"]: metric["resource"]["target"]["averageUtilization"]
        for metric in scaler["metrics"]
    }
    assert targets == {"cpu": 70, "memory": 80}
    assert scaler["scaleTargetRef"]["kind"] == "HeadlessCMS"
    assert scaler["behavior"] == {
        "scaleDown": {
            "stabilizationWindowSeconds": 300,
            "selectPolicy": "Max",
            "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
        },
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Max",
            "policies": [
                {"type": "Percent", "value": 100, "periodSeconds": 15},
                {"type": "Pods", "value": 2, "periodSeconds": 15},
            ],
        },
    }


def test_a_name_of_63_characters_makes_valid_and_unique_children(team: Team) -> None:
    common = "c" * 60
    names = [common + "aaa", common + "bbb"]
    for name in names:
        team.make(name, replicas=1, tenants=[{"name": "acme", "ownerEmail": "a@example.com"}])
    for name in names:
        team.wait_until_ready(name)
        assert len(team.pods(name)) == 1
    assert len(team.all("deployment")) == 2
    assert len(team.names("secret") - {"source"}) == 2 * len(("jwt", "database", "admin"))


def test_names_that_look_alike_do_not_collide(team: Team) -> None:
    team.make("shop", replicas=1)
    team.wait_until_ready("shop")
    others = [f"shop-{team.revision()}", "shop-jwt", "shop-migrate", "shop-database"]
    for name in others:
        team.make(name, replicas=1)
    for name in ("shop", *others):
        team.wait_until_ready(name)
        assert len(team.pods(name)) == 1


def test_kubectl_waits_shows_and_explains(team: Team) -> None:
    team.make(replicas=1)
    team.kubectl("wait", "--for=condition=Ready", "hcms/shop", "--timeout=60s")
    header, row = team.kubectl("get", "hcms").splitlines()
    assert header.split() == ["NAME", "READY", "VERSION", "REPLICAS", "STRATEGY", "AGE"]
    assert row.split()[:5] == ["shop", "True", "1.0.0", "1", "RollingUpdate"]
    help_text = team.kubectl("explain", "headlesscms.spec.database.poolSize")
    assert "else 20" in help_text


def test_each_tenant_gets_an_owner_and_later_ones_change_no_password_and_no_pod(
    team: Team,
) -> None:
    acme = {"name": "acme", "ownerEmail": "owner@acme.example"}
    umbrella = {"name": "umbrella", "ownerEmail": "owner@umbrella.example"}
    team.make(replicas=1, tenants=[acme])
    team.wait_until_ready()
    first = team.read_secret("shop-admin")
    assert first["acme.email"] == "owner@acme.example"
    assert len(first["acme.password"]) >= 20
    pods, revision = team.pods(), team.revision()

    team.make(replicas=1, tenants=[acme, umbrella])
    eventually(lambda: "umbrella.password" in team.read_secret("shop-admin"), "a second owner")
    team.wait_until_ready()
    second = team.read_secret("shop-admin")
    assert second["acme.password"] == first["acme.password"]
    assert second["umbrella.password"] != first["acme.password"]
    assert (team.pods(), team.revision()) == (pods, revision)


def test_an_owners_address_may_be_corrected_until_the_tenant_is_made(team: Team) -> None:
    def address() -> str:
        return team.read_secret("shop-admin")["acme.email"]

    def owned_by(email: str) -> list[dict[str, str]]:
        return [{"name": "acme", "ownerEmail": email}]

    wrong, right = "owner@exmple.example", "owner@example.example"
    team.make(replicas=1, image=f"{IMAGES}:bad-migration", tenants=owned_by(wrong))
    team.wait_for("DatabaseMigrated", "False", "MigrationFailed", seconds=120)
    assert address() == wrong
    team.make(replicas=1, tenants=owned_by(right))
    team.wait_until_ready()
    assert address() == right
    team.make(replicas=1, image=f"{IMAGES}:bad-migration", tenants=owned_by(wrong))
    team.wait_for("DatabaseMigrated", "False", "MigrationFailed", seconds=120)
    assert address() == right, "the tenant was made with it"


def test_limits_of_tenants_are_written_by_a_job_and_change_no_pod(team: Team) -> None:
    def limits() -> list[str]:
        """What the Jobs that are there set: only the one for the present spec is there."""
        containers = [job["spec"]["template"]["spec"]["containers"][0] for job in team.all("job")]
        variables = [variable for container in containers for variable in container["env"]]
        return [each["value"] for each in variables if each["name"] == "DEFAULT_LIMITS"]

    team.make(replicas=1)
    team.wait_until_ready()
    pods, revision = team.pods(), team.revision()
    assert limits() == []
    team.make(replicas=1, tenantLimits={"entries": 5})
    eventually(lambda: limits() == ['{"entries": 5}'], "a Job with the limits")
    team.wait_until_ready()
    team.make(replicas=1)
    eventually(lambda: limits() == [] and bool(team.all("job")), "a Job with the release's own")
    team.wait_until_ready()
    assert (team.pods(), team.revision()) == (pods, revision)


def test_the_minimal_sample_becomes_ready(team: Team) -> None:
    team.write_secret("shop-cms", team.read_secret("source"))
    team.kubectl("apply", "-f", str(SAMPLES / "minimal.yaml"))
    team.wait_until_ready()


def test_the_production_sample_becomes_ready(team: Team) -> None:
    database = "postgresql://{}:word@db.example:5432/cms"
    team.write_secret(
        "shop-postgresql",
        {
            "service-url": database.format("pods"),
            "owner-url": database.format("owner"),
            "replica-url": "postgresql://pods:word@replica.example:5432/cms",
        },
    )
    team.write_secret("shop-redis", {"url": "redis://:word@a.example,b.example/0"})
    team.kubectl("apply", "-f", str(SAMPLES / "production.yaml"))
    team.wait_for("Ready", "True")
    assert team.condition("AddressAssigned")[:2] == ("False", "AddressPending")
    assert set(team.read_secret("shop-admin")) == {
        f"{tenant}.{word}" for tenant in ("shop-eu", "shop-us") for word in ("email", "password")
    }


def test_the_gitops_sample_becomes_ready(team: Team) -> None:
    team.write_secret("shop-cms", team.read_secret("source"))
    built = team.kubectl("kustomize", str(SAMPLES / "gitops" / "production"))
    built = built.replace("namespace: shop", f"namespace: {team.namespace}")
    team.kubectl("apply", "-f", "-", stdin=built)
    team.wait_until_ready()
    image = team.the("headlesscms", "shop")["spec"]["image"]
    assert image.startswith("registry.example/headlesscms-api@sha256:")
    assert json.dumps(image) in json.dumps(team.the("deployment", f"shop-{team.revision()}"))


def test_a_hundred_pods_are_as_easy_as_one(team: Team) -> None:
    team.make(replicas=100, image=IMAGE)
    team.wait_until_ready(seconds=LONG_PATIENCE)
    assert len(team.pods()) == 100
    assert team.status()["readyReplicas"] == 100
