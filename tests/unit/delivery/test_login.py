import base64
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from imaging_selection.delivery.login import Login
from imaging_selection.delivery.target import parse_targets
from imaging_selection.errors import TargetError
from joserfc.jwk import ECKey, RSAKey
from support.authorization_server import CLIENT, SCOPE, SECRET, AuthorizationServer
from support.durability import structure_set
from support.fhir_target import FhirTarget
from support.waiting import wait_until

from .conftest import settings_of, wait_until_delivered

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP384R1())


def pem_of(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def known(key):
    """A key of joserfc's."""
    kind = RSAKey if isinstance(key, rsa.RSAPrivateKey) else ECKey
    return kind.import_key(pem_of(key))


class Clock:
    def __init__(self):
        self.now = time.time()

    def __call__(self):
        return self.now


@pytest.fixture(autouse=True)
def without_tls(monkeypatch):
    """Authlib serves nothing but https otherwise."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture
def secret(tmp_path):
    def keep(content):
        file = tmp_path / "secret-113047"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return {"File": str(file)}

    return keep


@pytest.fixture
def serve():
    started = []

    def start(key=None, **options):
        server = AuthorizationServer(key and known(key), **options)
        started.append(server)
        return server

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def login_of(new_exchange):
    def login(authentication, url="http://127.0.0.1:9/fhir", clock=None):
        settings = {"Name": "clinic", "Url": url, "Authentication": authentication}
        (target,) = parse_targets([settings])
        return Login(target, new_exchange(), clock or Clock())

    return login


def credentials(server, secret, **keys):
    return {
        "Type": "ClientCredentials",
        "TokenUrl": server.token_url,
        "ClientId": CLIENT,
        "ClientSecret": secret,
        "Scope": SCOPE,
        **keys,
    }


def smart(key, **keys):
    return {
        "Type": "SmartBackendServices",
        "ClientId": CLIENT,
        "PrivateKey": key,
        **keys,
    }


def test_without_authentication_there_is_no_header(login_of):
    login = login_of({"Type": "None"})

    assert login.header() is None
    assert not login.forget()


def test_basic_has_user_and_password(login_of, secret):
    password = "pässword:113047"  # noqa: S105 - of nobody
    login = login_of(
        {"Type": "Basic", "Username": "orthanc", "Password": secret(password)}
    )

    scheme, _, value = login.header().partition(" ")

    assert scheme == "Basic"
    assert base64.b64decode(value).decode() == f"orthanc:{password}"


def test_a_bearer_token_is_the_one_that_is_in_the_file_now(login_of, secret):
    login = login_of({"Type": "Bearer", "Token": secret("first-113047\n")})
    assert login.header() == "Bearer first-113047"

    secret("second-113047")

    assert login.header() == "Bearer second-113047"
    assert login.forget()


@pytest.mark.parametrize("token", ["a b", "a\r\nX-Y: z", "tökèn"])
def test_a_token_that_no_token_can_be_is_refused(login_of, secret, token):
    with pytest.raises(TargetError, match="no token has") as error:
        login_of({"Type": "Bearer", "Token": secret(token)}).header()
    assert token not in str(error.value)


def test_client_credentials_get_a_token_and_keep_it_until_it_ends(
    login_of, serve, secret
):
    server, clock = serve(seconds=600), Clock()
    login = login_of(credentials(server, secret(SECRET)), clock=clock)

    assert login.header() == login.header() == f"Bearer {server.given[0]}"
    clock.now += 569
    login.header()
    assert len(server.given) == 1
    clock.now += 2

    assert login.header() == f"Bearer {server.given[1]}"


def test_a_token_is_renewed_once_when_it_is_not_accepted(login_of, serve, secret):
    server = serve()
    login = login_of(credentials(server, secret(SECRET)))
    login.header()

    assert login.forget()

    assert login.header() == f"Bearer {server.given[1]}"


def test_a_wrong_secret_is_named_and_not_shown(login_of, serve, secret):
    login = login_of(credentials(serve(), secret("wrong-113047")))

    with pytest.raises(TargetError) as error:
        login.header()

    assert str(error.value) == "the authorization server answers 401 (invalid_client)"


def test_a_scope_that_is_not_given_is_named(login_of, serve, secret):
    login = login_of(credentials(serve(), secret(SECRET), Scope="user/*.rs"))

    with pytest.raises(TargetError, match=r"answers 400 \(invalid_scope\)"):
        login.header()


@pytest.mark.parametrize("key", [RSA, EC], ids=["RS384", "ES384"])
def test_smart_backend_services_sign_for_a_token(login_of, serve, secret, key):
    server = serve(key)
    how = smart(secret(pem_of(key)), TokenUrl=server.token_url, KeyId="key-113047")

    assert login_of(how).header() == f"Bearer {server.given[0]}"


@pytest.mark.parametrize("key", [RSA, EC], ids=["RS384", "ES384"])
def test_a_key_may_be_a_jwk_and_the_target_may_name_the_server(
    login_of, serve, secret, key
):
    server = serve(key)
    jwk = {**known(key).as_dict(private=True), "kid": "key-113047"}
    login = login_of(smart(secret(json.dumps(jwk))), url=f"{server.origin}/fhir")

    assert login.header() == f"Bearer {server.given[0]}"
    login.forget()
    assert login.header() == f"Bearer {server.given[1]}"  # each assertion is new


def test_another_key_is_not_accepted(login_of, serve, secret):
    server = serve(EC)
    how = smart(secret(pem_of(RSA)), TokenUrl=server.token_url)

    with pytest.raises(TargetError, match="authorization server answers 400"):
        login_of(how).header()
    assert server.given == []


@pytest.mark.parametrize(
    "content",
    [
        *(b"113047", b"{}", b'{"kty": "RSA"}', b"{", b"-----BEGIN PRIVATE KEY-----\n"),
        pem_of(ed25519.Ed25519PrivateKey.generate()),
    ],
)
def test_what_is_no_such_key_is_said_without_it(login_of, serve, secret, content):
    how = smart(secret(content), TokenUrl=serve(RSA).token_url)

    with pytest.raises(TargetError, match="the private key") as error:
        login_of(how).header()
    assert "113047" not in str(error.value)


@pytest.mark.parametrize(
    "answer",
    [
        b"x",
        b"[]",
        b"{}",
        b'{"token_endpoint": 7}',
        b'{"token_endpoint": "http://login.example/token"}',
    ],
)
def test_an_authorization_server_that_is_not_named_is_an_error(
    login_of, secret, answer
):
    target = FhirTarget()
    target.behave = lambda handler, *_: handler.send(200, answer) or True
    how = smart(secret(pem_of(RSA)))

    with pytest.raises(TargetError):
        login_of(how, url=target.url).header()
    target.stop()


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, b"x"),
        (200, b'{"access_token": 7, "token_type": "bearer"}'),
        (200, b'{"access_token": "a"}'),
        (200, b'{"access_token": "a b", "token_type": "Bearer"}'),
        (400, b'{"error": "Doe-113047"}'),
        (400, b'{"error": ["Doe-113047"]}'),
        (302, b""),
        (500, b"Doe-113047"),
        (503, b"{}"),
    ],
)
def test_a_bad_authorization_server_is_an_error_without_its_words(
    login_of, secret, status, answer
):
    server = FhirTarget()
    server.token_url = server.url
    server.behave = lambda handler, *_: handler.send(status, answer) or True
    login = login_of(credentials(server, secret(SECRET)))

    with pytest.raises(TargetError) as error:
        login.header()
    assert "113047" not in str(error.value)
    server.stop()


def test_without_a_stated_life_a_token_is_kept_for_some_minutes(login_of, secret):
    server, clock = FhirTarget(), Clock()
    server.token_url = server.url
    body = b'{"access_token": "token-113047", "token_type": "Bearer"}'
    server.behave = lambda handler, *_: handler.send(200, body) or True
    login = login_of(credentials(server, secret(SECRET)), clock=clock)
    login.header()
    clock.now += 200
    login.header()
    assert len(server.requests) == 1
    clock.now += 200

    login.header()

    assert len(server.requests) == 2
    server.stop()


def test_a_delivery_goes_on_with_a_new_token_when_the_old_one_is_revoked(
    site, target, serve, secret
):
    server = serve(RSA)

    def guarded(handler, *_):
        token = handler.headers.get("Authorization", "").removeprefix("Bearer ")
        return token not in server.good and (handler.send(401, b"") or True)

    target.behave = guarded
    how = smart(secret(pem_of(RSA)), TokenUrl=server.token_url)
    deliveries = site.deliver_to(settings_of(target, Authentication=how))
    site.save(structure_set(1))
    wait_until_delivered(deliveries, 1)
    server.good.clear()

    site.save(structure_set(2))

    wait_until_delivered(deliveries, 2)
    assert len(server.given) == 2
    assert deliveries.status()[0]["problem"] is None


def test_no_secret_is_in_the_status_or_in_the_log(site, target, serve, secret, caplog):
    server = serve()
    target.behave = lambda handler, *_: handler.send(401, b"") or True
    how = credentials(server, secret(SECRET))
    deliveries = site.deliver_to(settings_of(target, Authentication=how))
    site.save(structure_set(1))

    wait_until(lambda: deliveries.status()[0]["problem"])

    written = json.dumps(deliveries.status()) + caplog.text
    assert "does not accept the Authentication" in written
    assert SECRET not in written
    assert not any(token in written for token in server.given)
