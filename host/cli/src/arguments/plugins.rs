//! `chancery plugin …`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Target;

/// `chancery plugin …`. What takes a FILE needs no server; it is the very engine that a server runs.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Begin a plugin: a folder that can be built, with examples
    #[command(after_help = "\
Examples:
  chancery plugin new membership-card
  chancery plugin new membership-card --lang python
  chancery plugin new only-partners --kind policy --sdk ../chancery/plugin-sdk")]
    New(NewPlugin),
    /// Make a component of a plugin's folder: a crate, app.py or plugin.js
    #[command(after_help = "Example:\n  chancery plugin build ./my-badge --out my-badge.wasm")]
    Build {
        /// The plugin's folder
        #[arg(default_value = ".", value_name = "DIR")]
        folder: PathBuf,
        /// Where the component goes; else below target/
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Make a component of this module instead of compiling anything
        #[arg(long, value_name = "FILE", conflicts_with = "folder")]
        module: Option<PathBuf>,
    },
    /// Check a component as a server does when it is uploaded, its own examples included
    #[command(after_help = "Example:\n  chancery plugin check my-badge.wasm")]
    Check {
        /// The component
        file: PathBuf,
    },
    /// Run the examples that a component carries, and the cases beside it
    #[command(after_help = "\
Examples:
  chancery plugin test my-badge.wasm --junit results.xml
  chancery plugin test my-badge.wasm --cases ./cases --update")]
    Test {
        /// The component
        file: PathBuf,
        /// Where more cases are, a JSON file each; else in ./cases, if there is one
        #[arg(long, value_name = "DIR")]
        cases: Option<PathBuf>,
        /// Write what the component answers into the cases that expect something else, or nothing yet
        #[arg(long)]
        update: bool,
        /// Also write the results in the form that build servers read
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
    },
    /// Build, test and tell what changed, whenever a file of a plugin does
    #[command(after_help = "Example:\n  chancery plugin dev ./my-badge")]
    Dev {
        /// The plugin's folder
        #[arg(default_value = ".", value_name = "DIR")]
        folder: PathBuf,
        /// Where the cases are; else in the folder's cases/
        #[arg(long, value_name = "DIR")]
        cases: Option<PathBuf>,
    },
    /// Show the very credentials that a template would give, under a key of nobody
    #[command(after_help = "Example:\n  chancery plugin preview my-badge.wasm --subject ada.json")]
    Preview(PreviewPlugin),
    /// Show what a component is, what it imports and what it issues
    #[command(after_help = "Example:\n  chancery plugin inspect my-badge.wasm --output json")]
    Inspect {
        /// The component
        file: PathBuf,
        #[command(flatten)]
        configured: Configured,
    },
    /// Ask a template for one dataset, and show what that cost
    #[command(after_help = "Example:\n  chancery plugin run my-badge.wasm --subject ada.json")]
    Run(RunPlugin),
    /// Ask a template again and again, and show what that costs
    #[command(after_help = "Example:\n  chancery plugin bench my-badge.wasm --subject ada.json --count 5000")]
    Bench {
        #[command(flatten)]
        run: RunPlugin,
        /// How often
        #[arg(long, default_value_t = 1_000, value_name = "N")]
        count: u32,
    },
    /// Make a publisher's key, and show its public half
    #[command(after_help = "Example:\n  chancery plugin keygen publisher.key")]
    Keygen {
        /// Where the key goes; for your eyes alone
        file: PathBuf,
    },
    /// Sign a component as its publisher; the signature goes beside it
    #[command(after_help = "Example:\n  chancery plugin sign my-badge.wasm --key publisher.key")]
    Sign {
        /// The component
        file: PathBuf,
        /// The publisher's key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Where the signature goes; else beside the component, with .sig at its end
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Verify that a publisher signed a component
    #[command(after_help = "\
Example:
  chancery plugin verify my-badge.wasm --publisher 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    Verify {
        /// The component
        file: PathBuf,
        /// The publisher's public key
        #[arg(long, value_name = "KEY")]
        publisher: String,
        /// Where the signature is; else beside the component
        #[arg(long, value_name = "FILE")]
        signature: Option<PathBuf>,
    },
    #[command(flatten)]
    Kept(KeptCommand),
    /// Have a plugin of the platform's catalogue decide on registrations, or read the licence
    #[command(after_help = "\
Examples:
  chancery plugin install email-domain-policy --configuration domains.json
  chancery plugin install manual-approval-policy --name four-eyes
  chancery plugin install signed-license --configuration trusted.json --document licence.txt")]
    Install {
        /// Its digest, the beginning of it, or name@version
        plugin: String,
        /// What the policy is called here; else as its author calls it
        #[arg(long, conflicts_with = "document")]
        name: Option<String>,
        /// The licence, as it was sent to you
        #[arg(long, value_name = "FILE")]
        document: Option<PathBuf>,
        #[command(flatten)]
        configured: Configured,
        #[command(flatten)]
        target: Target,
    },
    /// Make a decision of a plugin again, and see whether it comes out the same
    #[command(after_help = "\
Examples:
  chancery plugin replay crd_01a1fdd415bf739cad6bdf625cb33c4e --subject ada.json
  chancery plugin replay dec_01a1fdd415bf739cad6bdf625cb33c4e")]
    Replay {
        /// The credential that it was made for, or one of `chancery plugin decisions`
        decision: String,
        /// Who the credential is about, a JSON file as the offer said it; else what was kept of it
        #[arg(long, value_name = "FILE")]
        subject: Option<PathBuf>,
        #[command(flatten)]
        target: Target,
    },
    /// List what policies and the licence plugin of a platform decided
    #[command(after_help = "Example:\n  chancery plugin decisions")]
    Decisions {
        #[command(flatten)]
        target: Target,
    },
    /// List the policies that decide on registrations
    #[command(after_help = "Example:\n  chancery plugin policies")]
    Policies {
        #[command(flatten)]
        target: Target,
    },
    /// Ask a policy no more
    #[command(after_help = "Example:\n  chancery plugin uninstall four-eyes")]
    Uninstall {
        /// As it was installed
        name: String,
        #[command(flatten)]
        target: Target,
    },
}

