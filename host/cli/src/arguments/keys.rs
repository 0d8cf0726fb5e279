//! `chancery key …`

use clap::{Args, Subcommand};

use super::Target;

/// `chancery key …`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// List signing keys, the newest first
    #[command(after_help = "Example:\n  chancery key list")]
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Publish the next signing key, then sign with it
    #[command(after_help = "\
Examples:
  chancery key rotate                          # signs with the next key in ten minutes
  chancery key rotate --compromised --revoke   # stops the old key now, and revokes what it signed")]
    Rotate(Rotate),
    /// Put another master in the place of the one before, on the server
    ///
    /// Takes the environment of `chancery serve`, with the new master in `ISSUER_MASTER_KEY` and the one before in
    /// `ISSUER_PREVIOUS_MASTER_KEY`. Changes no tenant's key. Hosts that hold both masters go on serving; when it was
    /// interrupted, run it again.
    #[command(after_help = "Example:\n  ISSUER_MASTER_KEY_FILE=/run/secrets/new \
                            ISSUER_PREVIOUS_MASTER_KEY_FILE=/run/secrets/old chancery key rotate-master")]
    RotateMaster {
        /// Somebody else may hold the old master: move every tenant to new keys, too
        #[arg(long)]
        compromised: bool,
    },
    /// Sign with a key of your own from a file; it is stored sealed and never comes out again
    #[command(after_help = "Example:\n  chancery key import private.jwk --activate-in 3600")]
    Import {
        /// A private JWK (P-256 or Ed25519); `-` reads stdin
        jwk: std::path::PathBuf,
        /// How long the key is published before it signs
        #[arg(long, value_name = "SECONDS")]
        activate_in: Option<u32>,
        #[command(flatten)]
        target: Target,
    },
    /// Vouch for the signing keys yourself, by an authority of your own
    ///
    /// Its certificate is at `{issuer}/authority.pem`: give it to verifiers by a way that they trust.
    #[command(after_help = "\
Examples:
  chancery key authority
  chancery key authority --country AT    # for mobile documents, as ISO/IEC 18013-5 Annex B wants it")]
    Authority {
        /// Two capital letters (ISO 3166-1)
        #[arg(long, value_name = "CODE")]
        country: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Print a request for the certificate of a key, to be sent to an authority
    #[command(after_help = "\
Example:
  chancery key request 6oKNVZv6kLmsFvxFa2r9_Uj8r0hbFRnVfIoWrcfIm9k --organization Acme --country AT > acme.csr")]
    Request {
        /// The key's thumbprint (`kid`)
        kid: String,
        /// Whom the certificate is to name instead of the issuer's host
        #[arg(long, value_name = "NAME")]
        common_name: Option<String>,
        /// Who that is
        #[arg(long, value_name = "NAME")]
        organization: Option<String>,
        /// Two capital letters (ISO 3166-1); asks for a certificate for mobile documents
        #[arg(long, value_name = "CODE")]
        country: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Keep the certificate that an authority made for a key; what the key signs carries it as x5c
    #[command(after_help = "\
Examples:
  chancery key certify 6oKNVZv6kLmsFvxFa2r9_Uj8r0hbFRnVfIoWrcfIm9k chain.pem
  chancery key certify 6oKNVZv6kLmsFvxFa2r9_Uj8r0hbFRnVfIoWrcfIm9k --remove")]
    Certify {
        /// The key's thumbprint (`kid`)
        kid: String,
        /// Certificates in PEM, the key's own first; `-` reads stdin
        #[arg(required_unless_present = "remove", conflicts_with = "remove")]
        chain: Option<std::path::PathBuf>,
        /// Drop what was kept
        #[arg(long)]
        remove: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Revoke all that a compromised key signed
    #[command(after_help = "Example:\n  chancery key revoke 6oKNVZv6kLmsFvxFa2r9_Uj8r0hbFRnVfIoWrcfIm9k")]
    Revoke {
        /// The key's thumbprint (`kid`)
        kid: String,
        #[command(flatten)]
        target: Target,
    },
}

/// `chancery key rotate`.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// How long the next key is published before it signs
    #[arg(long, value_name = "SECONDS")]
    pub(crate) activate_in: Option<u32>,
    /// Somebody else may hold the key: it signs nothing from now on
    #[arg(long, conflicts_with = "activate_in")]
    pub(crate) compromised: bool,
    /// Revoke all that it signed, too
    #[arg(long, requires = "compromised")]
    pub(crate) revoke: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}
