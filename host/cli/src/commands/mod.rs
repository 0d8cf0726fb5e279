//! What each command does.

mod api_key;
mod audit;
mod credential;
mod deferral;
mod dev;
mod doctor;
mod halt;
mod key;
mod license;
mod listing;
mod offer;
mod plugin;
mod provider;
mod serve;
mod source;
mod stop;
mod tenant;
mod wallet;
mod webhook;

use std::io;

use clap::CommandFactory as _;

use crate::arguments::{Arguments, Command, Output};
use crate::failure::Failure;
use crate::management::Reply;
use crate::output;

/// Does what was asked.
pub(crate) async fn obey(command: Command, form: Output) -> Result<(), Failure> {
    match command {
        Command::Serve => serve::serve().await,
        Command::Dev(dev) => Box::pin(dev::dev(dev, form)).await,
        Command::Migrate => serve::migrate().await,
        Command::Doctor(doctor) => doctor::doctor(doctor, form).await,
        Command::Offer(command) => offer::obey(command, form).await,
        Command::Deferral(command) => deferral::obey(command, form).await,
        Command::Credential(command) => credential::obey(command, form).await,
        Command::ApiKey(command) => api_key::obey(command, form).await,
        Command::Audit(command) => audit::obey(command, form).await,
        Command::Halt(command) => halt::obey(command, form).await,
        Command::Plugin(command) => Box::pin(plugin::obey(command, form)).await,
        Command::Key(command) => key::obey(command, form).await,
        Command::Source(command) => source::obey(command, form).await,
        Command::Provider(command) => provider::obey(command, form).await,
        Command::Webhook(command) => webhook::obey(command, form).await,
        Command::Tenant(command) => tenant::obey(command, form).await,
        Command::License(command) => license::obey(command, form).await,
        Command::Bootstrap { url, name } => tenant::bootstrap(&url, &name, form).await,
        Command::Wallet(command) => wallet::obey(command, form).await,
        Command::Completions { shell } => completions(shell),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    // Into memory first: clap_complete panics when stdout is closed.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "chancery", &mut script);
    output::data(&String::from_utf8(script).map_err(io::Error::other)?)?;
    Ok(())
}

/// Prints an answer about one thing: as it came for programs, member by member for people.
fn show(reply: &Reply, form: Output) -> Result<(), Failure> {
    match form {
        Output::Json if reply.text.is_empty() => {}
        Output::Text if reply.text.is_empty() => output::talk("done"),
        Output::Json => output::data(&reply.text)?,
        Output::Text => output::data(&output::members(&reply.value))?,
    }
    Ok(())
}
