use crate::workspace::Workspace;
use anyhow::Result;
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    pub(crate) check: bool,
}
pub(crate) fn run(_: &Workspace, _: &Arguments) -> Result<()> {
    Ok(())
}
