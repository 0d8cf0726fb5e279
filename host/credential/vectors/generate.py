#!/usr/bin/env python3
"""Golden vectors for chancery-credential, made by an implementation of its own.

It follows the documentation, not the Rust code: design of key derivation, sealed
blobs, tokens and nonces as the modules' first comments describe them. Whoever changes
a layout changes both, on purpose.

    pip install cryptography
    python3 generate.py           writes *.json beside this file
    python3 generate.py --check   compares instead, exit code 1 if they differ
"""

import base64
import hashlib
import hmac
import json
import pathlib
import struct
import sys
import urllib.parse
import uuid
import zlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

MASTER = bytes(range(32))
SEED = bytes(range(32, 64))
DATA_KEY = bytes(range(64, 96))
TENANT = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")
OFFER = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8058")
ISSUANCE = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8059")
NONCE = bytes(range(0xA0, 0xAC))
SALT = bytes(range(0xB0, 0xC0))
OFFER_SECRET = bytes(range(0xC0, 0xD0))
API_KEY_SECRET = bytes(range(0xD0, 0xF0))
NOW = 1787572800  # 2026-08-24T12:00:00Z


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def hkdf(ikm, info, salt=None, length=32):
    return HKDF(hashes.SHA256(), length, salt, info).derive(ikm)


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def field(data):
    return struct.pack(">H", len(data)) + data


def secret_hash(label, secret):
    return hashlib.sha256(struct.pack(">Q", len(label)) + label + secret).digest()


def key_info(use, algorithm, version, counter):
    return b"".join(
        map(
            field,
            [
                b"v1",
                use.encode("ascii"),
                algorithm.encode("ascii"),
                TENANT.bytes,
                struct.pack(">I", version),
                struct.pack(">I", counter),
            ],
        )
    )


def first_scalar(candidate):
    counter = 0
    while not 1 <= int.from_bytes(candidate(counter), "big") < P256_ORDER:
        counter += 1
    return candidate(counter), counter


def tenant_key(root, use, algorithm, version):
    def candidate(counter):
        return hkdf(root, key_info(use, algorithm, version, counter), SEED)

    return first_scalar(candidate)[0] if algorithm == "ES256" else candidate(0)


def public_jwk(algorithm, private):
    if algorithm == "ES256":
        numbers = ec.derive_private_key(int.from_bytes(private, "big"), ec.SECP256R1()).public_key().public_numbers()
        return {
            "kty": "EC",
            "crv": "P-256",
            "x": b64(numbers.x.to_bytes(32, "big")),
            "y": b64(numbers.y.to_bytes(32, "big")),
        }
    public = ed25519.Ed25519PrivateKey.from_private_bytes(private).public_key()
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}


def thumbprint(jwk):
    canonical = json.dumps(jwk, sort_keys=True, separators=(",", ":"))
    return b64(hashlib.sha256(canonical.encode()).digest())


def seal(key, context, plaintext):
    return b"\x01" + NONCE + AESGCM(key).encrypt(NONCE, plaintext, context)


def keys():
    root = hkdf(MASTER, b"chancery/root/v1")
    kek = hkdf(MASTER, b"chancery/wrap/v1")
    signing = []
    for use in ["credential", "document-signer", "status", "token", "metadata", "encryption", "mac"]:
        for algorithm in ["ES256", "EdDSA"]:
            for version in [1, 2, 0xFFFFFFFF]:
                private = tenant_key(root, use, algorithm, version)
                jwk = public_jwk(algorithm, private)
                signing.append(
                    {
                        "use": use,
                        "algorithm": algorithm,
                        "version": version,
                        "private": private.hex(),
                        "jwk": jwk,
                        "thumbprint": thumbprint(jwk),
                    }
                )
    # No seed leads here within a lifetime, so the candidates are given instead of derived.
    candidates = [
        P256_ORDER.to_bytes(32, "big"),
        bytes(32),
        b"\xff" * 32,
        (P256_ORDER - 1).to_bytes(32, "big"),
    ]
    chosen, counter = first_scalar(lambda counter: candidates[counter])
    mac_key = tenant_key(root, "mac", "HS256", 1)
    own = (7).to_bytes(32, "big")
    return {
        "master": MASTER.hex(),
        "seed": SEED.hex(),
        "data_key": DATA_KEY.hex(),
        "tenant": f"tnt_{TENANT.hex}",
        "root": root.hex(),
        "kek": kek.hex(),
        "check_value": hkdf(kek, b"chancery/check/v1", length=16).hex(),
        "role": "chancery_tenant",
        "role_password": hkdf(kek, b"chancery/role-password/v1/chancery_tenant").hex(),
        "cache_key": hkdf(kek, b"chancery/plugin-cache/v1").hex(),
        "self_hosted": {
            "signing_key": own.hex(),
            "root": hkdf(own, b"chancery/self-hosted/root/v1").hex(),
            "kek": hkdf(own, b"chancery/self-hosted/wrap/v1").hex(),
            "thumbprint": thumbprint(public_jwk("ES256", own)),
        },
        "info": key_info("credential", "ES256", 1, 0).hex(),
        "signing": signing,
        "rejection": {
            "candidates": [candidate.hex() for candidate in candidates],
            "chosen": chosen.hex(),
            "counter": counter,
        },
        "mac": {
            "key": mac_key.hex(),
            "purpose": "tx-code",
            "data": "1234",
            "mac": mac(mac_key, field(b"tx-code") + b"1234").hex(),
        },
    }


