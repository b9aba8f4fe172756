"""An authorization server: Authlib's, in Flask, on a free port of this process.

It gives tokens for client secrets (RFC 6749 2.3.1) and for signed assertions (RFC 7523,
as SMART Backend Services has it), and knows which of its tokens are good.
"""

import threading
from functools import partial
from wsgiref.simple_server import WSGIRequestHandler, make_server

from authlib.integrations.flask_oauth2 import AuthorizationServer as Authlib
from authlib.oauth2.rfc6749 import ClientMixin, InvalidClientError, grants
from authlib.oauth2.rfc6749.util import scope_to_list
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from flask import Flask, jsonify
from joserfc import jwt
from joserfc.errors import JoseError

CLIENT = "orthanc-113047"
SECRET = "secret:113047 &?"  # noqa: S105 - of a client of the tests
SCOPE = "system/*.cruds"
PATH = "/login/token"
METHODS = ("client_secret_basic", JWTBearerClientAssertion.CLIENT_AUTH_METHOD)


class _Client(ClientMixin):
    """The one client; it may have a key, a secret, or both."""

    def __init__(self, key):
        self.key = key

    def get_client_id(self):
        return CLIENT

    def get_default_redirect_uri(self):
        return None

    def get_allowed_scope(self, scope):
        return scope if scope_to_list(scope) == [SCOPE] else ""

    def check_redirect_uri(self, _uri):
        return False

    def check_client_secret(self, client_secret):
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method, _endpoint):
        return method in METHODS

    def check_response_type(self, _response_type):
        return False

    def check_grant_type(self, grant_type):
        return grant_type == "client_credentials"


class _Grant(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS


class _Assertion(JWTBearerClientAssertion):
    def __init__(self, url):
        super().__init__()
        self._url = url
        self._used = set()

    def get_audiences(self):
        return [self._url]

    def process_assertion_claims(self, assertion, resolve_key):
        """Check an assertion by the algorithms of SMART; the default has others."""
        try:
            token = jwt.decode(assertion, resolve_key, algorithms=["RS384", "ES384"])
        except JoseError as error:
            raise InvalidClientError(description=error.description) from error
        self.verify_claims(token.claims)
        return token.claims

    def validate_jti(self, _claims, jti):
        is_new = jti not in self._used
        self._used.add(jti)
        return is_new

    def resolve_client_public_key(self, client):
        return client.key


class AuthorizationServer:
    """The server.

    Parameters
    ----------
    key
        The public key of the client, one of joserfc's.

    Attributes
    ----------
    given
        The tokens that it has given, in order.
    """

    def __init__(self, key=None, *, seconds=3600):
        self.given = []
        self.good = set()
        self.seconds = seconds
        app = Flask("authorization-113047")
        client = _Client(key)
        self._server = make_server("127.0.0.1", 0, app, handler_class=_Quiet)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.token_url = self.origin + PATH
        app.config["OAUTH2_SCOPES_SUPPORTED"] = [SCOPE]
        app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"client_credentials": seconds}
        authlib = Authlib(
            app,
            query_client=lambda name: client if name == CLIENT else None,
            save_token=self._save,
        )
        authlib.register_client_auth_method(
            JWTBearerClientAssertion.CLIENT_AUTH_METHOD,
            _Assertion(self.token_url),
        )
        generate = authlib.create_bearer_token_generator(app.config)
        authlib.register_token_generator("default", generate)
        authlib.register_grant(_Grant)
        app.post(PATH)(authlib.create_token_response)
        app.get("/fhir/.well-known/smart-configuration")(
            lambda: jsonify({"token_endpoint": self.token_url})
        )
        serve = partial(self._server.serve_forever, poll_interval=0.02)
        threading.Thread(target=serve, daemon=True).start()

    def _save(self, token, _request):
        self.given.append(token["access_token"])
        self.good.add(token["access_token"])

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        """Say nothing."""
