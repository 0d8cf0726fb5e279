//! One good JWS, and everything that has ever been done to one: each consumer of
//! signatures must refuse all of it.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom as AwsRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use super::{sign_text, sign_values, with};
use crate::jose::base64url;
use crate::keys::SigningKey;

/// The order of P-256.
const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/// Asserts that `accepts` takes the honest JWS and none of its disfigured forms. The key is
/// the ES256 key with the private scalar `scalar`.
pub(crate) fn assert_no_hostile_form_passes(
    header: &Value,
    claims: &Value,
    scalar: &[u8; 32],
    accepts: impl Fn(&str) -> bool,
) {
    assert_no_hostile_form_passes_but(&[], (header, claims), scalar, accepts);
}

/// The same, where some are no fault: of a JWS that may be of no type, say.
pub(crate) fn assert_no_hostile_form_passes_but(
    tolerated: &[&str],
    (header, claims): (&Value, &Value),
    scalar: &[u8; 32],
    accepts: impl Fn(&str) -> bool,
) {
    let honest = Honest { header, claims, scalar, key: SigningKey::es256(scalar).unwrap() };
    assert!(accepts(&honest.compact()), "the honest form must pass, or the rest proves nothing");
    let mut forms = [honest.algorithms(), honest.members(), honest.encodings(), honest.signatures()].concat();
    for what in tolerated {
        let before = forms.len();
        forms.retain(|(form, _)| form != what);
        assert!(forms.len() < before, "there is no form {what}");
    }
    assert!(forms.len() >= 80, "only {} forms", forms.len());
    for (what, form) in forms {
        assert!(!accepts(&form), "{what} passed: {form}");
    }
}

type Forms = Vec<(String, String)>;

struct Honest<'a> {
    header: &'a Value,
    claims: &'a Value,
    scalar: &'a [u8; 32],
    key: SigningKey,
}

