//! `chancery deferral …`, as people type it.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Part, Target};

/// `chancery deferral …`.
#[derive(Debug, Subcommand)]
pub(crate) enum DeferralCommand {
    /// List deferrals, newest first
    #[command(after_help = "Example:\n  chancery deferral list --state pending")]
    List {
        /// Only those that have come so far: pending, completed, refused, issued, expired, cancelled
        #[arg(long, value_name = "WORD")]
        state: Option<String>,
        /// Only those of this offer
        #[arg(long, value_name = "ID")]
        offer: Option<String>,
        #[command(flatten)]
        part: Part,
        #[command(flatten)]
        target: Target,
    },
    /// Show one deferral
    #[command(after_help = "Example:\n  chancery deferral show dfr_0197c7d2a1b070008000000000000001")]
    Show {
        /// The deferral's id
        id: String,
        #[command(flatten)]
        target: Target,
    },
    /// Have a credential issued that waits, as it was offered or with a subject that you bring
    #[command(after_help = "\
Example:
  chancery deferral complete dfr_0197c7d2a1b070008000000000000001 --subject person.json")]
    Complete {
        /// The deferral's id
        id: String,
        /// JSON with the subject's data, instead of what was offered; `-` reads stdin
        #[arg(long, value_name = "FILE")]
        subject: Option<PathBuf>,
        #[command(flatten)]
        target: Target,
    },
    /// Refuse a credential that waits
    #[command(after_help = "\
Example:
  chancery deferral refuse dfr_0197c7d2a1b070008000000000000001 --reason 'The photo cannot be used'")]
    Refuse {
        /// The deferral's id
        id: String,
        /// Why, for the holder: the wallet may show it
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        target: Target,
    },
}
