use crate::workspace::Workspace;
use anyhow::Result;
#[derive(clap::Args)]
pub(crate) struct Arguments {
    filter: Option<String>,
}
pub(crate) fn run(_: &Workspace, _: &Arguments) -> Result<()> {
    Ok(())
}
