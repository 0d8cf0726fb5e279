//! `cargo xtask demo`: a development issuer, one credential from offer to wallet, and then it serves.

mod server;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::announce::Step;
use crate::command;
use crate::workspace::Workspace;
use crate::{plugins, setup};
use server::Server;

const CONFIGURATION: &str = "employee-badge";
const USUAL_PORT: u16 = 8080;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Stop when the credential has been verified.
    #[arg(long)]
    once: bool,
    /// Where to listen; 8080 if it is free, else any free port.
    #[arg(long)]
    port: Option<u16>,
    /// Where to keep keys and database; kept as it is. By default a scratch directory that is emptied first.
    #[arg(long)]
    data: Option<PathBuf>,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let (workspace, toolchain) = setup::running(workspace)?;
    plugins::build(&workspace, &toolchain)?;
    build(&workspace)?;
    let port = server::port(arguments.port, USUAL_PORT)?;
    let (data, reset) = match &arguments.data {
        Some(data) => (absolute(data)?, false),
        None => (workspace.target().join("demo"), true),
    };
    show(&workspace, port, &data, reset, arguments.once)
}

/// The demo of the test run: everything is built, and nobody watches.
pub(crate) fn once(workspace: &Workspace) -> Result<()> {
    let port = server::port(Some(0), USUAL_PORT)?;
    show(workspace, port, &workspace.target().join("demo-once"), true, true)
}

fn build(workspace: &Workspace) -> Result<()> {
    let step = Step::begin("building the issuer (the first time takes some minutes)");
    let log = workspace.target().join("demo.log");
    command::within(&step, &log, workspace.cargo("build").args(["--package", "chancery"]))?;
    step.done("");
    Ok(())
}

fn show(workspace: &Workspace, port: u16, data: &Path, reset: bool, once: bool) -> Result<()> {
    let step = Step::begin("starting the issuer and its database");
    let mut server = Server::start(workspace, port, data, reset)?;
    let about = About::read(&server.ready()?)?;
    step.done(&about.issuer);

    let said_last = |server: &Server| format!("the issuer said last:\n{}", server.said());
    let offer = offer(workspace, &about).with_context(|| said_last(&server))?;
    claim(workspace, &offer).with_context(|| said_last(&server))?;
    if once {
        let status = server.end()?;
        if !status.success() {
            bail!("the issuer did not stop in peace ({status}):\n{}", server.said());
        }
        return Ok(());
    }
    about.print(text(&offer, "/page_url").unwrap_or("none"), server.log());
    let client = |words: &str| {
        format!("{} {words} --data {}", workspace.near(&workspace.chancery()), workspace.near(data))
    };
    println!("\nFrom another terminal:\n\n  {}\n  {}", client("offer list"), client("credential list"));
    println!("\nServing until Ctrl-C.");
    server.serve()
}

fn offer(workspace: &Workspace, about: &About) -> Result<Value> {
    let step = Step::begin(format!("offering an {CONFIGURATION}"));
    let words = ["offer", "create", CONFIGURATION, "--subject", "-"];
    let offer = client(workspace, Some(about), &words, Some(&subject()))?;
    step.done(text(&offer, "/id")?);
    Ok(offer)
}

fn claim(workspace: &Workspace, offer: &Value) -> Result<()> {
    let step = Step::begin("claiming it with a wallet");
    let claimed = client(workspace, None, &["wallet", "claim", text(offer, "/offer_uri")?], None)?;
    let status = text(&claimed, "/credentials/0/status")?;
    step.done(status);
    println!("\nThe credential, as its holder can show it:\n");
    print_claims(claimed.pointer("/credentials/0/claims").context("find the claims of the credential")?);
    println!("\n  verified by the wallet; status: {status}\n");
    if status != "valid" {
        bail!("a fresh credential must be valid, but its status is {status}");
    }
    Ok(())
}

/// What the issuer says of itself when it is ready.
struct About {
    issuer: String,
    management: String,
    token: String,
}

impl About {
    fn read(said: &Value) -> Result<Self> {
        Ok(Self {
            issuer: text(said, "/tenants/0/issuer")?.to_owned(),
            management: text(said, "/tenants/0/management_url")?.to_owned(),
            token: text(said, "/tenants/0/token")?.to_owned(),
        })
    }

    fn print(&self, offer_page: &str, log: &Path) {
        let issuer = self.issuer.trim_end_matches('/');
        for (what, url) in [
            ("issuer", issuer),
            ("metadata", &format!("{issuer}/.well-known/openid-credential-issuer")),
            ("management API", &self.management),
            ("OpenAPI", &format!("{}/openapi.json", self.management)),
            ("offer page", offer_page),
            ("its log", &log.display().to_string()),
        ] {
            println!("  {what:<16}{url}");
        }
    }
}

/// Runs the `chancery` client as a person would, and reads its answer.
fn client(
    workspace: &Workspace,
    about: Option<&About>,
    words: &[&str],
    input: Option<&Value>,
) -> Result<Value> {
    let mut command = workspace.command(workspace.chancery());
    command.args(words).args(["--output", "json"]);
    if let Some(about) = about {
        command.args(["--url", &about.management]).env("CHANCERY_TOKEN", &about.token);
    }
    let mut child = command
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("failed to start the client")?;
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        stdin.write_all(input.to_string().as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`chancery {}` failed ({}):\n{}", words.join(" "), output.status, said.trim());
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("`chancery {}` answered no JSON", words.join(" ")))
}

fn subject() -> Value {
    json!({
        "given_name": "Ada",
        "family_name": "Lovelace",
        "employee_id": "1843-07",
        "department": "Analytical Engines",
        "job_title": "Programmer",
        "email": "ada@example.com",
    })
}

fn print_claims(claims: &Value) {
    for (name, value) in claims.as_object().into_iter().flatten() {
        match value {
            Value::String(text) => println!("  {name:<18}{text}"),
            other => println!("  {name:<18}{other}"),
        }
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("find {pointer} in {value}"))
}

/// The issuer runs at the root of the workspace; the path was typed somewhere else, perhaps.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("read the path {}", path.display()))
}
