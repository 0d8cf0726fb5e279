//! `chancery tenant …`

use clap::{Args, Subcommand};

use super::{Part, Target};

/// `chancery tenant …`.
#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Register a tenant; a key to set it up with is shown once
    #[command(
        after_help = "Example:\n  chancery tenant create acme --name 'Acme Corporation' --owner ada@acme.example"
    )]
    Create {
        /// Names the tenant in URLs, for ever
        slug: String,
        /// What people call it
        #[arg(long)]
        name: String,
        /// The tenant that is to administer it
        #[arg(long, value_name = "ID")]
        parent: Option<String>,
        /// Whom to invite to own it; the invitation is shown once, for you to send
        #[arg(long, value_name = "EMAIL")]
        owner: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// List tenants, newest first
    #[command(after_help = "Example:\n  chancery tenant list --search univ")]
    List {
        /// A part of the slug or of the name
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        #[command(flatten)]
        part: Part,
        #[command(flatten)]
        target: Target,
    },
    /// Show one tenant
    #[command(after_help = "Example:\n  chancery tenant show tnt_0197c7d2a1b070008000000000000001")]
    Show(OneTenant),
    /// List who waits to be let in, and why
    #[command(after_help = "Example:\n  chancery tenant waiting")]
    Waiting {
        #[command(flatten)]
        target: Target,
    },
    /// Let a tenant in that waits
    #[command(after_help = "Example:\n  chancery tenant approve tnt_0197c7d2a1b070008000000000000001")]
    Approve(OneTenant),
    /// Refuse a tenant that waits
    #[command(after_help = "Example:\n  chancery tenant reject tnt_0197c7d2a1b070008000000000000001")]
    Reject(OneTenant),
    /// Stop management and issuance for now
    #[command(after_help = "Example:\n  chancery tenant suspend tnt_0197c7d2a1b070008000000000000001")]
    Suspend(OneTenant),
    /// End a suspension
    #[command(after_help = "Example:\n  chancery tenant resume tnt_0197c7d2a1b070008000000000000001")]
    Resume(OneTenant),
    /// End issuance for ever; what was issued is honoured
    #[command(after_help = "Example:\n  chancery tenant close tnt_0197c7d2a1b070008000000000000001")]
    Close(OneTenant),
    /// Destroy its keys and all that it has; what it issued is revoked, unless it is honoured for a while
    #[command(after_help = "Example:\n  chancery tenant delete tnt_0197c7d2a1b070008000000000000001")]
    Delete {
        #[command(flatten)]
        tenant: OneTenant,
        /// Close it and delete it only then, e.g. `2027-01-01T00:00:00Z`
        #[arg(long, value_name = "TIME")]
        honour_until: Option<String>,
    },
}

/// A command about one tenant.
#[derive(Debug, Args)]
pub(crate) struct OneTenant {
    /// The tenant's id
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) target: Target,
}
