//! A deleted tenant's keys are gone from every file of the cluster, whoever looks with whatever master is left
//!
//! Who looks is no part of the host: it reads raw bytes, and knows how secrets are sealed and keys derived from the
//! documentation alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use chancery_domain::TenantId;
use chancery_tests::answer::text;
use chancery_tests::jose::{base64url, thumbprint};
use chancery_tests::people::badge;
use chancery_tests::{Acme, House};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, raw_sql};

const OLD: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222222222222222222222222222";
const BOTH: &[(&str, &str)] =
    &[("SAAS_MODE", "true"), ("ISSUER_MASTER_KEY", NEW), ("ISSUER_PREVIOUS_MASTER_KEY", OLD)];

/// Version, nonce, 32 bytes, tag.
const SEALED: usize = 1 + 12 + 32 + 16;

struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

fn hkdf<const N: usize>(salt: &[u8], ikm: &[u8], info: &[u8]) -> [u8; N] {
    let mut output = [0; N];
    let salt = Salt::new(HKDF_SHA256, salt);
    salt.extract(ikm).expand(&[info], Bytes(N)).unwrap().fill(&mut output).unwrap();
    output
}

/// Fields, each preceded by its length.
fn fields(fields: &[&[u8]]) -> Vec<u8> {
    let field = |field: &&[u8]| [&u16::try_from(field.len()).unwrap().to_be_bytes()[..], field].concat();
    fields.iter().flat_map(field).collect()
}

/// What a sealed secret is for: whose, of which kind, in which version.
type Purpose = ([u8; 16], &'static str, u32);

fn of(tenant: &str) -> [u8; 16] {
    *tenant.parse::<TenantId>().unwrap().uuid().as_bytes()
}

/// Somebody who has a master key and the files.
struct Forensics {
    kek: [u8; 32],
    root: [u8; 32],
}

impl Forensics {
    fn with(master: &str) -> Self {
        let master: Vec<u8> =
            (0..64).step_by(2).map(|at| u8::from_str_radix(&master[at..at + 2], 16).unwrap()).collect();
        Self { kek: hkdf(&[], &master, b"chancery/wrap/v1"), root: hkdf(&[], &master, b"chancery/root/v1") }
    }

    /// By which the database names the master.
    fn check_value(&self) -> [u8; 16] {
        hkdf(&[], &self.kek, b"chancery/check/v1")
    }

    /// Tries every place in every file for each of the purposes: what opened, and where.
    fn opened_below(&self, directory: &Path, purposes: &[Purpose]) -> Vec<(Purpose, [u8; 32], PathBuf)> {
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &self.kek).unwrap());
        let context = |(tenant, kind, version): &Purpose| {
            fields(&[b"chancery/sealed/v1", tenant, kind.as_bytes(), &version.to_be_bytes()])
        };
        let contexts: Vec<_> = purposes.iter().map(|purpose| (*purpose, context(purpose))).collect();
        let mut opened = Vec::new();
        for file in files_below(directory) {
            let content = fs::read(&file).unwrap();
            for window in content.windows(SEALED).filter(|window| window[0] == 1) {
                for (purpose, context) in &contexts {
                    let nonce = Nonce::try_assume_unique_for_key(&window[1..13]).unwrap();
                    let mut body = window[13..].to_vec();
                    if let Ok(plain) = key.open_in_place(nonce, Aad::from(context), &mut body) {
                        opened.push((*purpose, plain.try_into().unwrap(), file.clone()));
                    }
                }
            }
        }
        opened
    }
}

/// The private key that signs a tenant's credentials, and the thumbprint by which verifiers know it.
fn derived(root: &[u8; 32], seed: &[u8; 32], tenant: [u8; 16]) -> ([u8; 32], String) {
    let info = fields(&[b"v1", b"credential", b"ES256", &tenant, &1_u32.to_be_bytes(), &0_u32.to_be_bytes()]);
    let private: [u8; 32] = hkdf(seed, root, &info);
    let public = PrivateKey::from_private_key(&ECDH_P256, &private).unwrap().compute_public_key().unwrap();
    let (x, y) = public.as_ref()[1..].split_at(32);
    let jwk = json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) });
    (private, thumbprint(&jwk))
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.retain(|file| file.is_file());
    files
}

fn occurs(bytes: &[u8], directory: &Path) -> Vec<PathBuf> {
    let mut files = files_below(directory);
    files.retain(|file| fs::read(file).unwrap().windows(bytes.len()).any(|window| window == bytes));
    files
}

