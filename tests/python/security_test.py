"""TLS, certificates of both sides, and tokens."""

import asyncio
import shutil
import subprocess

import numpy as np
import pytest

import boltzmann

ROW = np.zeros((1, 4), np.float32)


def openssl(directory, *arguments):
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True,
                   timeout=60)


@pytest.fixture(scope="session")
def certificates(program, tmp_path_factory):
    """A directory with ca.pem, and PEM files of the server (for 127.0.0.1) and of a client."""
    known = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=60)
    if "--tls_cert_file" not in known.stdout + known.stderr:
        pytest.skip("this server has no --tls_cert_file")
    if shutil.which("openssl") is None:
        pytest.skip("the command openssl is missing")
    directory = tmp_path_factory.mktemp("tls")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl(directory, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=test CA")
    for name, alternative in (("server", "IP:127.0.0.1,DNS:sampler.example"), ("client", "URI:spiffe://test/engine")):
        openssl(directory, "req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}")
        (directory / "extensions").write_text(f"subjectAltName={alternative}\n")
        openssl(directory, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey",
                "ca.key", "-CAcreateserial", "-out", f"{name}.pem", "-days", "2", "-extfile",
                "extensions")
    return directory


def server_flags(certificates):
    return ["--listen=127.0.0.1:0", f"--tls_cert_file={certificates}/server.pem",
            f"--tls_key_file={certificates}/server.key"]


def test_tls(start_server, certificates):
    server = start_server(*server_flags(certificates))
    ca = certificates / "ca.pem"
    with boltzmann.Client(server.targets[0], tls_ca=ca, timeout=30) as client:
        assert client.sample(ROW).row_errors == ()
    name = "sampler.example"
    with boltzmann.Client(server.targets[0], tls_ca=ca, tls_server_name=name, timeout=30) as client:
        assert client.sample(ROW).row_errors == ()

    async def asynchronously():
        async with boltzmann.AsyncClient(server.targets[0], tls_ca=ca, timeout=30) as client:
            return await client.sample(ROW)

    assert asyncio.run(asynchronously()).row_errors == ()


def test_tls_refuses_plain_callers_and_strangers(start_server, certificates, tmp_path):
    server = start_server(*server_flags(certificates))
    with boltzmann.Client(server.targets[0], timeout=5) as client:
        with pytest.raises(boltzmann.CallError):
            client.sample(ROW)
    openssl(tmp_path, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-keyout", "other.key", "-out", "other.pem", "-days", "2", "-subj", "/CN=x")
    with boltzmann.Client(server.targets[0], tls_ca=tmp_path / "other.pem", timeout=5) as client:
        with pytest.raises(boltzmann.CallError):
            client.sample(ROW)


def test_the_server_can_want_a_certificate(start_server, certificates):
    server = start_server(*server_flags(certificates),
                          f"--tls_client_ca_file={certificates}/ca.pem",
                          "--tls_allowed_clients=spiffe://test/engine")
    own = dict(tls_cert=certificates / "client.pem", tls_key=certificates / "client.key")
    with boltzmann.Client(server.targets[0], tls_ca=certificates / "ca.pem", timeout=30,
                          **own) as client:
        assert client.sample(ROW).row_errors == ()
    with boltzmann.Client(server.targets[0], tls_ca=certificates / "ca.pem", timeout=5) as client:
        with pytest.raises(boltzmann.CallError):
            client.sample(ROW)


def test_the_server_can_want_a_token(start_server, certificates, directory):
    (directory / "tokens").write_text("secret\nother\n")
    (directory / "tokens").chmod(0o600)
    server = start_server(*server_flags(certificates), f"--token_file={directory}/tokens")
    ca = certificates / "ca.pem"
    for options in (dict(token="secret"), dict(token_file=directory / "mine")):
        (directory / "mine").write_text("other")
        with boltzmann.Client(server.targets[0], tls_ca=ca, timeout=30, **options) as client:
            assert client.sample(ROW).row_errors == ()
            with client.stream() as stream:
                assert stream.step(ROW).row_errors == ()
    for options in (dict(), dict(token="wrong")):
        with boltzmann.Client(server.targets[0], tls_ca=ca, timeout=30, **options) as client:
            with pytest.raises(boltzmann.Unauthenticated):
                client.sample(ROW)
            with client.stream() as stream, pytest.raises(boltzmann.Unauthenticated):
                stream.step(ROW)
