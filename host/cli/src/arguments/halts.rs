//! `chancery halt …`

use clap::{Args, Subcommand};

use super::Target;

/// `chancery halt …`.
#[derive(Debug, Subcommand)]
pub(crate) enum HaltCommand {
    /// Issue nothing, for nobody
    #[command(after_help = "Example:\n  chancery halt all --reason 'a defect in the signer'")]
    All(Order),
    /// Issue nothing for one tenant: your own, or on the platform the one of that id
    #[command(after_help = "\
Examples:
  chancery halt tenant --reason 'wrong data since Monday'
  chancery halt tenant tnt_0197c7d2a1b070008000000000000001 --platform --reason 'under investigation'")]
    Tenant {
        /// The tenant's id; with --platform
        #[arg(requires = "platform")]
        id: Option<String>,
        #[command(flatten)]
        order: Order,
    },
    /// Issue nothing that a plugin makes
    #[command(after_help = "Example:\n  chancery halt plugin \
                            9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --reason 'wrong claims'")]
    Plugin {
        /// The SHA-256 of the component, in hexadecimal digits
        digest: String,
        /// Only at the tenant of that id; with --platform
        #[arg(long, value_name = "ID", requires = "platform")]
        of: Option<String>,
        #[command(flatten)]
        order: Order,
    },
    /// Issue nothing that a key would sign
    #[command(after_help = "Example:\n  chancery halt key 6oKNVZv6kLmsFvxFa2r9_Uj8r0hbFRnVfIoWrcfIm9k \
                            --reason 'who has a copy?'")]
    Key {
        /// The key's thumbprint (`kid`)
        kid: String,
        /// The tenant whose key it is; with --platform
        #[arg(long, value_name = "ID", requires = "platform")]
        of: Option<String>,
        #[command(flatten)]
        order: Order,
    },
    /// List what is halted, the newest first
    #[command(after_help = "Example:\n  chancery halt list")]
    List(Where),
    /// Let go on what was halted
    #[command(after_help = "Example:\n  chancery halt lift hlt_0197c7d2a1b070008000000000000001")]
    Lift {
        /// The halt's id
        id: String,
        #[command(flatten)]
        at: Where,
    },
}

/// What every order says.
#[derive(Debug, Args)]
pub(crate) struct Order {
    /// Why, for those who wonder
    #[arg(long)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) at: Where,
}

/// Who is asked.
#[derive(Debug, Args)]
pub(crate) struct Where {
    /// As an operator of the platform
    #[arg(long)]
    pub(crate) platform: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}
