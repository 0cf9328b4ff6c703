"""Reached through an Ingress."""

from tests.controlplane.team import Team


def test_an_ingress_gives_the_address_when_its_controller_has(team: Team) -> None:
    team.make(
        replicas=1,
        route={
            "host": "cms.example.com",
            "tls": {"secretName": "cms-tls"},
            "ingress": {"className": "nginx", "annotations": {"example.com/a": "b"}},
        },
    )
    team.wait_until_ready()
    ingress = team.the("ingress", "shop")
    assert ingress["metadata"]["annotations"]["example.com/a"] == "b"
    assert ingress["spec"]["tls"] == [{"hosts": ["cms.example.com"], "secretName": "cms-tls"}]
    assert team.condition("AddressAssigned")[0] == "False"
    given = {"status": {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}]}}}
    team.patch("ingress", "shop", given, subresource="status")
    team.wait_for("AddressAssigned", "True")
    assert team.status()["address"] == "cms.example.com"
