"""A CRD of another version than the operator: fields that it knows are missing, others are new."""

from tests.controlplane.crds import newer, older, served
from tests.controlplane.faults import Proxied
from tests.controlplane.team import IMAGES, Team, eventually
from tests.controlplane.unharmed import unharmed


def begin(team: Team) -> set[str]:
    team.make(replicas=1)
    team.wait_until_ready()
    return team.pods()


def test_with_an_older_crd_all_goes_on_and_nothing_is_written_again_and_again(
    proxied_team: Team, proxied: Proxied
) -> None:
    team = proxied_team
    pods, keys = begin(team), team.read_secret("shop-jwt")
    with unharmed(proxied, team), served(team, older()), unharmed(proxied, team):
        team.make(replicas=2)
        team.delete("service", "shop")
        eventually(lambda: len(team.pods()) == 2, "it grows")
        for number in range(3):
            note = {"metadata": {"annotations": {"example.com/note": str(number)}}}
            eventually(lambda: team.names("service") == {"shop"}, "drift is put right")
            team.patch("service", "shop", note)
        team.wait_until_ready()
    assert pods < team.pods()
    assert team.read_secret("shop-jwt") == keys
    eventually(lambda: team.status().get("version") == "1.0.0", "it is told again")


def test_what_a_newer_crd_has_is_left_alone_until_it_cannot_be_read(
    proxied_team: Team, proxied: Proxied
) -> None:
    team = proxied_team
    pods = begin(team)
    with unharmed(proxied, team), served(team, newer()):
        team.make(replicas=2, shadow="everything")
        eventually(lambda: len(team.pods()) == 2, "it grows")
        team.make(replicas=2, rollout={"strategy": "Shadow"}, image=f"{IMAGES}:2.0.0")
        message = team.wait_for("Ready", "False", "InvalidSpec")
        assert "strategy" in message
        assert pods < team.pods()
        assert len(team.pods()) == 2
        team.make(replicas=2)
        team.wait_until_ready()
    assert pods < team.pods()
