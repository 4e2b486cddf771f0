"""Signatures of what others send us, by the scheme of standard webhooks (https://www.standardwebhooks.com).

The sender signs ``id.timestamp.body`` with HMAC-SHA256 and a secret that both know, and sends
``webhook-id``, ``webhook-timestamp`` (Unix seconds) and ``webhook-signature`` (``v1,`` and base64; several
with blanks between while a secret is exchanged). What is older or newer than five minutes is refused: what
somebody recorded cannot be played again later. Within that time playing it again changes nothing, since a
report has an id.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets

from geo_service.errors import Fault, UnauthenticatedError, Words

PREFIX = "whsec_"
WINDOW_S = 300
_SECONDS = re.compile(r"[0-9]{1,12}")
_MOST_SIGNATURES = 10


def new_secret() -> bytes:
    """Return a new secret of 256 bits."""
    return secrets.token_bytes(32)


def shown(secret: bytes) -> str:
    """Return a secret as its holder gets it, once."""
    return PREFIX + base64.b64encode(secret).decode()


def sign(secret: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a message."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()


def verify(
    secret: bytes, *, message_id: str, timestamp: str, signatures: str, body: bytes, now_s: float
) -> None:
    """Raise unless one of the signatures is ours and the message is of now.

    Raises
    ------
    UnauthenticatedError
        The words are the same whichever signature is wrong: they help nobody to guess.
    """
    if not message_id or not signatures or not _SECONDS.fullmatch(timestamp):
        message = Words(
            "send the headers webhook-id, webhook-timestamp and webhook-signature",
            "请带上请求头 webhook-id、webhook-timestamp 和 webhook-signature",
        )
        raise UnauthenticatedError(message, [Fault("webhook-signature", message)])
    expected = sign(secret, message_id, timestamp, body).encode()
    given = signatures.encode("utf-8", "replace").split()[:_MOST_SIGNATURES]
    fits = [hmac.compare_digest(expected, one) for one in given]
    if not any(fits):
        raise UnauthenticatedError(Words("the signature does not fit", "签名不符"))
    if abs(now_s - int(timestamp)) > WINDOW_S:
        message = Words(
            f"the message is more than {WINDOW_S} s away from now; set the sender's clock",
            f"消息的时间与现在相差超过 {WINDOW_S} 秒，请校准发送方的时钟",
        )
        raise UnauthenticatedError(message, [Fault("webhook-timestamp", message, value=timestamp)])


def read_secret(text: str) -> bytes:
    """Return the secret that :func:`shown` wrote.

    Raises
    ------
    ValueError
        It is none.
    """
    try:
        return base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("no secret") from error
