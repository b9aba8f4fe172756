import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from imaging_selection.delivery.exchange import Answer, Limits
from imaging_selection.errors import TargetError
from support.fhir_target import FhirTarget
from support.waiting import wait_until


def answer_of(**headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(429, names, b"")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        ("99999999999999", 3600),
        ("-1", None),
        ("7.5", None),
        ("\u0667", None),
        ("soon", None),
        ("", None),
        ("Fri, 31 Feb 2021 25:00:00 GMT", None),
        (format_datetime(datetime(2021, 3, 4, tzinfo=UTC), usegmt=True), 0),
    ],
)
def test_retry_after_is_a_number_of_seconds_or_a_date(value, seconds):
    assert answer_of(retry_after=value).retry_after == seconds


def test_a_date_to_come_is_waited_for():
    moment = datetime.now(UTC) + timedelta(seconds=60)

    waited = answer_of(retry_after=format_datetime(moment, usegmt=True)).retry_after

    assert 55 < waited <= 60
    assert answer_of().retry_after is None


@pytest.fixture
def certificate(tmp_path):
    """A certificate of this machine that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(113047)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)  # noqa: FBT003
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)  # noqa: FBT003
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(made.public_bytes(Encoding.PEM))
    private = key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    (tmp_path / "key.pem").write_bytes(private)
    return path, tmp_path / "key.pem"


@pytest.fixture
def secure(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    target = FhirTarget(tls=context)
    yield target
    target.stop()


def test_a_certificate_is_verified(new_exchange, secure, certificate):
    url = f"https://localhost:{secure.port}/fhir"

    with pytest.raises(TargetError, match="certificate is not trusted"):
        new_exchange().send("GET", url)
    assert new_exchange(certificate[0]).send("GET", url).status == 404


def test_a_certificate_of_another_name_is_not_trusted(
    new_exchange, secure, certificate
):
    with pytest.raises(TargetError, match="certificate is not trusted"):
        new_exchange(certificate[0]).send(
            "GET", f"https://127.0.0.1:{secure.port}/fhir"
        )


def test_a_server_without_tls_is_said(new_exchange, target):
    url = target.url.replace("http:", "https:")

    with pytest.raises(TargetError, match="does not speak TLS"):
        new_exchange().send("GET", url)


def test_a_request_ends_when_its_time_is_over(new_exchange, target):
    ended = threading.Event()
    target.behave = lambda *_: ended.wait(20)
    exchange = new_exchange(limits=Limits(whole=0.2))

    def watch():
        while not ended.wait(0.05):
            exchange.check_time()

    threading.Thread(target=watch, daemon=True).start()
    begun = time.monotonic()
    with pytest.raises(TargetError, match="does not answer"):
        exchange.send("POST", target.url, b"{}")
    assert time.monotonic() - begun < 5
    ended.set()


def test_an_answer_that_comes_too_slowly_is_given_up(new_exchange, target):
    target.behave = lambda *_: time.sleep(1) or True
    with pytest.raises(TargetError, match="ReadTimeout") as error:
        new_exchange(limits=Limits(read=0.1)).send("POST", target.url, b"{}")
    assert not error.value.is_down


def test_a_stopped_exchange_sends_nothing(new_exchange, target):
    exchange = new_exchange()
    exchange.stop()

    with pytest.raises(TargetError, match="stopping"):
        exchange.send("GET", target.url)
    assert target.requests == []


def test_an_answer_that_never_ends_is_cut(new_exchange, target):
    def endless(handler, *_):
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b" " * 65536)

    target.behave = endless
    with pytest.raises(TargetError, match="more than"):
        new_exchange().send("GET", target.url)


def test_the_proxies_of_the_environment_are_not_used(new_exchange, target, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert new_exchange().send("GET", target.url).status == 404
    wait_until(lambda: target.requests)