def sealing():
    kek = hkdf(MASTER, b"chancery/wrap/v1")
    context = b"".join(
        map(field, [b"chancery/sealed/v1", TENANT.bytes, b"data-key", struct.pack(">I", 3)])
    )
    code = hkdf(OFFER_SECRET, b"chancery/code/v1")
    subject = '{"given_name":"Erika"}'.encode()
    subject_context = b"".join(map(field, [b"chancery/subject/v1", TENANT.bytes, OFFER.bytes]))
    caller = secret_hash(b"api-key-answers/v1", API_KEY_SECRET)
    answer_context = b"".join(map(field, [b"chancery/answer/v1", TENANT.bytes]))
    return {
        "sealed": {
            "kind": "data-key",
            "version": 3,
            "plaintext": DATA_KEY.hex(),
            "sealed": seal(kek, context, DATA_KEY).hex(),
        },
        "subject": {
            "offer": f"ofr_{OFFER.hex}",
            "offer_secret": b64(OFFER_SECRET),
            "offer_secret_hash": secret_hash(b"offer-secret/v1", OFFER_SECRET).hex(),
            "code": b64(code),
            "code_hash": secret_hash(b"code/v1", code).hex(),
            "plaintext": subject.hex(),
            "sealed": seal(hkdf(DATA_KEY + code, b"chancery/subject/v1"), subject_context, subject).hex(),
        },
        "answer": {
            "api_key": "chk_" + b64(API_KEY_SECRET),
            "api_key_hash": secret_hash(b"api-key/v1", API_KEY_SECRET).hex(),
            "idempotency_key": "retry-1",
            "plaintext": b"answer".hex(),
            "sealed": seal(
                hkdf(DATA_KEY + caller + b"retry-1", b"chancery/answer/v1"), answer_context, b"answer"
            ).hex(),
        },
    }


def tokens():
    root = hkdf(MASTER, b"chancery/root/v1")
    mac_key = tenant_key(root, "mac", "HS256", 1)
    nonces_key = mac(mac_key, field(b"nonces/v1"))
    body = struct.pack(">q", NOW) + SALT
    nonces = {
        kind: b64(body + mac(nonces_key, label + body)[:16])
        for kind, label in [("credential_request", b"credential-request/v1"), ("dpop", b"dpop/v1")]
    }

    def token(label, plaintext):
        key = mac(hkdf(DATA_KEY, label), SALT)
        return b64(SALT + seal(key, field(label) + field(TENANT.bytes), plaintext))

    code = hkdf(OFFER_SECRET, b"chancery/code/v1")
    jkt = thumbprint(public_jwk("ES256", (1).to_bytes(32, "big")))
    access = OFFER.bytes + code + struct.pack(">q", NOW + 300)
    return {
        "now": NOW,
        "nonces": nonces,
        "offer": f"ofr_{OFFER.hex}",
        "issuance": f"iss_{ISSUANCE.hex}",
        "code": b64(code),
        "thumbprint": jkt,
        "granted": ["employee-badge"],
        "bound": token(b"chancery/access-token/v2", access + json.dumps([jkt, "Everything", "wallet"]).encode()),
        "by_identifier": token(
            b"chancery/access-token/v2", access + json.dumps([None, {"Identifiers": ["employee-badge"]}, None]).encode()
        ),
        "notification": token(b"chancery/notification-id/v1", ISSUANCE.bytes + OFFER.bytes),
    }


