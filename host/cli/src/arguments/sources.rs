//! `chancery source …`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Target;

/// `chancery source …`.
#[derive(Debug, Subcommand)]
pub(crate) enum SourceCommand {
    /// Say where a source is, and how to get in
    #[command(after_help = "\
Example:
  chancery source set staff-pass staff https://hr.example/lookup --header-file header.txt")]
    Set {
        #[command(flatten)]
        source: OneSource,
        /// Where it is: https, at a public address
        #[arg(value_name = "URL")]
        at: String,
        /// A file with the header that lets the host in, `Authorization: Bearer …`; `-` reads stdin
        #[arg(long, value_name = "FILE")]
        header_file: Option<PathBuf>,
        #[command(flatten)]
        target: Target,
    },
    /// List sources, and those that templates would ask but nobody has set
    #[command(after_help = "Example:\n  chancery source list")]
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Remove a source
    #[command(after_help = "Example:\n  chancery source remove staff-pass staff")]
    Remove {
        #[command(flatten)]
        source: OneSource,
        #[command(flatten)]
        target: Target,
    },
}

/// Which source.
#[derive(Debug, Args)]
pub(crate) struct OneSource {
    /// The credential configuration whose template asks
    #[arg(value_name = "CONFIGURATION")]
    pub(crate) configuration: String,
    /// The name by which it asks
    pub(crate) name: String,
}
