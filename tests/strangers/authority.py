"""A certification authority, by Python's cryptography: answers requests for certificates, and follows chains.

Reads one JSON document on standard input, writes one on standard output: `certify` has a request (PEM), and in how many
seconds the certificate is to end; `follow` has the x5c of a credential, a trust anchor (PEM) and the issuer's identifier.
"""

import base64
import datetime
import json
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.timezone.utc)


def usage(**granted):
    every = dict.fromkeys(
        [
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        ],
        False,
    )
    return x509.KeyUsage(**{**every, **granted})


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def certify(request, ends_in):
    request = x509.load_pem_x509_csr(request.encode())
    assert request.is_signature_valid, "the request is not signed by its key"
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Outside authority")])
    root = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=1)).not_valid_after(NOW + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    leaf = (
        x509.CertificateBuilder().subject_name(request.subject).issuer_name(name).public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=1)).not_valid_after(NOW + datetime.timedelta(seconds=ends_in))
        .add_extension(names.value, critical=False)
        .add_extension(usage(digital_signature=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    subject = {attribute.rfc4514_attribute_name: attribute.value for attribute in request.subject}
    return {"chain": pem(leaf) + pem(root), "subject": subject}


def follow(x5c, anchor, issuer):
    leaf = x509.load_der_x509_certificate(base64.b64decode(x5c[0]))
    authority = x509.load_pem_x509_certificate(anchor.encode())
    leaf.verify_directly_issued_by(authority)
    authority.verify_directly_issued_by(authority)
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert leaf.not_valid_before_utc <= NOW <= leaf.not_valid_after_utc
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {"names_issuer": issuer in names.get_values_for_type(x509.UniformResourceIdentifier), "length": len(x5c)}


def main():
    given = json.load(sys.stdin)
    answer = certify(**given["certify"]) if "certify" in given else follow(**given["follow"])
    json.dump(answer, sys.stdout)


main()
