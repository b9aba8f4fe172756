"""What a request to a target has in its header Authorization.

RFC 7617; RFC 6750; RFC 6749 4.4; SMART App Launch 2.2.0, Backend Services.
"""

from __future__ import annotations

import base64
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from imaging_selection.delivery.exchange import require_answer
from imaging_selection.delivery.target import (
    Basic,
    Bearer,
    ClientCredentials,
    SmartBackendServices,
    is_private,
)
from imaging_selection.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable

    from imaging_selection.delivery.exchange import Exchange
    from imaging_selection.delivery.target import Target

_FORM = "application/x-www-form-urlencoded"
_MARGIN = 30  # seconds by which a token is renewed before it ends
_UNKNOWN_LIFE = 300  # seconds; `expires_in` is only recommended (RFC 6749 5.1)
_ASSERTION_SECONDS = 240  # five minutes at most
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# RFC 6749 5.2; any other code could be any text.
_ERRORS = {
    *("invalid_request", "invalid_client", "invalid_grant", "invalid_scope"),
    *("unauthorized_client", "unsupported_grant_type"),
}


class Login:
    """Makes the header for a target; a token is kept until it ends.

    Parameters
    ----------
    clock
        Returns the seconds since 1970.
    """

    def __init__(
        self,
        target: Target,
        exchange: Exchange,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._target = target
        self._exchange = exchange
        self._clock = clock
        self._token = ""
        self._ends = 0.0
        self._token_url: str | None = None

    def header(self) -> str | None:
        """Return the value of the header Authorization; None without.

        Raises
        ------
        TargetError
            There is no secret, or no token for it.
        """
        how = self._target.authentication
        if isinstance(how, Basic):
            login = f"{how.username}:{how.password.read()}".encode()
            return f"Basic {base64.b64encode(login).decode()}"
        if isinstance(how, Bearer):
            return f"Bearer {_one_word(how.token.read())}"
        if isinstance(how, ClientCredentials | SmartBackendServices):
            if self._clock() >= self._ends:
                self._renew(how)
            return f"Bearer {self._token}"
        return None

    def forget(self) -> bool:
        """Forget the token; return whether the next header may be another one."""
        self._ends = 0.0
        return self._target.authentication.type not in {"None", "Basic"}

    def _renew(self, how: ClientCredentials | SmartBackendServices) -> None:
        form = {"grant_type": "client_credentials"}
        if how.scope:
            form["scope"] = how.scope
        headers = {"content_type": _FORM, "accept": "application/json"}
        if isinstance(how, ClientCredentials):
            url = how.token_url
            secret = how.client_secret.read()
            # Both are encoded as in a form first (RFC 6749 2.3.1). A blank is %20,
            # because not all servers decode a plus sign.
            login = f"{quote(how.client_id, '')}:{quote(secret, '')}".encode()
            headers["authorization"] = f"Basic {base64.b64encode(login).decode()}"
        else:
            url = how.token_url or self._discovered()
            form["client_assertion_type"] = _ASSERTION_TYPE
            form["client_assertion"] = self._assertion(how, url)
        body = urlencode(form).encode()
        answer = self._exchange.send("POST", url, body, **headers)
        self._keep(answer.status, answer)

    def _keep(self, status: int, answer: Any) -> None:
        if status != 200:  # noqa: PLR2004 - RFC 6749 5.1
            code = ""
            if 400 <= status < 500:  # noqa: PLR2004 - RFC 6749 5.2
                code = _error_in(answer)
            if not code:
                require_answer(answer)
            raise TargetError(f"the authorization server answers {status}{code}")
        content = answer.json
        token, life = content.get("access_token"), content.get("expires_in")
        kind = str(content.get("token_type", "")).lower()
        if not isinstance(token, str) or kind != "bearer":
            raise TargetError("the authorization server answers without a bearer token")
        self._token = _one_word(token)
        is_number = isinstance(life, int | float) and not isinstance(life, bool)
        seconds = float(life) if is_number else _UNKNOWN_LIFE
        self._ends = self._clock() + max(seconds - _MARGIN, seconds / 2)

    def _discovered(self) -> str:
        """Return the URL of the authorization server, as the target names it."""
        if self._token_url is None:
            url = f"{self._target.url}/.well-known/smart-configuration"
            answer = self._exchange.send("GET", url, accept="application/json")
            found = require_answer(answer)
            named = found.json.get("token_endpoint") if found.status == 200 else None  # noqa: PLR2004
            if not isinstance(named, str) or not is_private(named):
                raise TargetError(
                    "the target names no token_endpoint with https:// in its"
                    " .well-known/smart-configuration"
                )
            self._token_url = named
        return self._token_url

    def _assertion(self, how: SmartBackendServices, url: str) -> str:
        """Sign that this is the client (SMART App Launch, asymmetric client)."""
        key, algorithm, key_id = _signing_key(how.private_key.read())
        now = int(self._clock())
        claims = {
            "iss": how.client_id,
            "sub": how.client_id,
            "aud": url,
            "jti": str(uuid.uuid4()),
            "iat": now,
            "exp": now + _ASSERTION_SECONDS,
        }
        headers = {"kid": how.key_id or key_id} if how.key_id or key_id else None
        try:
            return jwt.encode(claims, key, algorithm, headers)
        except (jwt.PyJWTError, ValueError, TypeError) as cause:
            raise TargetError(
                "the private key cannot sign by RS384 or ES384"
            ) from cause


def _signing_key(text: str) -> tuple[Any, str, str | None]:
    """Read a private key, as PEM or JWK; return it, its algorithm and its id."""
    try:
        if text.startswith("{"):
            jwk = jwt.PyJWK.from_json(text, algorithm=None)
            key, key_id = jwk.key, jwk.key_id
        else:
            key, key_id = load_pem_private_key(text.encode(), None), None
    except (jwt.PyJWTError, ValueError, TypeError, UnsupportedAlgorithm) as cause:
        raise TargetError("the private key is neither PEM nor JWK") from cause
    return key, "RS384" if isinstance(key, RSAPrivateKey) else "ES384", key_id


def _error_in(answer: Any) -> str:
    try:
        code = answer.json.get("error")
    except TargetError:
        return ""
    return f" ({code})" if isinstance(code, str) and code in _ERRORS else ""


def _one_word(token: str) -> str:
    """Return a token that can stand in a header.

    Raises
    ------
    TargetError
        It cannot.
    """
    if not token.isascii() or not token.isprintable() or " " in token:
        raise TargetError("the token has characters that no token has")
    return token