impl Honest<'_> {
    fn compact(&self) -> String {
        sign_values(self.header, self.claims, &self.key)
    }

    fn algorithms(&self) -> Forms {
        let mut forms = Forms::new();
        let names = [
            "none",
            "NONE",
            "None",
            "nOnE",
            "",
            "HS256",
            "HS384",
            "RS256",
            "PS256",
            "ES384",
            "ES512",
            "ES256K",
            "EdDSA",
            "Ed25519",
            "es256",
            "ES256 ",
            "ES256\u{0}",
        ];
        let values = names.iter().map(|name| json!(name)).chain([json!(null), json!(1), json!(["ES256"])]);
        for value in values {
            let header = with(self.header, "alg", value.clone());
            let signed = sign_values(&header, self.claims, &self.key);
            let input = signed.rsplit_once('.').unwrap().0;
            forms.push((format!("alg {value}"), signed.clone()));
            forms.push((format!("alg {value}, unsigned"), format!("{input}.")));
        }
        forms.push(("no alg".into(), sign_values(&with(self.header, "alg", None), self.claims, &self.key)));
        // The public key as the secret of a MAC.
        let header = with(self.header, "alg", json!("HS256"));
        let input = format!(
            "{}.{}",
            base64url::encode(header.to_string()),
            base64url::encode(self.claims.to_string())
        );
        let secrets = [
            self.key.public_jwk().to_value().to_string().into_bytes(),
            self.key.public_jwk().raw_public_key(),
        ];
        for secret in secrets {
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), input.as_bytes());
            forms.push(("the public key as a MAC key".into(), format!("{input}.{}", base64url::encode(tag))));
        }
        forms
    }

    fn members(&self) -> Forms {
        let mut forms = Forms::new();
        let mut push = |what: &str, header: &str, claims: &str| {
            forms.push((what.into(), sign_text(header, claims, &self.key)));
        };
        let (header, claims) = (self.header.to_string(), self.claims.to_string());
        for (name, value) in [
            ("crit", json!([])),
            ("crit", json!(["exp"])),
            ("crit", json!("exp")),
            ("b64", json!(false)),
            ("b64", json!(true)),
            ("typ", json!("JWT")),
            ("typ", json!(1)),
            ("kid", json!(1)),
            ("x5c", json!("x")),
            ("x5c", json!([])),
        ] {
            push(&format!("{name} {value}"), &with(self.header, name, value).to_string(), &claims);
        }
        let unencoded = with(&with(self.header, "crit", json!(["b64"])), "b64", json!(false)).to_string();
        push("an unencoded payload", &unencoded, &claims);
        push("no typ", &with(self.header, "typ", None).to_string(), &claims);
        for duplicate in
            [r#"{"alg":"none","#, r#"{"alg":"ES256","#, r#"{"\u0061lg":"ES256","#, r#"{"typ":"JWT","#]
        {
            push("a header member twice", &header.replacen('{', duplicate, 1), &claims);
        }
        push("a claim twice", &header, &claims.replacen('{', r#"{"x":1,"x":1,"#, 1));
        push("a claim twice, deep", &header, &claims.replacen('{', r#"{"x":[{"y":1,"y":2}],"#, 1));
        let deep = format!(r#"{{"x":{}1{},"#, "[".repeat(40), "]".repeat(40));
        push("a deep header", &header.replacen('{', &deep, 1), &claims);
        push("deep claims", &header, &claims.replacen('{', &deep, 1));
        for text in ["", "null", "[]", "\"x\"", "{", "{}{}"] {
            push("no header object", text, &claims);
            push("no claims object", &header, text);
        }
        push("a byte order mark", &format!("\u{feff}{header}"), &claims);
        push("a trailing comma", &header.replace('}', ",}"), &claims);
        forms
    }

    fn encodings(&self) -> Forms {
        let compact = self.compact();
        let [header, claims, signature]: [&str; 3] =
            compact.split('.').collect::<Vec<_>>().try_into().unwrap();
        let mut forms = Forms::new();
        for part in 0..3 {
            for (what, before, after) in [
                ("padding", "", "="),
                ("more padding", "", "=="),
                ("a space", "", " "),
                ("a line", "\n", ""),
                ("a zero", "", "\0"),
            ] {
                let mut parts = [header, claims, signature].map(str::to_owned);
                parts[part] = format!("{before}{}{after}", parts[part]);
                forms.push((format!("{what} in part {part}"), parts.join(".")));
            }
        }
        // 64 bytes leave four bits of the last character unused; they must be zero.
        let mut stray = signature.to_owned();
        let last = stray.pop().unwrap();
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let value = alphabet.find(last).unwrap();
        stray.push(alphabet.as_bytes()[value + 1].into());
        let joined = |parts: &[&str]| parts.join(".");
        let json = json!({ "protected": header, "payload": claims, "signature": signature }).to_string();
        let general =
            json!({ "payload": claims, "signatures": [{ "protected": header, "signature": signature }] });
        for (what, form) in [
            ("stray bits", joined(&[header, claims, &stray])),
            ("two parts", joined(&[header, claims])),
            ("four parts", joined(&[header, claims, signature, signature])),
            ("a detached payload", joined(&[header, "", signature])),
            ("an empty header", joined(&["", claims, signature])),
            ("a dot in front", format!(".{compact}")),
            ("a dot behind", format!("{compact}.")),
            ("parts swapped", joined(&[claims, header, signature])),
            ("the flattened serialisation", json),
            ("the general serialisation", general.to_string()),
            ("nothing", String::new()),
            ("dots", "..".into()),
            ("other dots", compact.replace('.', "。")),
        ] {
            forms.push((what.into(), form));
        }
        forms
    }

    fn signatures(&self) -> Forms {
        let compact = self.compact();
        let (input, signature) = compact.rsplit_once('.').unwrap();
        let signature = base64url::decode(signature).unwrap();
        let (r, s) = signature.split_at(32);
        let order = hex::decode(ORDER).unwrap();
        let zero = [0; 32];
        let one = [&[0; 31][..], &[1]].concat();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_ASN1_SIGNING,
            self.scalar,
            &self.key.public_jwk().raw_public_key(),
        )
        .unwrap();
        let der = pair.sign(&AwsRandom::new(), input.as_bytes()).unwrap();
        let other = SigningKey::es256(&[99; 32]).unwrap().sign_now(input.as_bytes()).unwrap();
        let mut changed = signature.clone();
        changed[63] ^= 1;
        [
            ("a DER signature", der.as_ref().to_vec()),
            ("r zero", [&zero, s].concat()),
            ("s zero", [r, &zero].concat()),
            ("both zero", vec![0; 64]),
            ("both one", [one.as_slice(), &one].concat()),
            ("r the order", [&order, s].concat()),
            ("s the order", [r, &order].concat()),
            ("both the order", [order.as_slice(), &order].concat()),
            ("r and s swapped", [s, r].concat()),
            ("a byte more", [&signature, &[0][..]].concat()),
            ("a zero in front", [&[0], signature.as_slice()].concat()),
            ("a byte less", signature[..63].to_vec()),
            ("half of it", r.to_vec()),
            ("a bit changed", changed),
            ("another key's", other),
            ("none", Vec::new()),
        ]
        .into_iter()
        .map(|(what, signature)| (what.to_owned(), format!("{input}.{}", base64url::encode(signature))))
        .collect()
    }
}
