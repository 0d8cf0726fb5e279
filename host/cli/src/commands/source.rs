//! `chancery source …`, by way of the management API.

use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{listing, show};
use crate::arguments::{OneSource, Output, SourceCommand};
use crate::failure::Failure;
use crate::management::Management;

pub(super) async fn obey(command: SourceCommand, form: Output) -> Result<(), Failure> {
    match command {
        SourceCommand::Set { source: OneSource { configuration, name }, at, header_file, target } => {
            let header = header_file.as_deref().map(read_header).transpose()?;
            let request = json!({ "url": at, "header": header });
            let path = ["sources", &configuration, &name];
            show(&Management::find(&target)?.put(&path, &request).await?, form)
        }
        SourceCommand::List { target } => {
            let reply = Management::find(&target)?.get(&["sources"], &[]).await?;
            listing::show(
                &reply,
                &["configuration_id", "name", "url", "header", "set_at", "description"],
                form,
            )
        }
        SourceCommand::Remove { source: OneSource { configuration, name }, target } => {
            let path = ["sources", &configuration, &name];
            show(&Management::find(&target)?.delete(&path, &[]).await?, form)
        }
    }
}

/// A header as HTTP writes it.
fn read_header(path: &Path) -> Result<Value, Failure> {
    let unusable = |found: String| Failure::Usage { found, fix: "write one line, `Name: value`".into() };
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_string(&mut text).map(drop)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text)).map(drop)
    };
    read.map_err(|error| unusable(format!("{} cannot be read: {error}", path.display())))?;
    // The text is not repeated: it is secret.
    let (name, value) =
        text.trim().split_once(':').ok_or_else(|| unusable(format!("{} holds no header", path.display())))?;
    Ok(json!({ "name": name.trim(), "value": value.trim() }))
}