/// A tenant with something to lose: a credential, an offer that waits, an imported key that is to sign.
async fn settled(house: &House, slug: &str) -> (Acme, String) {
    let operator = house.platform().operator();
    let body = json!({ "slug": slug, "name": slug, "owner": { "email": "ada@example.com" } });
    let described = operator.post("/tenants", &body).await.is(201).json();
    let tenant = house.platform().tenant(&described);
    let issuer = tenant.issuer();
    tenant.wallet().claim(&issuer.offer(badge()).await).await;
    issuer.offer(badge()).await;
    // RFC 7515 appendix A.3.1.
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    issuer.post("/keys/import", &json!({ "jwk": jwk, "activate_in": 600 })).await.is(201);
    (tenant, text(&described["id"]))
}

async fn first_kid(tenant: &Acme) -> String {
    let keys = tenant.issuer().get("/keys").await.granted();
    let mut oldest_first = keys["data"].as_array().unwrap().iter().rev();
    text(&oldest_first.find(|key| key["use"] == "credential").unwrap()["kid"])
}

/// Waits until the deletion has been carried out to its end: nothing is due but documents that expire one day.
async fn buried(house: &House, id: &str) {
    let mut database = PgConnection::connect(&house.database()).await.unwrap();
    let undone = format!(
        "do $$ begin if exists (select from chancery.due where tenant_id = '{}' and at < now() + interval '1 day') \
         then raise 'not yet'; end if; end $$",
        id.strip_prefix("tnt_").unwrap()
    );
    let asked = Instant::now();
    while raw_sql(AssertSqlSafe(undone.as_str())).execute(&mut database).await.is_err() {
        assert!(asked.elapsed() < Duration::from_secs(150), "nobody carries the deletion out");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

#[tokio::test]
async fn a_deleted_tenants_keys_are_in_no_file_under_no_master() {
    let mut house = House::with(&[("SAAS_MODE", "true"), ("ISSUER_MASTER_KEY", OLD)]);
    let ((gone, gone_id), (stays, stays_id)) =
        (settled(&house, "gone").await, settled(&house, "stays").await);
    let (gone_kid, stays_kid) = (first_kid(&gone).await, first_kid(&stays).await);
    let database = house.data().join("postgres");
    let secrets = |id: &str| [(of(id), "seed", 1), (of(id), "data-key", 1), (of(id), "imported-key", 2)];
    let (before, after) = (Forensics::with(OLD), Forensics::with(NEW));

    // While the tenant lives, the files and the master are all that it takes.
    house.stop();
    let had = before.opened_below(&database, &secrets(&gone_id));
    let secret_of = |kind: &str| had.iter().find(|((_, of, _), _, _)| *of == kind).unwrap().1;
    let (seed, data_key, imported) = (secret_of("seed"), secret_of("data-key"), secret_of("imported-key"));
    let (private, kid) = derived(&before.root, &seed, of(&gone_id));
    assert_eq!(kid, gone_kid);
    assert!(had.iter().any(|(_, _, file)| file.to_string_lossy().contains("pg_wal")), "the log is searched");

    house.start_again_with(&[("SAAS_MODE", "true"), ("ISSUER_MASTER_KEY", OLD)]);
    let gone = Acme { http: house.platform().http, ..gone };
    house.platform().operator().delete(&gone).await.is(200);
    buried(&house, &gone_id).await;
    house.stop();
    house.start_again_with(BOTH);
    let done = house.serverside(&["key", "rotate-master"], BOTH).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    house.stop();
    house.start_again_with(&[("SAAS_MODE", "true"), ("ISSUER_MASTER_KEY", NEW)]);
    let stays = Acme { http: house.platform().http, ..stays };
    stays.verifier().verify(&stays.wallet().claim(&stays.issuer().offer(badge()).await).await).await;
    house.stop();

    // The old master is destroyed; what is left of it opens under the new one, for who stays.
    let root: Purpose = (before.check_value(), "superseded-root", 1);
    let roots = after.opened_below(&database, &[root]);
    assert_eq!(roots.first().map(|(_, root, _)| *root), Some(before.root), "the search works");
    let left = after.opened_below(&database, &secrets(&stays_id));
    let seed_of_stays = left.iter().find(|((_, kind, _), _, _)| *kind == "seed").unwrap().1;
    assert_eq!(derived(&before.root, &seed_of_stays, of(&stays_id)).1, stays_kid);

    // For who is gone nothing opens, be it under the new master or, had somebody kept it, the old one.
    for forensics in [&after, &before] {
        let opened = forensics.opened_below(&database, &secrets(&gone_id));
        assert!(opened.is_empty(), "{:?}", opened.iter().map(|(_, _, file)| file).collect::<Vec<_>>());
    }
    for secret in [seed, data_key, imported, private] {
        assert_eq!(occurs(&secret, &house.data()), Vec::<PathBuf>::new());
    }
}