/// What a server keeps and runs of plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum KeptCommand {
    /// Upload a component, and activate it at once with --activate
    #[command(after_help = "\
Examples:
  chancery plugin push my-badge.wasm --activate
  chancery plugin push my-badge.wasm --platform")]
    Push {
        /// The component
        file: PathBuf,
        /// Activate it, too
        #[arg(long)]
        activate: bool,
        /// What its publisher signed; else what lies beside it with .sig at its end, if anything does
        #[arg(long, value_name = "FILE")]
        signature: Option<PathBuf>,
        #[command(flatten)]
        how: How,
        #[command(flatten)]
        at: Shelf,
    },
    /// List plugins, the newest first
    #[command(after_help = "Example:\n  chancery plugin list")]
    List(Shelf),
    /// Show a plugin, with the report on it
    #[command(after_help = "Example:\n  chancery plugin show employee-badge@0.2.0 --output json")]
    Show(One),
    /// Let a plugin be activated that waits for that
    #[command(after_help = "Example:\n  chancery plugin approve 9f86d081 --platform")]
    Approve(One),
    /// Discard a plugin that is not active
    #[command(after_help = "Example:\n  chancery plugin discard 9f86d081")]
    Discard(One),
    /// Forbid a plugin to everybody, at once
    #[command(after_help = "Example:\n  chancery plugin quarantine 9f86d081 --reason 'it leaks'")]
    Quarantine {
        /// Its digest, the beginning of it, or name@version
        plugin: String,
        /// Why, for those who wonder
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        target: Target,
    },
    /// Permit a quarantined plugin again
    #[command(after_help = "Example:\n  chancery plugin release 9f86d081")]
    Release {
        /// Its digest, the beginning of it, or name@version
        plugin: String,
        #[command(flatten)]
        target: Target,
    },
    /// Show what a plugin did: calls, faults, what they used
    #[command(after_help = "Example:\n  chancery plugin metrics employee-badge@0.2.0")]
    Metrics(One),
    /// Show what a plugin said, and why it failed
    #[command(after_help = "Example:\n  chancery plugin logs employee-badge@0.2.0 --follow")]
    Logs {
        #[command(flatten)]
        one: One,
        /// Go on showing what comes
        #[arg(long, short)]
        follow: bool,
    },
    /// Make a plugin what answers for its credential type
    #[command(after_help = "\
