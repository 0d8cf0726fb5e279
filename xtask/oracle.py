#!/usr/bin/env python3
"""Verifies what Chancery issued with nothing that Chancery wrote.

The reference implementation of SD-JWT, `jwcrypto` and `cryptography` read the credential that a wallet
kept, show a part of it as its holder would, and look its status up.

    python3 oracle.py HELD CLAIMS STATUS

HELD is what `chancery wallet claim --out` wrote, CLAIMS the claims that the wallet says were disclosed
(JSON), STATUS the status to be found: valid, revoked or suspended.
"""

import base64
import datetime
import json
import sys
import urllib.request
import zlib

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS
from sd_jwt.holder import SDJWTHolder
from sd_jwt.verifier import SDJWTVerifier

STATUSES = {0: "valid", 1: "revoked", 2: "suspended"}
REGISTERED = {"iss", "iat", "exp", "nbf", "vct", "cnf", "status", "_sd_alg"}


def main(held, claims, status):
    with open(held, encoding="utf-8") as file:
        claimed = json.load(file)[0]
    issuer = claimed["issuer"]
    credential = claimed["credentials"][0]["credential"]
    holder_key = JWK(**claimed["credentials"][0]["holder_key"])
    disclosed = json.loads(claims)

    payload = verify(credential, issuer)
    subject = {name: value for name, value in payload.items() if name not in REGISTERED}
    expect("the claims of the credential", subject, disclosed)
    expect("the holder's key", payload["cnf"]["jwk"], json.loads(holder_key.export_public()), ("kty", "crv", "x", "y"))
    show_one_claim(credential, holder_key, issuer, disclosed)
    found = look_up(payload["status"]["status_list"], credential)
    expect("the status", found, status)
    print(f"{len(subject)} claims of {payload['vct']} verified, one shown alone, status {found}")


def verify(credential, issuer):
    """The payload with all disclosures resolved; the key is that of the certificate."""
    verifier = SDJWTVerifier(credential, lambda iss, header: leaf_key(header, iss))
    payload = verifier.get_verified_payload()
    header = header_of(credential)
    expect("typ", header["typ"], "dc+sd-jwt")
    expect("iss", payload["iss"], issuer)
    now = datetime.datetime.now(datetime.timezone.utc).timestamp()
    if not payload["iat"] <= now < payload["exp"]:
        sys.exit("the credential is not valid now")
    return payload


def leaf_key(header, issuer):
    """The key of the leaf, which must be for this issuer and not signed by itself."""
    leaf = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if issuer not in uris:
        sys.exit(f"the certificate is for {uris}, not for {issuer}")
    expect("self-signed", leaf.issuer == leaf.subject, False)
    if not isinstance(leaf.public_key(), ec.EllipticCurvePublicKey):
        sys.exit("the certificate holds no elliptic-curve key")
    return JWK.from_pem(leaf.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def show_one_claim(credential, holder_key, issuer, disclosed):
    """What the holder does not show, the verifier does not see."""
    name = sorted(disclosed)[0]
    holder = SDJWTHolder(credential)
    holder.create_presentation({name: True}, "a-nonce", "https://verifier.example", holder_key)
    shown = SDJWTVerifier(
        holder.sd_jwt_presentation, lambda iss, header: leaf_key(header, iss), "https://verifier.example", "a-nonce"
    ).get_verified_payload()
    expect("what was shown", {key for key in shown if key not in REGISTERED}, {name})


def look_up(reference, credential):
    """The status that the list says, after the list itself was verified."""
    request = urllib.request.Request(reference["uri"], headers={"accept": "application/statuslist+jwt"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as response:
        expect("content type", response.headers["content-type"], "application/statuslist+jwt")
        token = response.read().decode("ascii")
    header = header_of(token)
    expect("typ of the list", header["typ"], "statuslist+jwt")
    jws = JWS()
    jws.deserialize(token)
    # The list may be signed by a key of its own, but its certificate is for the same issuer.
    issuer = json.loads(decode(credential.split("~")[0].split(".")[1]))["iss"]
    jws.verify(leaf_key(header, issuer))
    payload = json.loads(jws.payload)
    expect("sub of the list", payload["sub"], reference["uri"])
    bits = payload["status_list"]["bits"]
    statuses = zlib.decompress(decode(payload["status_list"]["lst"]))
    at = reference["idx"] * bits
    value = statuses[at // 8] >> (at % 8) & ((1 << bits) - 1)
    return STATUSES.get(value, f"unknown ({value})")


def header_of(token):
    return json.loads(decode(token.split(".")[0]))


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def expect(what, found, wanted, members=None):
    if members:
        found, wanted = ({key: side.get(key) for key in members} for side in (found, wanted))
    if found != wanted:
        sys.exit(f"{what}: expected {wanted!r}, found {found!r}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
