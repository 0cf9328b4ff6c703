import pytest

from localcluster.choice import Offer, choose
from localcluster.errors import ClusterError

SERVER = Offer(engine=None, linux=True, root=True, apt=True)
LAPTOP = Offer(engine="docker", linux=False, root=False, apt=False)
BOTH = Offer(engine="podman", linux=True, root=True, apt=True)
NEITHER = Offer(engine=None, linux=True, root=False, apt=True)


@pytest.mark.parametrize(
    ("wanted", "offer", "provider"),
    [
        ("auto", SERVER, "node"),
        ("auto", LAPTOP, "kind"),
        ("auto", BOTH, "kind"),
        ("node", BOTH, "node"),
        ("kind", BOTH, "kind"),
        ("existing", NEITHER, "existing"),
    ],
)
def test_the_cluster_fits_the_machine_and_the_wish(
    wanted: str, offer: Offer, provider: str
) -> None:
    assert choose(wanted, offer) == provider


@pytest.mark.parametrize(
    ("wanted", "offer", "words"),
    [
        ("minikube", SERVER, "existing, kind, node"),
        ("kind", SERVER, "start the engine"),
        ("node", LAPTOP, "Linux, root (in a container: privileged), apt-get"),
        ("auto", NEITHER, "needs root"),
    ],
)
def test_what_cannot_be_had_is_said_with_a_cure(wanted: str, offer: Offer, words: str) -> None:
    with pytest.raises(ClusterError) as caught:
        choose(wanted, offer)
    assert words in str(caught.value)
    assert caught.value.cure
