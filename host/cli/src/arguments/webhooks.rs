//! `chancery webhook …`

use chancery_domain::EventType;
use clap::{Args, Subcommand};

use super::{Part, Target};

/// `chancery webhook …`.
#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Add a webhook; its secret is shown once
    #[command(after_help = "\
Example:
  chancery webhook create https://hooks.example/chancery --event credential.issued --event credential.revoked")]
    Create {
        /// Where it is told: https, at a public address
        #[arg(value_name = "URL")]
        to: String,
        /// What it is told of; repeat for several; else everything
        #[arg(long = "event", value_name = "TYPE", value_parser = event)]
        events: Vec<EventType>,
        /// What it is
        #[arg(long, default_value = "", value_name = "TEXT")]
        description: String,
        #[command(flatten)]
        target: Target,
    },
    /// List webhooks, newest first
    #[command(after_help = "Example:\n  chancery webhook list")]
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Show one webhook
    #[command(after_help = "Example:\n  chancery webhook show whk_0197c7d2a1b070008000000000000001")]
    Show(OneWebhook),
    /// Change a webhook: where it is, what it is told of, whether it is told anything
    #[command(
        after_help = "Example:\n  chancery webhook update whk_0197c7d2a1b070008000000000000001 --enable"
    )]
    Update {
        #[command(flatten)]
        webhook: OneWebhook,
        /// Where it is told
        #[arg(long, value_name = "URL")]
        to: Option<String>,
        /// What it is told of from now on; repeat for several
        #[arg(long = "event", value_name = "TYPE", value_parser = event)]
        events: Vec<EventType>,
        /// Tell it everything
        #[arg(long, conflicts_with = "events")]
        all_events: bool,
        /// What it is
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Tell it again what happens, if it was disabled
        #[arg(long, conflicts_with = "disable")]
        enable: bool,
        /// Tell it nothing for now
        #[arg(long)]
        disable: bool,
    },
    /// Remove a webhook, with what it was still to be told
    #[command(after_help = "Example:\n  chancery webhook delete whk_0197c7d2a1b070008000000000000001")]
    Delete(OneWebhook),
    /// Give a webhook a new secret; the present one signs besides for a while
    #[command(
        after_help = "Example:\n  chancery webhook rotate whk_0197c7d2a1b070008000000000000001 --overlap 3600"
    )]
    Rotate {
        #[command(flatten)]
        webhook: OneWebhook,
        /// For how long both secrets sign
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
        overlap: u32,
    },
    /// Send a webhook something, and say what it answers
    #[command(after_help = "Example:\n  chancery webhook test whk_0197c7d2a1b070008000000000000001")]
    Test(OneWebhook),
    /// List what a webhook was told, newest first
    #[command(
        after_help = "Example:\n  chancery webhook deliveries whk_0197c7d2a1b070008000000000000001 --state dead"
    )]
    Deliveries {
        #[command(flatten)]
        webhook: OneWebhook,
        /// Only those that are `pending`, `delivered` or `dead`
        #[arg(long, value_name = "STATE", value_parser = ["pending", "delivered", "dead"])]
        state: Option<String>,
        #[command(flatten)]
        part: Part,
    },
    /// Tell a webhook once more of one event, or of everything that was given up
    #[command(after_help = "Example:\n  chancery webhook replay whk_0197c7d2a1b070008000000000000001 --dead")]
    Replay {
        #[command(flatten)]
        webhook: OneWebhook,
        /// The event's id
        #[arg(required_unless_present = "dead")]
        event: Option<String>,
        /// Everything that was given up
        #[arg(long, conflicts_with = "event")]
        dead: bool,
    },
}

/// A command about one webhook.
#[derive(Debug, Args)]
pub(crate) struct OneWebhook {
    /// The webhook's id
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Reads a type, naming the known ones if it is none.
fn event(word: &str) -> Result<EventType, String> {
    EventType::parse(word).ok_or_else(|| {
        let known: Vec<_> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("known types: {}", known.join(", "))
    })
}
