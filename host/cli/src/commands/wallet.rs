//! `chancery wallet …`: the test wallet at the command line.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chancery_credential::keys::PrivateKey;
use chancery_credential::x509::{Anchors, CaError, DevelopmentCa};
use chancery_credential::{SigningKey, SystemRandom};
use chancery_domain::Clock as _;
use chancery_domain::clock::SystemClock;
use chancery_domain::template::REGISTERED_CLAIMS;
use chancery_protocol::notification::NotificationEvent;
use chancery_protocol::offer::CredentialOffer;
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;

use super::offer::read_subject;
use crate::arguments::{Claim, HowToClaim, Output, Request, Resume, WalletCommand};
use crate::failure::Failure;
use crate::output::{self, plain};
use crate::private_file::PrivateFile;
use crate::wallet::{
    Binding, Claimed, HeldCredential, Registration, Settings, SignIn, Waiting, Wallet, WalletProvider, kept,
    parse_link,
};

pub(super) async fn obey(command: WalletCommand, form: Output) -> Result<(), Failure> {
    match command {
        WalletCommand::Claim(claim) => claim_offer(claim, form).await,
        WalletCommand::Request(wanted) => request(wanted, form).await,
        WalletCommand::Resume(resume) => come_back(resume, form).await,
        WalletCommand::Provider(provider) => found_provider(&provider.file, form),
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
    let content = kept(claimed).to_string();
    let waits = claimed.iter().any(|one| one.waiting.is_some());
    let path = match (file, &how.out) {
        (Some(file), Some(path)) => {
            file.keep(content.as_bytes())?;
            Some(path.clone())
        }
        // Nobody could come back without it.
        _ if waits => Some(keep_waiting(&content)?),
        _ => None,
    };
    if let Some(path) = &path {
        output::talk(&format!("kept with private keys: {}", path.display()));
    }
    tell(claimed, path.as_deref(), form)
}

/// A file of its own, where none was named.
fn keep_waiting(content: &str) -> Result<PathBuf, Failure> {
    let free = (1..1_000).map(|number| PathBuf::from(format!("waiting-{number}.json")));
    let mut free = free.filter(|path| !path.exists());
    let path = free.next().unwrap_or_else(|| "waiting.json".into());
    begin_file(&path)?.keep(content.as_bytes())?;
    Ok(path)
}

/// Says what was claimed, and how to come back for the rest.
fn tell(claimed: &[Claimed], path: Option<&Path>, form: Output) -> Result<(), Failure> {
    for one in claimed {
        let shown = match form {
            Output::Json => as_json(one, path).to_string(),
            Output::Text => as_text(one),
        };
        output::data(&shown)?;
        if let (Some(waiting), Some(path)) = (&one.waiting, path) {
            let seconds = waiting.interval;
            output::talk(&format!(
                "in {seconds} seconds or later: chancery wallet resume {}",
                path.display()
            ));
        }
    }
    Ok(())
}

/// Comes back for everything in a file that is still waited for.
async fn come_back(resume: Resume, form: Output) -> Result<(), Failure> {
    let unreadable = |why: String| Failure::Usage {
        found: format!("{} holds nothing to come back for: {why}", resume.file.display()),
        fix: "name the file that `chancery wallet claim` kept".into(),
    };
    let text = std::fs::read_to_string(&resume.file).map_err(|error| unreadable(error.to_string()))?;
    let mut entries: Vec<Value> =
        serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    if !entries.iter().any(|entry| entry.get("waiting").is_some()) {
        return Err(unreadable("it waits for nothing".into()));
    }
    let anchors = resume.trust.as_deref().map(read_anchors).transpose()?.unwrap_or_default();
    let wallet = Wallet::new(Settings {
        encrypt: resume.encrypt,
        wait: Duration::from_secs(resume.wait.into()),
        anchors,
        ..Settings::default()
    })?;
    for place in 0..entries.len() {
        let file = begin_file(&resume.file)?;
        let Some(entry) = entries.get_mut(place) else { break };
        let Some(claimed) = wallet.resume(entry).await? else { continue };
        let claimed = [claimed];
        if let Some(kept) = kept(&claimed).as_array_mut().and_then(Vec::pop) {
            *entry = kept;
        }
        // At once: a credential is fetched once, whatever becomes of the others.
        file.keep(json!(entries).to_string().as_bytes())?;
        tell(&claimed, Some(&resume.file), form)?;
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
        provider: how.provider.as_deref().map(read_provider).transpose()?,
        binding,
        authorization_details: how.authorization_details,
        encrypt: how.encrypt,
        renew: how.renew,
        wait: Duration::from_secs(how.wait.into()),
        anchors,
    })
}

/// Makes a wallet provider, or finds the one that is there, and prints what makes an issuer believe it.
fn found_provider(path: &Path, form: Output) -> Result<(), Failure> {
    let authority = if path.exists() {
        read_authority(path)?
    } else {
        let failed = |error: CaError| Failure::Machine(std::io::Error::other(error));
        let authority = DevelopmentCa::generate(SystemClock.now(), &SystemRandom);
        let authority = authority.map_err(failed)?;
        let pem = authority.to_pem().map_err(failed)?;
        PrivateFile::create(path).and_then(|file| file.keep(pem.as_bytes())).map_err(|error| {
            Failure::Usage {
                found: format!("{} cannot be written: {error}", path.display()),
                fix: "name a file in a directory of yours".into(),
            }
        })?;
        authority
    };
    let certificate = authority.certificate_pem();
    Ok(output::data(&match form {
        Output::Json => json!({ "certificate": certificate }).to_string(),
        Output::Text => certificate.trim_end().to_owned(),
    })?)
}

fn read_provider(path: &Path) -> Result<Arc<WalletProvider>, Failure> {
    let provider = WalletProvider::new(&read_authority(path)?, SystemClock.now(), &SystemRandom);
    provider.map(Arc::new).map_err(|error| no_provider(path, &error))
}

fn read_authority(path: &Path) -> Result<DevelopmentCa, Failure> {
    let pem = std::fs::read_to_string(path).map_err(|error| no_provider(path, &error))?;
    DevelopmentCa::from_pem(&pem).map_err(|error| no_provider(path, &error))
}

fn no_provider(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::Usage {
        found: format!("{} is no wallet provider: {why}", path.display()),
        fix: "`chancery wallet provider FILE` makes one".into(),
    }
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

fn as_json(claimed: &Claimed, path: Option<&Path>) -> Value {
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
    let mut shown = Map::new();
    shown.insert("issuer".into(), json!(claimed.issuer));
    shown.insert("configuration_id".into(), json!(claimed.configuration_id));
    shown.insert("credentials".into(), claimed.credentials.iter().map(one).collect());
    shown.insert("notification".into(), json!(claimed.notification.map(told)));
    if let Some(Waiting { transaction_id, interval, .. }) = &claimed.waiting {
        let waiting = json!({ "transaction_id": transaction_id, "interval": interval, "kept_in": path });
        shown.insert("waiting".into(), waiting);
    }
    shown.into()
}

fn as_text(claimed: &Claimed) -> String {
    if let Some(waiting) = &claimed.waiting {
        let (id, issuer) = (plain(&claimed.configuration_id), plain(&claimed.issuer));
        return format!("{id} from {issuer}\nnot yet: transaction {}", plain(&waiting.transaction_id));
    }
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