Examples:
  chancery plugin activate employee-badge@0.2.0
  chancery plugin activate 9f86d081 --canary 10
  chancery plugin activate employee-badge@0.2.0 --platform --of tnt_0197c7d2a1b070008000000000000001")]
    Activate {
        /// Its digest, the beginning of it, or name@version
        plugin: String,
        #[command(flatten)]
        how: How,
        #[command(flatten)]
        at: Shelf,
    },
    /// List what is active
    #[command(after_help = "Example:\n  chancery plugin active")]
    Active(Shelf),
    /// Undo the last step: end a trial, or go back to what was active before
    #[command(after_help = "Example:\n  chancery plugin rollback employee-badge")]
    Rollback {
        /// The credential configuration id
        configuration_id: String,
        #[command(flatten)]
        at: Shelf,
    },
    /// Offer a credential type no more
    #[command(after_help = "Example:\n  chancery plugin deactivate employee-badge")]
    Deactivate {
        /// The credential configuration id
        configuration_id: String,
        #[command(flatten)]
        at: Shelf,
    },
}

/// What is to be begun.
#[derive(Debug, Args)]
pub(crate) struct NewPlugin {
    /// What it is called: small letters, digits and hyphens
    pub(crate) name: String,
    /// What it decides
    #[arg(long, value_enum, default_value_t = Kind::Template)]
    pub(crate) kind: Kind,
    /// In which language
    #[arg(long, value_enum, default_value_t = Lang::Rust)]
    pub(crate) lang: Lang,
    /// Where it goes; else a folder of its name here
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// Where the SDK is on this machine; else it comes from its repository
    #[arg(long, value_name = "DIR")]
    pub(crate) sdk: Option<PathBuf>,
}

/// What a plugin decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// What a credential consists of
    Template,
    /// Who may become a tenant
    Policy,
    /// What a licence allows
    License,
}

/// The language of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    /// With the SDK
    Rust,
    /// By componentize-py
    Python,
    /// By componentize-qjs
    Javascript,
}

/// What is to be shown as it would be issued.
#[derive(Debug, Args)]
pub(crate) struct PreviewPlugin {
    /// The component
    pub(crate) file: PathBuf,
    /// Who the credential is about, a JSON file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) subject: PathBuf,
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// The issuer identifier that it names
    #[arg(long, value_name = "URL", default_value = "https://issuer.example")]
    pub(crate) issuer: String,
    /// The time, RFC 3339; else now
    #[arg(long, value_name = "TIME")]
    pub(crate) now: Option<String>,
}

/// One plugin.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// Its digest, the beginning of it, or name@version
    pub(crate) plugin: String,
    #[command(flatten)]
    pub(crate) at: Shelf,
}

/// Whose plugins.
#[derive(Debug, Args)]
pub(crate) struct Shelf {
    /// Those of the platform's catalogue, as an operator
    #[arg(long)]
    pub(crate) platform: bool,
    /// For the tenant of that id alone; with --platform
    #[arg(long, value_name = "ID", requires = "platform")]
    pub(crate) of: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// The part that a plugin is to play.
#[derive(Debug, Args)]
pub(crate) struct How {
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// On trial: of a hundred new offers, so many are made with it
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=99))]
    pub(crate) canary: Option<u8>,
    /// Ask it as well and compare; nobody gets its answers
    #[arg(long, conflicts_with = "canary")]
    pub(crate) shadow: bool,
}

/// In which configuration.
#[derive(Debug, Clone, Args)]
pub(crate) struct Configured {
    /// The plugin's configuration, a JSON file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) configuration: Option<PathBuf>,
}

/// One question to a template.
#[derive(Debug, Args)]
pub(crate) struct RunPlugin {
    /// The component
    pub(crate) file: PathBuf,
    /// Who the credential is about, a JSON file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) subject: PathBuf,
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// Answers to its lookups, a JSON file as in examples: `[{"id": "…", "document": …}]`
    #[arg(long, value_name = "FILE")]
    pub(crate) answers: Option<PathBuf>,
    /// What the dataset is for
    #[arg(long, value_enum, default_value_t = For::Issue)]
    pub(crate) purpose: For,
    /// As if somebody had completed what it deferred
    #[arg(long)]
    pub(crate) completed: bool,
    /// The time, RFC 3339; else now
    #[arg(long, value_name = "TIME")]
    pub(crate) now: Option<String>,
}

/// What a dataset is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum For {
    /// An offer is being made
    Offer,
    /// A wallet waits
    Issue,
    /// A wallet renews
    Renew,
}
