from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from localcluster import addresses, credentials, paths, pki
from localcluster.credentials import Credentials
from localcluster.pki import Certificate, Identity
from localcluster.shell import run, succeeds


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    folder = tmp_path_factory.mktemp("credentials")
    return credentials.make(folder, IPv4Address("10.216.32.1"), 6443, addresses.blocks([])[0])


def accepted(authority: Path, certificate: Certificate, purpose: str) -> bool:
    command = ("openssl", "verify", "-purpose", purpose, "-CAfile", str(authority))
    return succeeds((*command, str(certificate.certificate)))


def test_a_client_of_the_cluster_is_nobody_to_etcd_and_as_front_proxy(issued: Credentials) -> None:
    client = issued.cluster.issue("anybody", Identity("anybody"))
    assert accepted(issued.cluster.certificate, client, "sslclient")
    assert not accepted(issued.etcd.certificate, client, "sslclient")
    assert not accepted(issued.front_proxy.certificate, client, "sslclient")


def test_a_clients_certificate_cannot_serve(issued: Credentials) -> None:
    assert not accepted(issued.cluster.certificate, issued.kubelet_client, "sslserver")


def test_the_api_server_can_prove_every_name_that_it_is_called_by(issued: Credentials) -> None:
    certificate = str(issued.api_server.certificate)
    names = run(("openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", certificate))
    for name in ("kubernetes.default.svc", "10.216.32.1", "10.216.0.1"):
        assert name in names


def test_no_private_key_or_kubeconfig_is_readable_by_others(issued: Credentials) -> None:
    config = issued.kubeconfig(Identity("somebody"))
    for path in (*issued.folder.glob("*.key"), config):
        assert path.stat().st_mode & 0o077 == 0, path


def test_groups_become_organizations() -> None:
    text = pki.identity_config(Identity("admin", ("system:masters", "more")))
    assert "0.O = system:masters\n1.O = more\nCN = admin\n" in text


def test_a_kubeconfig_is_never_written_through_what_was_there(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("theirs")
    (tmp_path / "kubeconfig").symlink_to(other)
    paths.write_private(tmp_path / "kubeconfig", "ours")
    assert other.read_text() == "theirs"


def test_a_file_that_several_write_at_once_is_that_of_one_of_them(tmp_path: Path) -> None:
    texts = [str(number) * 10_000 for number in range(4)]

    def write(text: str) -> str:
        for _ in range(50):
            paths.write_private(tmp_path / "log", text)
        return (tmp_path / "log").read_text()

    with ThreadPoolExecutor() as writers:
        assert set(writers.map(write, texts)) <= set(texts)
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
