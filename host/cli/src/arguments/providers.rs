//! `chancery provider …`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Target;

/// `chancery provider …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProviderCommand {
    /// Say where holders sign in, and for which credentials that is enough
    #[command(after_help = "\
Example:
  chancery provider set sso https://login.example/realm --client-id chancery --secret-file secret.txt \\
    --credential employee-badge --scope profile --claim employee_id=sub")]
    Set(Box<SetProvider>),
    /// List the OpenID Providers that holders sign in at
    #[command(after_help = "Example:\n  chancery provider list")]
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Remove an OpenID Provider
    #[command(after_help = "Example:\n  chancery provider remove sso")]
    Remove {
        /// The name of the provider
        name: String,
        #[command(flatten)]
        target: Target,
    },
}

/// An OpenID Provider, all of it.
#[derive(Debug, Args)]
pub(crate) struct SetProvider {
    /// The name of the provider: lower-case letters, digits and hyphens
    pub(crate) name: String,
    /// Its issuer identifier: https, at a public address
    #[arg(value_name = "URL")]
    pub(crate) issuer: String,
    /// As whom it knows this issuer
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: String,
    /// A file with the client's secret; `-` reads stdin; a public client has none
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// A credential configuration for which its word is enough; repeat for several
    #[arg(long = "credential", value_name = "CONFIGURATION", required = true)]
    pub(crate) credentials: Vec<String>,
    /// What holders read, "Continue with …"; else the name
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,
    /// A scope to ask for beside `openid`; repeat for several
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// A member of the subject and the claim that it comes from, where that has another name; repeat for several
    #[arg(long = "claim", value_name = "MEMBER=CLAIM", value_parser = claim)]
    pub(crate) claims: Vec<(String, String)>,
    /// Ask the userinfo endpoint, too
    #[arg(long)]
    pub(crate) userinfo: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

fn claim(text: &str) -> Result<(String, String), String> {
    let (member, claim) = text.split_once('=').ok_or("write MEMBER=CLAIM, such as employee_id=sub")?;
    Ok((member.to_owned(), claim.to_owned()))
}
