//! One good JWS, and what has been done to others: in whatever place it is taken, none of it may be.

use serde_json::{Value, json};

use crate::Receiver;
use crate::jose::{Jwt, Key, base64url, compact, unbase64url};

/// The order of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// Forms of a JWS that its P-256 key, or somebody else, disfigured; each with what was done. Those that point anywhere
/// point to `lure`, which notes who follows. A `typ` that is missing or plain is among them if one is `demanded`.
pub fn forms(jwt: &Jwt, key: &Key, lure: &Receiver, demanded: bool) -> Vec<(String, String)> {
    let (header, claims) = (jwt.header.to_string(), jwt.claims.to_string());
    let good = jwt.sign(key);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (encoded_header, encoded_claims) = signed.split_once('.').unwrap();
    let signature = unbase64url(signature);
    let mut forms: Vec<(String, String)> = Vec::new();

    let names = [
        "none", "NONE", "nOnE", "", "HS256", "HS512", "RS256", "PS256", "ES384", "ES256K", "EdDSA", "es256",
        "ES256 ",
    ];
    for alg in names.iter().map(|name| json!(name)).chain([Value::Null, json!(1), json!(["ES256"])]) {
        let other = jwt.clone().header("alg", alg.clone()).sign(key);
        forms.push((format!("alg {alg}, unsigned"), format!("{}.", other.rsplit_once('.').unwrap().0)));
        forms.push((format!("alg {alg}"), other));
    }
    let symmetric = header.replace("ES256", "HS256");
    forms.push((
        "the public key as a secret".to_owned(),
        compact(&symmetric, &claims, |message| {
            let secret =
                aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key.jwk().to_string().as_bytes());
            aws_lc_rs::hmac::sign(&secret, message).as_ref().to_vec()
        }),
    ));

    let stranger = Key::p256();
    forms.extend(by_a_stranger(jwt, &stranger, lure));

    let sign = |header: &str, claims: &str| compact(header, claims, |message| key.sign(message));
    let mut members = vec![
        ("crit", json!([])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("typ", json!(1)),
        ("typ", json!("unheard-of+jwt")),
        ("kid", json!(1)),
    ];
    if demanded {
        members.push(("typ", json!("JWT")));
        forms.push(("no typ".to_owned(), jwt.clone().without_header("typ").sign(key)));
    }
    for (name, value) in members {
        forms.push((format!("{name} {value}"), jwt.clone().header(name, value).sign(key)));
    }
    let twice = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);
    for text in ["null", "[]", "\"x\"", "{", "{}{}", "\u{feff}{}"] {
        forms.push((format!("the header {text}"), sign(text, &claims)));
        forms.push((format!("the claims {text}"), sign(&header, text)));
    }
    forms.push(("alg twice".to_owned(), sign(&twice(&header, r#""alg":"none""#), &claims)));
    forms.push(("a claim twice".to_owned(), sign(&header, &twice(&claims, r#""x":1,"x":1"#))));
    forms.push(("deep claims".to_owned(), sign(&header, &twice(&claims, &format!(r#""x":{}"#, deep())))));
    forms.push(("a comma behind".to_owned(), sign(&header, &claims.replace('}', ",}"))));

    let (r, s) = signature.split_at(32);
    let mut flipped = signature.clone();
    flipped[20] ^= 1;
    for (what, signature) in [
        ("zeros", vec![0; 64]),
        ("ones", [[0; 31].as_slice(), &[1], &[0; 31], &[1]].concat()),
        ("r of zero", [&[0; 32], s].concat()),
        ("s of zero", [r, &[0; 32]].concat()),
        ("r the order", [&ORDER, s].concat()),
        ("s the order", [r, &ORDER].concat()),
        ("swapped", [s, r].concat()),
        ("a byte more", [signature.as_slice(), &[0]].concat()),
        ("a byte less", signature[..63].to_vec()),
        ("half", r.to_vec()),
        ("a bit changed", flipped),
        ("a stranger's", stranger.sign(signed.as_bytes())),
        ("none", Vec::new()),
    ] {
        forms.push((format!("the signature: {what}"), format!("{signed}.{}", base64url(signature))));
    }
    let signature = base64url(&signature);
    for (what, form) in [
        ("padding", format!("{good}==")),
        ("a dot behind", format!("{good}.")),
        ("a dot in front", format!(".{good}")),
        ("two parts", signed.to_owned()),
        ("four parts", format!("{good}.{signature}")),
        ("a detached payload", format!("{encoded_header}..{signature}")),
        ("parts swapped", format!("{encoded_claims}.{encoded_header}.{signature}")),
        ("other claims", format!("{encoded_header}.{}.{signature}", base64url("{}"))),
        (
            "JSON",
            json!({ "protected": encoded_header, "payload": encoded_claims, "signature": signature })
                .to_string(),
        ),
        ("dots", "..".to_owned()),
        ("no base64url", "%%%.%%%.%%%".to_owned()),
    ] {
        forms.push((what.to_owned(), form));
    }
    assert!(forms.len() >= 60, "only {} forms", forms.len());
    forms
}

/// Keys that somebody else has, and where they are said to be.
fn by_a_stranger(jwt: &Jwt, stranger: &Key, lure: &Receiver) -> Vec<(String, String)> {
    let at = lure.url();
    let keys = [
        ("jku", json!(at)),
        ("x5u", json!(at)),
        ("kid", json!(at)),
        ("kid", json!(format!("did:web:localhost%3A{}#0", lure.port()))),
        ("jwk", stranger.jwk()),
        ("x5c", json!(["MIIB"])),
    ];
    // Who is to be known by a key of their own is a stranger's honest self with theirs.
    let names_itself = |name: &str| name == "jwk" && jwt.header.get(name).is_some();
    let forged = keys.into_iter().filter(|(name, _)| !names_itself(name)).map(|(name, value)| {
        // What is right but for a key that is elsewhere, the key decides on.
        let forged =
            without_keys(jwt.clone()).header(name, value.clone()).claim("aud", "https://elsewhere.example");
        (format!("{name} {value}, by a stranger"), forged.sign(stranger))
    });
    forged.collect()
}

fn without_keys(jwt: Jwt) -> Jwt {
    ["jwk", "kid", "x5c"].into_iter().fold(jwt, Jwt::without_header)
}

fn deep() -> String {
    format!("{}1{}", "[".repeat(100), "]".repeat(100))
}
