use crate::workspace::Workspace;
use anyhow::Result;
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    once: bool,
}
pub(crate) fn run(_: &Workspace, _: &Arguments) -> Result<()> {
    Ok(())
}
