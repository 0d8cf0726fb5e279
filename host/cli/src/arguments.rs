//! The command tree: every command, flag and example that `--help` shows.

mod deferrals;
mod halts;
mod keys;
mod licenses;
mod plugins;
mod providers;
mod sources;
mod tenants;
mod wallet;
mod webhooks;

use std::path::PathBuf;

use chancery_domain::scope::Scope;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use deferrals::DeferralCommand;
pub(crate) use halts::{HaltCommand, Order, Where};
pub(crate) use keys::{KeyCommand, Rotate};
pub(crate) use licenses::{IssueLicense, LicenseCommand};
pub(crate) use plugins::{
    Configured, For, How, KeptCommand, Kind, Lang, NewPlugin, One, PluginCommand, PreviewPlugin, RunPlugin,
    Shelf,
};
pub(crate) use providers::ProviderCommand;
pub(crate) use sources::{OneSource, SourceCommand};
pub(crate) use tenants::{OneTenant, TenantCommand};
pub(crate) use wallet::{Claim, HowToClaim, Request, Resume, WalletCommand};
pub(crate) use webhooks::{OneWebhook, WebhookCommand};

/// What follows the command list of `chancery --help`.
const AFTER_HELP: &str = "\
First credential, from nothing:
  chancery dev                                     # in one terminal; says what to type next
  chancery offer create employee-badge --subject person.json
  chancery wallet claim 'openid-credential-offer://…'

Exit codes:
  0  done
  1  refused by the other side, or not verified
  2  wrong usage
  3  the other side cannot be reached
  4  wrong or missing configuration

Data goes to stdout, talk goes to stderr.";

/// Issue verifiable credentials to wallets: server, client and test wallet in one binary.
#[derive(Debug, Parser)]
#[command(name = "chancery", version, after_help = AFTER_HELP, propagate_version = true)]
#[command(arg_required_else_help = true, subcommand_required = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// How stdout is written: for people or for programs
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORM",
        help_heading = "Everywhere"
    )]
    pub(crate) output: Output,
    /// What is logged on stderr, e.g. `info,chancery_server=debug`
    #[arg(long, global = true, env = "CHANCERY_LOG", value_name = "FILTER", help_heading = "Everywhere")]
    pub(crate) log: Option<String>,
    /// How the log is written
    #[arg(
        long,
        global = true,
        env = "CHANCERY_LOG_FORMAT",
        value_enum,
        default_value_t,
        value_name = "FORM",
        help_heading = "Everywhere"
    )]
    pub(crate) log_format: Output,
}

/// The two forms of output. The variants have no comment: it would make every help text longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Output {
    #[default]
    Text,
    Json,
}

/// Everything that the binary does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve, configured by the environment
    #[command(after_help = "Example:\n  CHANCERY_PUBLIC_URL=https://issuer.example \
                            ISSUER_SIGNING_KEY_FILE=/etc/chancery/key chancery serve")]
    Serve,
    /// Serve on this machine with no configuration at all: generated keys, a database of its own
    #[command(after_help = "Example:\n  chancery dev --port 8080 --data ./.chancery")]
    Dev(Dev),
    /// Bring the database to the newest schema, then stop
    #[command(after_help = "Example:\n  DATABASE_URL=postgres://owner@db/chancery chancery migrate")]
    Migrate,
    /// Check configuration, database, keys and addresses; say what is wrong and how to mend it
    #[command(after_help = "Example:\n  chancery doctor --output json")]
    Doctor(Doctor),
    /// Make, read and withdraw credential offers
    #[command(subcommand)]
    Offer(OfferCommand),
    /// Decide on credentials that wait for somebody
    #[command(subcommand)]
    Deferral(DeferralCommand),
    /// Read credentials and change their status
    #[command(subcommand)]
    Credential(CredentialCommand),
    /// Make and list keys for the management API
    #[command(subcommand)]
    ApiKey(ApiKeyCommand),
    /// Read who changed what, and look whether anybody rewrote it
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Stop issuing for now, or let it go on
    #[command(subcommand)]
    Halt(HaltCommand),
    /// Build, check and try plugins; upload them, activate them, take them back
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Rotate and list signing keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Say where templates have things looked up, and how to get in
    #[command(subcommand)]
    Source(SourceCommand),
    /// Say where holders sign in, and for which credentials that is enough
    #[command(subcommand)]
    Provider(ProviderCommand),
    /// Have other systems told what happens: signed, tried again, replayed
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Administer the tenants of a platform
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Show and install what bounds a platform; make licences to try
    #[command(subcommand)]
    License(LicenseCommand),
    /// Claim a fresh platform: whoever comes first operates it
    #[command(
        after_help = "Example:\n  chancery bootstrap --url https://issue.example --name 'Example Trust'"
    )]
    Bootstrap {
        /// The platform's public URL
        #[arg(long, value_name = "URL")]
        url: String,
        /// What the platform is called
        #[arg(long, default_value = "Platform")]
        name: String,
    },
    /// A strict test wallet
    #[command(subcommand)]
    Wallet(WalletCommand),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  chancery completions bash > ~/.local/share/bash-completion/completions/chancery"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// `chancery dev`.