def jwk():
    # RFC 8037 Appendix A.3 and RFC 9449 §6.1 print their thumbprints; the third is computed.
    cases = [
        {
            "jwk": {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            "thumbprint": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        },
        {
            "jwk": {
                "kty": "EC",
                "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
                "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
                "crv": "P-256",
            },
            "thumbprint": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
        },
    ]
    for case in cases:
        assert thumbprint(case["jwk"]) == case["thumbprint"]
    computed = public_jwk("ES256", (2).to_bytes(32, "big"))
    return {"cases": cases + [{"jwk": computed, "thumbprint": thumbprint(computed)}]}


def status_list():
    def pack(values):
        data = bytearray((len(values) * 2 + 7) // 8)
        for index, value in enumerate(values):
            data[index // 4] |= value << (index % 4 * 2)
        return bytes(data)

    # The two-bit example of the draft; 3 is an application's own value.
    draft = [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]
    draft_lst = "eNo76fITAAPfAgc"
    assert zlib.decompress(base64.urlsafe_b64decode(draft_lst + "=")) == pack(draft)
    long = [(index * index // 7) % 3 for index in range(1000)]
    # Stored, not compressed: every version of zlib writes that alike.
    return {
        "cases": [
            {"values": draft, "bytes": pack(draft).hex(), "lst": draft_lst},
            {"values": long, "bytes": pack(long).hex(), "lst": b64(zlib.compress(pack(long), 0))},
        ]
    }


def permutation():
    root = hkdf(MASTER, b"chancery/root/v1")
    mac_key = tenant_key(root, "mac", "HS256", 1)

    def order(number, size, count):
        key = mac(mac_key, field(b"status-permutation/v1") + struct.pack(">II" if number < 2**32 else ">QI", number, size))
        half = max(1, ((size - 1).bit_length() + 1) // 2)
        mask = (1 << half) - 1

        def encrypt(value):
            left, right = value >> half, value & mask
            for step in range(10):
                digest = mac(key, bytes([step]) + struct.pack(">Q", right))
                left, right = right, left ^ (int.from_bytes(digest[:8], "big") & mask)
            return left << half | right

        def index(position):
            value = encrypt(position)
            while value >= size:
                value = encrypt(value)
            return value

        return {"list": number, "size": size, "indices": [index(position) for position in range(count)]}

    return {"cases": [order(1, 131072, 32), order(2, 131072, 8), order(1, 10, 10), order(1, 1, 1),
                      order(4_503_599_627_370_497, 1 << 20, 8)]}


def did():
    def did_web(issuer):
        url = urllib.parse.urlsplit(issuer)
        path = [] if url.path == "" else url.path[1:].split("/")
        return ":".join(["did:web:" + url.netloc.replace(":", "%3A"), *path])

    key = public_jwk("ES256", (1).to_bytes(32, "big"))
    name = did_web("https://h.example:8443/acme")
    published = {**key, "use": "sig", "alg": "ES256", "kid": thumbprint(key)}
    method = f"{name}#{thumbprint(key)}"
    issuers = ["https://h.example", "https://h.example/acme", "https://h.example:8443/a/b"]
    return {
        "cases": [{"issuer": issuer, "did": did_web(issuer)} for issuer in issuers],
        "key": key,
        "document": {
            "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/jwk/v1"],
            "id": name,
            "verificationMethod": [
                {"id": method, "type": "JsonWebKey", "controller": name, "publicKeyJwk": published}
            ],
            "assertionMethod": [method],
        },
    }


def self_test():
    # RFC 5869 A.1, so that a mistake here is not taken for one there.
    okm = HKDFExpand(hashes.SHA256(), 42, bytes.fromhex("f0f1f2f3f4f5f6f7f8f9")).derive(
        bytes.fromhex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
    )
    assert okm.hex().startswith("3cb25f25faacd57a90434f64d0362f2a")


def main():
    self_test()
    folder = pathlib.Path(__file__).parent
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    differing = []
    for make in [keys, sealing, tokens, jwk, status_list, permutation, did]:
        text = json.dumps(make(), indent=1) + "\n"
        path = folder / f"{make.__name__}.json"
        if not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            differing.append(path.name)
    if differing:
        sys.exit("differ from what this script makes: " + ", ".join(differing))


if __name__ == "__main__":
    main()
