//! `chancery wallet …`, as people type it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `chancery wallet …`.
#[derive(Debug, Subcommand)]
pub(crate) enum WalletCommand {
    /// Claim an offer as a wallet would, and verify all that comes back
    #[command(after_help = "\
Examples:
  chancery wallet claim 'openid-credential-offer://?credential_offer_uri=…'
  chancery wallet claim 'https://issuer.example/offers/…' --tx-code 123456 --count 3 --out held.json

Signature (by certificate, by jwt-vc-issuer and by did.json: all must agree), type, holder
binding, mandatory claims, expiry and status are verified; the issuer is told the result.")]
    Claim(Claim),
    /// Ask an issuer for a credential that it did not offer: the holder signs in and consents
    #[command(after_help = "\
Examples:
  chancery wallet request http://127.0.0.1:8080 employee-badge --subject person.json
  chancery wallet request https://issuer.example university-diploma --link 'https://issuer.example/offers/…/page'

The pages of the issuer are answered without a browser: it is a test wallet, and asks nobody.")]
    Request(Request),
    /// Come back for what an issuer gave no answer to yet
    #[command(after_help = "\
Example:
  chancery wallet resume waiting.json --wait 600

The file is what `claim` or `request` kept; what came is kept in its place.")]
    Resume(Resume),
    /// Found a wallet provider for tests, and print the certificate by which an issuer comes to believe it
    #[command(after_help = "\
Example:
  chancery wallet provider provider.pem > anchor.pem

The certificate goes into `wallet_providers` (who vouches for wallets) and `key_attesters` (who vouches
for keys) of the tenant's configuration; `chancery wallet claim … --provider provider.pem` is then known.")]
    Provider(Provider),
}

/// `chancery wallet provider`.
#[derive(Debug, Args)]
pub(crate) struct Provider {
    /// Where its key and certificate are kept, readable by you alone; what is there already is used
    pub(crate) file: PathBuf,
}

/// `chancery wallet claim`.
#[derive(Debug, Args)]
pub(crate) struct Claim {
    /// The link (`openid-credential-offer://…`) or the address of the offer's page
    pub(crate) offer: String,
    /// The transaction code; asked for on a terminal if needed
    #[arg(long, value_name = "CODE")]
    pub(crate) tx_code: Option<String>,
    #[command(flatten)]
    pub(crate) how: HowToClaim,
}

/// `chancery wallet request`.
#[derive(Debug, Args)]
pub(crate) struct Request {
    /// The issuer identifier
    pub(crate) issuer: String,
    /// The credential configuration, e.g. `employee-badge`
    pub(crate) configuration: String,
    /// The link that the issuer sent to the holder
    #[arg(long, value_name = "LINK", conflicts_with = "subject")]
    pub(crate) link: Option<String>,
    /// The transaction code that belongs to the link
    #[arg(long, value_name = "CODE", requires = "link")]
    pub(crate) tx_code: Option<String>,
    /// JSON about the demo holder that `chancery dev` lets anybody be; `-` reads stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) subject: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) how: HowToClaim,
}

/// `chancery wallet resume`.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// What was kept
    pub(crate) file: PathBuf,
    /// Ask again until it is there, for so long
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) wait: u32,
    /// Encrypt requests and have answers encrypted even if the issuer does not insist on it
    #[arg(long)]
    pub(crate) encrypt: bool,
    /// Certificates (PEM) that the issuer's chain must lead to; else any chain that is sound in itself
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
}

/// How a wallet claims.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that people type")]
pub(crate) struct HowToClaim {
    /// How many copies, each bound to a key of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) count: u16,
    /// Bind the token by DPoP even if the issuer does not advertise it
    #[arg(long, conflicts_with = "bearer")]
    pub(crate) dpop: bool,
    /// Do not bind the token, even if the issuer advertises DPoP
    #[arg(long)]
    pub(crate) bearer: bool,
    /// Ask for the token by authorization details instead of for the whole offer
    #[arg(long)]
    pub(crate) authorization_details: bool,
    /// The `client_id` under which the issuer registered this wallet
    #[arg(long, value_name = "ID", requires = "client_key")]
    pub(crate) client: Option<String>,
    /// Its private key, as a JWK
    #[arg(long, value_name = "FILE", requires = "client")]
    pub(crate) client_key: Option<PathBuf>,
    /// The wallet provider (a file of `chancery wallet provider`) that vouches for this wallet and its keys
    #[arg(long, value_name = "FILE", conflicts_with = "client")]
    pub(crate) provider: Option<PathBuf>,
    /// Encrypt requests and have answers encrypted even if the issuer does not insist on it
    #[arg(long)]
    pub(crate) encrypt: bool,
    /// Wait so long for what the issuer has yet to decide on; `chancery wallet resume` comes back later
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) wait: u32,
    /// Renew it all at once, if the issuer lets wallets renew what they have
    #[arg(long, conflicts_with = "bearer")]
    pub(crate) renew: bool,
    /// Certificates (PEM) that the issuer's chain must lead to; else any chain that is sound in itself
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// Keep credentials and holder keys in this file (readable by you alone)
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}
