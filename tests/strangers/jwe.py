"""Python's jwcrypto encrypts and decrypts, as a wallet would.

Reads one JSON document on standard input, writes one on standard output: `seal` has a public JWK, `enc`, perhaps `zip`
and a plaintext; `open` has a private JWK and a JWE; neither asks for a new key.
"""

import json
import sys

from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK


def main():
    given = json.load(sys.stdin)
    if "seal" in given:
        seal = given["seal"]
        header = {"alg": "ECDH-ES", "enc": seal["enc"], "kid": seal["jwk"]["kid"]}
        if "zip" in seal:
            header["zip"] = seal["zip"]
        jwe = JWE(seal["plaintext"].encode(), recipient=JWK(**seal["jwk"]), protected=header)
        answer = jwe.serialize(compact=True)
    elif "open" in given:
        jwe = JWE()
        jwe.deserialize(given["open"]["jwe"], key=JWK(**given["open"]["jwk"]))
        answer = {"header": json.loads(jwe.objects["protected"]), "content": json.loads(jwe.payload)}
    else:
        key = JWK.generate(kty="EC", crv="P-256", kid="mine", use="enc", alg="ECDH-ES")
        answer = {"private": json.loads(key.export()), "public": json.loads(key.export_public())}
    json.dump(answer, sys.stdout)


main()
