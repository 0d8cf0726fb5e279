//! `chancery license …`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Target;

/// `chancery license …`.
#[derive(Debug, Subcommand)]
pub(crate) enum LicenseCommand {
    /// Show what the licence grants, and how much of it is used
    #[command(after_help = "Example:\n  chancery license show")]
    Show {
        #[command(flatten)]
        target: Target,
    },
    /// Put a document in the place of the one before; `chancery plugin install` chooses what reads it
    #[command(after_help = "Example:\n  chancery license set licence.txt")]
    Set {
        /// The document, as it was sent to you
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// Remove the licence and what reads it: nothing is bounded any more
    #[command(after_help = "Example:\n  chancery license remove")]
    Remove {
        #[command(flatten)]
        target: Target,
    },
    /// Make a licence for the plugin `signed-license`, on this machine
    #[command(after_help = "\
Example:
  chancery license issue --key licensor.key --licensee 'Example Ltd' --max-total-tenants 10 \\
    --feature subtenants --configuration trusted.json > licence.txt
  chancery plugin install signed-license --configuration trusted.json --document licence.txt")]
    Issue(Box<IssueLicense>),
}

/// `chancery license issue`.
#[derive(Debug, Args)]
pub(crate) struct IssueLicense {
    /// Whose signature it gets: 32 bytes as 64 hexadecimal digits; made if it is not there
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Who is to hold the licence
    #[arg(long, value_name = "NAME")]
    pub(crate) licensee: String,
    /// The licence's own identifier; else one that nobody else has
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// The public URL of the platform that it is for; else any
    #[arg(long = "for", value_name = "URL")]
    pub(crate) installation: Option<String>,
    /// Until when it holds, RFC 3339; else for ever
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<String>,
    /// For how many days what it grants goes on after that
    #[arg(long, value_name = "N", requires = "expires")]
    pub(crate) grace_days: Option<u32>,
    /// Tenants in all; else as many as they like
    #[arg(long, value_name = "N")]
    pub(crate) max_total_tenants: Option<u32>,
    /// Tenants at the root
    #[arg(long, value_name = "N")]
    pub(crate) max_root_tenants: Option<u32>,
    /// Levels of tenants
    #[arg(long, value_name = "N")]
    pub(crate) max_hierarchy_depth: Option<u32>,
    /// What it allows at all, each with its own flag: `subtenants`, `self-signup`, `custom-domains`, `federation`
    #[arg(long = "feature", value_name = "WORD")]
    pub(crate) features: Vec<String>,
    /// Where the configuration goes under which the plugin trusts this key
    #[arg(long, value_name = "FILE")]
    pub(crate) configuration: Option<PathBuf>,
}
