"""Python's sd-jwt and cryptography verify a credential and its status list.

Reads one JSON document on standard input, writes one on standard output. Nothing here was written for
Chancery but the few lines that name what to compare.
"""

import base64
import json
import sys
import zlib

from cryptography import x509
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS
from sd_jwt.holder import SDJWTHolder
from sd_jwt.verifier import SDJWTVerifier


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def main():
    given = json.load(sys.stdin)
    keys = {key["kid"]: JWK(**key) for key in given["jwks"]["keys"]}

    def issuer_key(issuer, header):
        assert issuer == given["issuer"], issuer
        return keys[header["kid"]]

    credential = given["credential"]
    everything = SDJWTVerifier(credential, issuer_key).get_verified_payload()
    holder = SDJWTHolder(credential)
    holder.create_presentation({"family_name": True})
    shown = SDJWTVerifier(holder.sd_jwt_presentation, issuer_key).get_verified_payload()

    header = json.loads(decoded(credential.split(".")[0]))
    chain = [x509.load_der_x509_certificate(base64.b64decode(entry)) for entry in header["x5c"]]
    anchor = x509.load_pem_x509_certificate(given["anchor"].encode())
    for certificate, parent in zip(chain, chain[1:] + [anchor]):
        certificate.verify_directly_issued_by(parent)
    assert all(certificate.subject != certificate.issuer for certificate in chain), "self-signed"
    leaf_key = json.loads(JWK.from_pyca(chain[0].public_key()).export_public())
    signing_key = json.loads(keys[header["kid"]].export_public())
    assert (leaf_key["x"], leaf_key["y"]) == (signing_key["x"], signing_key["y"]), "the leaf is another's"
    names = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert given["issuer"] in names.get_values_for_type(x509.UniformResourceIdentifier), names

    token = JWS()
    token.deserialize(given["status_list"])
    token.verify(keys[json.loads(token.objects["protected"])["kid"]])
    claims = json.loads(token.payload)
    reference = everything["status"]["status_list"]
    assert claims["sub"] == reference["uri"]
    bits = claims["status_list"]["bits"]
    packed = zlib.decompress(decoded(claims["status_list"]["lst"]))
    place = reference["idx"] * bits
    status = packed[place // 8] >> place % 8 & (1 << bits) - 1

    json.dump({"all": everything, "shown": shown, "status": status, "size": len(packed) * 8 // bits}, sys.stdout)


main()