#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// The port to listen on, at 127.0.0.1
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// Where keys and database live
    #[arg(long, default_value = "./.chancery", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Delete the data directory first (only one that `chancery dev` made)
    #[arg(long)]
    pub(crate) reset: bool,
    /// Serve many tenants, with two to begin with
    #[arg(long)]
    pub(crate) saas: bool,
}

/// `chancery doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Check what `chancery dev` would run instead of what the environment describes
    #[arg(long)]
    pub(crate) dev: bool,
    /// With --dev: the port
    #[arg(long, default_value_t = 8080, requires = "dev")]
    pub(crate) port: u16,
    /// With --dev: the data directory
    #[arg(long, default_value = "./.chancery", value_name = "DIR", requires = "dev")]
    pub(crate) data: PathBuf,
}

/// Which management API to talk to, and as whom.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Which issuer")]
pub(crate) struct Target {
    /// Management API, e.g. `https://issuer.example/api`; else that of `chancery dev`
    #[arg(long, env = "CHANCERY_MANAGEMENT_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// API key; better given in the environment
    #[arg(long, env = "CHANCERY_TOKEN", hide_env_values = true, value_name = "KEY")]
    pub(crate) token: Option<String>,
    /// Where a running `chancery dev` left its dev.json
    #[arg(long, default_value = "./.chancery", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Which tenant of `chancery dev --saas`; else the first
    #[arg(long, value_name = "SLUG", conflicts_with = "url")]
    pub(crate) tenant: Option<String>,
}

/// Which part of a list.
#[derive(Debug, Clone, Args)]
pub(crate) struct Part {
    /// At most so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) limit: Option<u16>,
    /// Where the part before ended (`next_cursor`)
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}

/// `chancery offer …`.
#[derive(Debug, Subcommand)]
pub(crate) enum OfferCommand {
    /// Offer a credential to one person
    #[command(
        after_help = "Example:\n  chancery offer create employee-badge --subject person.json --tx-code"
    )]
    Create(CreateOffer),
    /// Show one offer
    #[command(after_help = "Example:\n  chancery offer show ofr_0197c7d2a1b070008000000000000001")]
    Show {
        /// The offer's id
        id: String,
        #[command(flatten)]
        target: Target,
    },
    /// List offers, newest first
    #[command(after_help = "Example:\n  chancery offer list --limit 20 --output json")]
    List {
        #[command(flatten)]
        part: Part,
        #[command(flatten)]
        target: Target,
    },
    /// Withdraw an offer that no wallet has redeemed
    #[command(after_help = "Example:\n  chancery offer cancel ofr_0197c7d2a1b070008000000000000001")]
    Cancel {
        /// The offer's id
        id: String,
        #[command(flatten)]
        target: Target,
    },
}

