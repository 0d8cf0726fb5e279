//! placeholder
use anyhow::Result;
use crate::workspace::Workspace;
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    pub(crate) check: bool,
}
pub(crate) fn run(w: &Workspace, a: &Arguments) -> Result<()> { if a.check { check(w) } else { Ok(()) } }
pub(crate) fn check(_: &Workspace) -> Result<()> { Ok(()) }
