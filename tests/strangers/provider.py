"""A provider of wallets, by Python's cryptography and jwcrypto: vouches for them, under an authority of its own.

Reads one JSON document on standard input, writes one on standard output: `sign` has a private JWK, a header and claims;
without it a new authority is made, and a provider under it.
"""

import base64
import datetime
import json
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, key, issuer, issuer_key, authority):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, content_commitment=False,
                key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    return builder.sign(issuer_key, hashes.SHA256())


def main():
    given = json.load(sys.stdin)
    if "sign" in given:
        sign = given["sign"]
        token = JWS(json.dumps(sign["claims"]))
        token.add_signature(JWK(**sign["key"]), None, json.dumps(sign["header"]), None)
        json.dump(token.serialize(compact=True), sys.stdout)
        return
    root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    anchor = certificate(name("Authority"), root, name("Authority"), root, True)
    leaf = certificate(name("Provider"), key, name("Authority"), root, False)
    answer = {
        "anchor": anchor.public_bytes(serialization.Encoding.PEM).decode(),
        "x5c": [base64.b64encode(leaf.public_bytes(serialization.Encoding.DER)).decode()],
        "key": json.loads(JWK.from_pyca(key).export()),
    }
    json.dump(answer, sys.stdout)


main()
