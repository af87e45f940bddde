"""Whom the gateway believes to be Cognito.

Duty: the one TLS context of both transports: certificates and host names verified, TLS 1.2 or later, HTTP/1.1.
Prohibition: nothing here asks the environment. `ssl.create_default_context` writes session keys to the file that
SSLKEYLOGFILE names, and OpenSSL's default paths give way to SSL_CERT_FILE and SSL_CERT_DIR: whoever can set a variable
could read or redirect signed requests. So the context is made by hand and trusts the roots of `certifi`, as httpx does;
a private authority takes a context of its own, in code.
Source: https://docs.python.org/3/library/ssl.html#ssl.create_default_context
"""

import functools
import ssl

import certifi

_STRICT = ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags.VERIFY_X509_STRICT  # Python 3.13's defaults


@functools.cache  # to read the roots takes tens of milliseconds, and there are two transports
def trusted_context() -> ssl.SSLContext:
    """Return a client's context that trusts the public roots and verifies certificate and host name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= _STRICT
    context.load_verify_locations(cafile=certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


def verifying(context: ssl.SSLContext | None) -> ssl.SSLContext:
    """Return `context`, or the public roots' where there is none, with key logging off.

    Raises:
        ValueError: the context would accept any certificate, or any host name.

    """
    if context is None:
        return trusted_context()
    if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
        raise ValueError("a TLS context must verify certificates and host names")
    if context.keylog_filename is not None:
        # Whoever made the context with ssl.create_default_context got this from SSLKEYLOGFILE. Setting None closes the
        # file and takes the callback away; the typing of the attribute does not know it.
        context.keylog_filename = None  # type: ignore[assignment]
    return context
