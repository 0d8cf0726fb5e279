//! `chancery plugin …`: on this machine with the engine that servers run, and at a server by way of its API.

mod at_server;
mod build;
mod contract;
mod dev;
mod here;
mod install;
mod junit;
mod new;
mod preview;
mod publish;
mod replay;
mod test;

use std::io::Read as _;
use std::path::Path;

use serde_json::{Map, Value};

use crate::arguments::{Output, PluginCommand};
use crate::failure::Failure;

pub(super) async fn obey(command: PluginCommand, form: Output) -> Result<(), Failure> {
    match command {
        PluginCommand::New(asked) => new::new(&asked),
        PluginCommand::Build { folder, out, module } => build::build(&folder, out, module),
        PluginCommand::Check { file } => here::check(&file, form).await,
        PluginCommand::Test { file, cases, update, junit } => {
            let asked = test::Asked { cases: cases.as_deref(), update, junit: junit.as_deref() };
            test::test(&file, &asked, form).await
        }
        PluginCommand::Dev { folder, cases } => dev::dev(&folder, cases.as_deref()).await,
        PluginCommand::Keygen { file } => publish::keygen(&file, form),
        PluginCommand::Sign { file, key, out } => publish::sign(&file, &key, out, form),
        PluginCommand::Verify { file, publisher, signature } => {
            publish::verify(&file, &publisher, signature.as_deref(), form)
        }
        PluginCommand::Preview(preview) => preview::preview(&preview, form).await,
        PluginCommand::Inspect { file, configured } => here::inspect(&file, &configured, form).await,
        PluginCommand::Run(run) => here::run(&run, form).await,
        PluginCommand::Bench { run, count } => here::bench(&run, count, form).await,
        PluginCommand::Kept(command) => at_server::obey(command, form).await,
        PluginCommand::Install { plugin, name, document, configured, target } => {
            let of = install::Install { plugin, name, document, configured };
            install::install(of, target, form).await
        }
        PluginCommand::Replay { decision, subject, target } => {
            replay::replay(&decision, subject.as_deref(), &target, form).await
        }
        PluginCommand::Decisions { target } => replay::decisions(&target, form).await,
        PluginCommand::Policies { target } => install::list(&target, form).await,
        PluginCommand::Uninstall { name, target } => install::uninstall(&name, &target, form).await,
    }
}

/// A JSON document from a file or from standard input.
fn read_json(path: &Path) -> Result<Value, Failure> {
    let unusable = |found: String| Failure::Usage {
        found,
        fix: "give a file with one JSON document, or - for standard input".into(),
    };
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|read| text = read)
    };
    read.map_err(|error| unusable(format!("{} cannot be read: {error}", path.display())))?;
    serde_json::from_str(&text).map_err(|error| unusable(format!("{} is not JSON: {error}", path.display())))
}

/// The plugin's configuration; the empty one if none is given.
fn configuration(path: Option<&Path>) -> Result<Value, Failure> {
    path.map_or_else(|| Ok(Value::Object(Map::new())), read_json)
}

/// The bytes of a component.
fn read_component(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::Usage {
        found: format!("{} cannot be read: {error}", path.display()),
        fix: "give the file of a component; `chancery plugin build` makes one".into(),
    })
}