/// `chancery offer create`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that people type")]
pub(crate) struct CreateOffer {
    /// The credential configuration, e.g. `employee-badge`
    pub(crate) configuration: String,
    /// JSON with the subject's data; `-` reads stdin
    #[arg(long, value_name = "FILE", required_unless_present = "deferred")]
    pub(crate) subject: Option<PathBuf>,
    /// Somebody has to complete it first (`chancery deferral complete`), and may bring the subject's data then
    #[arg(long)]
    pub(crate) deferred: bool,
    /// Demand a transaction code, to be told over another channel
    #[arg(long)]
    pub(crate) tx_code: bool,
    /// Put the whole offer into the link instead of a reference to it
    #[arg(long)]
    pub(crate) by_value: bool,
    /// The holder consents on a page of the issuer first (authorization code), and enters the transaction code there
    #[arg(long)]
    pub(crate) sign_in: bool,
    /// How long the offer can be redeemed
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) expires_in: Option<u32>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `chancery credential …`.
#[derive(Debug, Subcommand)]
pub(crate) enum CredentialCommand {
    /// List credentials, newest first
    #[command(
        after_help = "Example:\n  chancery credential list --offer ofr_0197c7d2a1b070008000000000000001"
    )]
    List {
        /// Only those of this offer
        #[arg(long, value_name = "ID")]
        offer: Option<String>,
        #[command(flatten)]
        part: Part,
        #[command(flatten)]
        target: Target,
    },
    /// Show one credential
    #[command(after_help = "Example:\n  chancery credential show crd_0197c7d2a1b070008000000000000001")]
    Show(OneCredential),
    /// Revoke a credential, for ever
    #[command(after_help = "Example:\n  chancery credential revoke crd_0197c7d2a1b070008000000000000001")]
    Revoke(OneCredential),
    /// Suspend a credential until it is reinstated
    #[command(after_help = "Example:\n  chancery credential suspend crd_0197c7d2a1b070008000000000000001")]
    Suspend(OneCredential),
    /// Make a suspended credential valid again
    #[command(after_help = "Example:\n  chancery credential reinstate crd_0197c7d2a1b070008000000000000001")]
    Reinstate(OneCredential),
}

/// A command about one credential.
#[derive(Debug, Args)]
pub(crate) struct OneCredential {
    /// The credential's id
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `chancery api-key …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ApiKeyCommand {
    /// Make a key; it is shown once
    #[command(after_help = "Example:\n  chancery api-key create --name onboarding --scope issuance:offer")]
    Create {
        /// What the key is for
        #[arg(long)]
        name: String,
        /// What it may do; repeat for several
        #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = scope)]
        scopes: Vec<Scope>,
        #[command(flatten)]
        target: Target,
    },
    /// List keys, without their secrets
    #[command(after_help = "Example:\n  chancery api-key list")]
    List {
        #[command(flatten)]
        target: Target,
    },
}

/// `chancery audit …`.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List changes, newest first
    #[command(after_help = "Example:\n  chancery audit list --action credential.revoked --limit 20")]
    List {
        /// Only what was done in this way, e.g. `credential.revoked`
        #[arg(long, value_name = "WORD")]
        action: Option<String>,
        /// Only what was done to the thing of this id
        #[arg(long, value_name = "ID")]
        target_id: Option<String>,
        #[command(flatten)]
        part: Part,
        #[command(flatten)]
        trail: Trail,
    },
    /// Look for what somebody with access to the database changed, removed or added
    #[command(after_help = "\
Example:
  chancery audit verify --known 5f0e…

Keep the hash it prints where the operator of the database cannot reach: by --known, a trail that
lost its end is told from one that never had it. Exits with 1 if anything is wrong.")]
    Verify {
        /// The hash of a seal that was printed earlier
        #[arg(long, value_name = "HASH")]
        known: Option<String>,
        #[command(flatten)]
        trail: Trail,
    },
}

/// Whose trail it is about.
#[derive(Debug, Clone, Args)]
pub(crate) struct Trail {
    /// What operators did to tenants, instead of what a tenant's own people did
    #[arg(long)]
    pub(crate) platform: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Reads a scope, naming the known ones if it is none.
fn scope(word: &str) -> Result<Scope, String> {
    Scope::parse(word).ok_or_else(|| {
        let known: Vec<_> = Scope::OF_A_TENANT.iter().map(|scope| scope.as_str()).collect();
        format!("known scopes: {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests;
