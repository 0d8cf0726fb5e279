"""A certification authority, by Python's cryptography: answers requests for certificates, and follows chains.

Reads one JSON document on standard input, writes one on standard output: `certify` has a request (PEM), in how many
seconds the certificate is to end, and what alone the key is for, if not what is asked for; `follow` has the x5c of a
credential, a trust anchor (PEM) and the issuer's identifier; `withdrawn` has the former two and a revocation list (DER);
`hold` makes a holder's chain, whose leaf ends in so many seconds.
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


def certify(request, ends_in, purposes=None):
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
    )
    asked = purposes if purposes is not None else purposes_of(request)
    if asked:
        purpose = x509.ExtendedKeyUsage([x509.ObjectIdentifier(one) for one in asked])
        leaf = leaf.add_extension(purpose, critical=True)
    leaf = leaf.sign(key, hashes.SHA256())
    subject = {attribute.rfc4514_attribute_name: attribute.value for attribute in request.subject}
    return {"chain": pem(leaf) + pem(root), "subject": subject}


def purposes_of(document):
    try:
        found = document.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return []
    return [one.dotted_string for one in found.value]


def read(x5c):
    return x509.load_der_x509_certificate(base64.b64decode(x5c[0]))


def withdrawn(x5c, anchor, crl):
    leaf, authority = read(x5c), x509.load_pem_x509_certificate(anchor.encode())
    crl = x509.load_der_x509_crl(base64.b64decode(crl))
    assert crl.is_signature_valid(authority.public_key()) and crl.issuer == authority.subject == leaf.issuer
    assert crl.last_update_utc <= NOW < crl.next_update_utc
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    named = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert identifier == named
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number > 0
    return {
        "listed": crl.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None,
        "places": [
            name.value
            for document in [leaf, authority]
            for point in document.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
            for name in point.full_name
        ],
        "purposes": purposes_of(leaf),
        "country": [one.value for one in leaf.subject.get_attributes_for_oid(NameOID.COUNTRY_NAME)],
    }


def hold(ends_in):
    root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority, holder = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ["Maker", "Phone"]]

    def certificate(subject, public, begins, ends, extensions):
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(authority).public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + datetime.timedelta(seconds=begins))
            .not_valid_after(NOW + datetime.timedelta(seconds=ends))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=True)
        return base64.b64encode(builder.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.DER)).decode()

    of_authority = [x509.BasicConstraints(ca=True, path_length=0), usage(key_cert_sign=True)]
    anchor = certificate(authority, root.public_key(), -86400, 86400, of_authority)
    leaf = certificate(holder, key.public_key(), -86400, ends_in, [usage(digital_signature=True)])
    agreeing = certificate(holder, key.public_key(), -86400, ends_in, [usage(key_agreement=True)])
    jwk = json.loads(JWK.from_pyca(key).export())
    return {"leaf": leaf, "agreeing": agreeing, "anchor": anchor, "key": jwk}


def follow(x5c, anchor, issuer):
    leaf, authority = read(x5c), x509.load_pem_x509_certificate(anchor.encode())
    leaf.verify_directly_issued_by(authority)
    authority.verify_directly_issued_by(authority)
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert leaf.not_valid_before_utc <= NOW <= leaf.not_valid_after_utc
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {"names_issuer": issuer in names.get_values_for_type(x509.UniformResourceIdentifier), "length": len(x5c)}


def main():
    given = json.load(sys.stdin)
    [(what, how)] = given.items()
    json.dump({"certify": certify, "follow": follow, "withdrawn": withdrawn, "hold": hold}[what](**how), sys.stdout)


main()
