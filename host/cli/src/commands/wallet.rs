//! `chancery wallet …`: the test wallet at the command line.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;

use chancery_credential::SigningKey;
use chancery_credential::keys::PrivateKey;
use chancery_credential::x509::Anchors;
use chancery_domain::template::REGISTERED_CLAIMS;
use chancery_protocol::notification::NotificationEvent;
use chancery_protocol::offer::CredentialOffer;
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;

use super::offer::read_subject;
use crate::arguments::{Claim, HowToClaim, Output, Request, WalletCommand};
use crate::failure::Failure;
use crate::output::{self, plain};
use crate::private_file::PrivateFile;
use crate::wallet::{
    Binding, Claimed, HeldCredential, Registration, Settings, SignIn, Wallet, kept, parse_link,
};

pub(super) async fn obey(command: WalletCommand, form: Output) -> Result<(), Failure> {
    match command {
        WalletCommand::Claim(claim) => claim_offer(claim, form).await,
        WalletCommand::Request(wanted) => request(wanted, form).await,
    }
}

async fn claim_offer(claim: Claim, form: Output) -> Result<(), Failure> {
    let wallet = Wallet::new(settings(&claim.how)?)?;
    let file = claim.how.out.as_deref().map(begin_file).transpose()?;
    let offer = wallet.fetch_offer(&parse_link(&claim.offer)?).await?;
    let tx_code = claim.tx_code.clone().or_else(|| ask_for_tx_code(&offer));
    let sign_in = SignIn { tx_code, ..SignIn::default() };
    let claimed = wallet.claim_offer(&offer, &sign_in, claim.how.count).await?;
    report(&claimed, file, &claim.how, form)
}

/// Asks an issuer that offered nothing; the holder signs in there.
async fn request(request: Request, form: Output) -> Result<(), Failure> {
    let wallet = Wallet::new(settings(&request.how)?)?;
    let subject = request.subject.as_deref().map(read_subject).transpose()?;
    let file = request.how.out.as_deref().map(begin_file).transpose()?;
    let wanted = CredentialOffer {
        credential_issuer: request.issuer,
        credential_configuration_ids: vec![request.configuration],
        grants: None,
    };
    let sign_in = SignIn { tx_code: request.tx_code, link: request.link, subject };
    let claimed = wallet.claim_offer(&wanted, &sign_in, request.how.count).await?;
    report(&claimed, file, &request.how, form)
}

/// Keeps what was claimed where the caller wants it, and says what it is.
fn report(
    claimed: &[Claimed],
    file: Option<PrivateFile>,
    how: &HowToClaim,
    form: Output,
) -> Result<(), Failure> {
    if let (Some(file), Some(path)) = (file, &how.out) {
        file.keep(kept(claimed).to_string().as_bytes())?;
        output::talk(&format!("kept with private keys: {}", path.display()));
    }
    for one in claimed {
        let shown = match form {
            Output::Json => as_json(one).to_string(),
            Output::Text => as_text(one),
        };
        output::data(&shown)?;
    }
    Ok(())
}

fn settings(how: &HowToClaim) -> Result<Settings, Failure> {
    let binding = match (how.dpop, how.bearer) {
        (true, _) => Binding::Dpop,
        (false, true) => Binding::Bearer,
        (false, false) => Binding::IfAdvertised,
    };
    let anchors = how.trust.as_deref().map(read_anchors).transpose()?.unwrap_or_default();
    let registration = match (&how.client, &how.client_key) {
        (Some(id), Some(path)) => Some(Registration { id: id.clone(), key: Arc::new(read_key(path)?) }),
        _ => None,
    };
    Ok(Settings {
        registration,
        binding,
        authorization_details: how.authorization_details,
        encrypt: how.encrypt,
        renew: how.renew,
        anchors,
    })
}

fn read_key(path: &Path) -> Result<SigningKey, Failure> {
    let unusable = |why: String| Failure::Usage {
        found: format!("{} is no key to authenticate with: {why}", path.display()),
        fix: "name a file with a private JWK (P-256 or Ed25519) in --client-key".into(),
    };
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    let jwk: Value = serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))?;
    let key = PrivateKey::from_jwk(&jwk).map_err(|error| unusable(error.to_string()))?;
    key.signing_key().ok_or_else(|| unusable("it is not a private key".into()))
}

fn read_anchors(path: &Path) -> Result<Anchors, Failure> {
    let unusable = |why: String| Failure::Usage {
        found: format!("{} cannot be trusted: {why}", path.display()),
        fix: "name a file with certificates in PEM in --trust".into(),
    };
    let pem = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    Anchors::from_pem(&pem).map_err(|error| unusable(error.to_string()))
}

/// Asks the person at the keyboard, if there is one and the offer needs it.
fn ask_for_tx_code(offer: &CredentialOffer) -> Option<String> {
    let needed = offer.grants.as_ref()?.pre_authorized_code.as_ref()?.tx_code.as_ref()?;
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return None;
    }
    output::talk(&plain(needed.description.as_deref().unwrap_or("The issuer gave you a transaction code.")));
    output::talk("Transaction code:");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).ok()?;
    let code = line.trim();
    (!code.is_empty()).then(|| code.to_owned())
}

/// Before the claim: credentials that were issued and cannot be kept would be lost.
fn begin_file(path: &Path) -> Result<PrivateFile, Failure> {
    PrivateFile::create(path).map_err(|error| Failure::Usage {
        found: format!("{} cannot be written: {error}", path.display()),
        fix: "name a file in a directory of yours in --out; nothing was claimed".into(),
    })
}

fn as_json(claimed: &Claimed) -> Value {
    let one = |held: &HeldCredential| {
        json!({
            "credential": held.credential,
            "vct": held.claims.get("vct"),
            "claims": own_claims(held),
            "status": held.status,
            "expires_at": rfc3339(held.expires_at),
            "key_found_by": held.key_found_by.iter().map(|source| source.as_str()).collect::<Vec<_>>(),
        })
    };
    json!({
        "issuer": claimed.issuer,
        "configuration_id": claimed.configuration_id,
        "credentials": claimed.credentials.iter().map(one).collect::<Vec<_>>(),
        "notification": claimed.notification.map(told),
    })
}

fn as_text(claimed: &Claimed) -> String {
    let mut lines = vec![
        format!("{} from {}", plain(&claimed.configuration_id), plain(&claimed.issuer)),
        format!("issuer told: {}", claimed.notification.map_or("nothing", told)),
    ];
    for held in &claimed.credentials {
        let ways: Vec<_> = held.key_found_by.iter().map(|source| source.as_str()).collect();
        lines.push(String::new());
        lines.push(format!("{}, until {}", held.status.as_str(), rfc3339(held.expires_at)));
        lines.push(format!("issuer key found by {}, all agree", ways.join(", ")));
        lines.extend(
            output::members(&Value::Object(own_claims(held))).lines().map(|line| format!("  {line}")),
        );
    }
    lines.join("\n")
}

/// What the credential says of its holder, without what the protocol says of the credential.
fn own_claims(held: &HeldCredential) -> Map<String, Value> {
    let own = held.claims.iter().filter(|(name, _)| !REGISTERED_CLAIMS.contains(&name.as_str()));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn told(event: NotificationEvent) -> &'static str {
    match event {
        NotificationEvent::CredentialAccepted => "accepted",
        NotificationEvent::CredentialFailure => "failed",
        NotificationEvent::CredentialDeleted => "deleted",
    }
}

fn rfc3339(at: time::OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}
