//! What the author of a plugin does in a terminal: the chapter for them, command by command, and what it cannot show

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use chancery_tests::house::{self, House};
use serde_json::{Value, json};

/// What does not end by itself, and what `cargo xtask setup` has installed instead.
const NOT_RUN: [&str; 4] = [
    "chancery dev",
    "chancery plugin dev",
    "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt",
    "npm install",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().canonicalize().unwrap()
}

/// A place to work in, as somebody has it who installed everything.
struct Desk {
    home: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Desk {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let tools = house::binary().parent().unwrap().parent().unwrap().join("tools");
        // The SDK of this checkout instead of the one that is published.
        let (binary, sdk) = (house::binary(), root().join("plugin-sdk"));
        let (binary, sdk) = (binary.display(), sdk.display());
        let wrapper = format!(
            "#!/bin/sh\n[ \"$1 $2\" = 'plugin new' ] && exec {binary} \"$@\" --sdk {sdk}\nexec {binary} \"$@\"\n"
        );
        let bin = home.path().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::write(bin.join("chancery"), wrapper).unwrap();
        fs::set_permissions(bin.join("chancery"), fs::Permissions::from_mode(0o755)).unwrap();
        let path = [bin, tools.join("python/bin"), tools.join("javascript/node_modules/.bin")];
        let path: Vec<String> = path.iter().map(|path| path.display().to_string()).collect();
        let path = format!("{}:{}", path.join(":"), std::env::var("PATH").unwrap());
        // What was compiled for an earlier run of this test is not compiled again.
        let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("first-plugin").display().to_string();
        let environment = [("PATH", path), ("CARGO_TARGET_DIR", built), ("CARGO_NET_OFFLINE", "true".into())];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).into();
        Self { home, environment }
    }

    fn run(&self, script: &str, folder: &Path) -> Command {
        let mut command = Command::new("sh");
        command.args(["-euc", script]).current_dir(folder).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        // What the test was started by is not what an author has.
        for name in ["RUSTFLAGS", "CARGO", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER"] {
            command.env_remove(name);
        }
        command
    }
}

/// A fenced block: what its fence says, and what is in it.
struct Block {
    kind: String,
    text: String,
}

fn blocks(chapter: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for line in chapter.lines() {
        match line.strip_prefix("```") {
            Some(kind) if !inside => {
                blocks.push(Block { kind: kind.to_owned(), text: String::new() });
                inside = true;
            }
            Some(_) => inside = false,
            None if inside => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
    }
    blocks
}

#[test]
fn every_command_of_the_chapter_works() {
    let house = House::start();
    let acme = house.acme();
    let mut desk = Desk::new();
    let api = [("CHANCERY_MANAGEMENT_URL", acme.at("/api")), ("CHANCERY_TOKEN", acme.key.clone())];
    desk.environment.extend(api.map(|(name, value)| (name.to_owned(), value)));
    let lock = root().join("Cargo.lock");

    let chapter = fs::read_to_string(root().join("docs/first-plugin.md")).unwrap();
    let (mut folder, mut said, mut ran) = (desk.home.path().to_owned(), String::new(), 0);
    for Block { kind, text } in blocks(&chapter) {
        match kind.split_once(' ').unwrap_or((&kind, "")) {
            ("sh", _) if NOT_RUN.contains(&text.trim()) => {}
            ("sh", _) => {
                let script = format!("{text}\npwd >{}/where", desk.home.path().display());
                let output = desk.run(&script, &folder).output().unwrap();
                said = [output.stdout, output.stderr].map(|out| String::from_utf8(out).unwrap()).concat();
                assert!(output.status.success(), "{text}\n{said}");
                let there = fs::read_to_string(desk.home.path().join("where")).unwrap();
                folder = PathBuf::from(there.trim());
                if folder.join("Cargo.toml").exists() {
                    // The versions that are on this machine already.
                    fs::copy(&lock, folder.join("Cargo.lock")).unwrap();
                }
                ran += 1;
            }
            ("json", file) => fs::write(folder.join(file), text).unwrap(),
            ("text", _) => {
                for line in text.lines() {
                    assert!(said.contains(line.trim()), "{line:?} is not in\n{said}");
                }
            }
            (other, _) => panic!("what is {other}?"),
        }
    }
    assert_eq!(ran, 10, "the chapter has other blocks than it had");
}

/// A command that goes on, read line by line.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    /// Waits until it says that.
    #[track_caller]
    fn says(&self, wanted: &str) -> String {
        let mut said = String::new();
        while !said.contains(wanted) {
            match self.lines.recv_timeout(Duration::from_mins(2)) {
                Ok(line) => said = said + &line + "\n",
                Err(gone) => panic!("{gone}; it did not say {wanted:?} but\n{said}"),
            }
        }
        said
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn whoever_works_on_a_plugin_is_told_what_a_change_changed() {
    let desk = Desk::new();
    let new = desk.run("chancery plugin new guest-pass", desk.home.path()).output();
    assert!(new.unwrap().status.success());
    let folder = desk.home.path().join("guest-pass");
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let mut command = desk.run("exec chancery plugin dev 2>&1", &folder);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (sender, lines) = channel();
    let said = BufReader::new(child.stdout.take().unwrap()).lines();
    std::thread::spawn(move || said.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let dev = Running { child, lines };

    dev.says("3 of 3 pass");
    dev.says("waiting");
    let path = folder.join("src/lib.rs");
    let source = fs::read_to_string(&path).unwrap();
    fs::write(&path, source.replace("\"in-the-future\"", "\"too-late\"")).unwrap();
    let told = dev.says("2 of 3 pass");
    assert!(told.contains("FAILS NOW    nobody is a member since tomorrow"), "{told}");
    dev.says("waiting");
    fs::write(&path, "this is no Rust").unwrap();
    dev.says("does not compile");
    dev.says("waiting");
    fs::write(&path, source).unwrap();
    let told = dev.says("3 of 3 pass");
    assert!(told.contains("passes now   nobody is a member since tomorrow"), "{told}");
}

#[test]
fn whoever_has_no_compiler_is_told_which_one_to_install() {
    let desk = Desk::new();
    for (lang, fix) in [("python", "pip install"), ("javascript", "npm install")] {
        let new = format!("chancery plugin new {lang}-plugin --lang {lang}");
        assert!(desk.run(&new, desk.home.path()).output().unwrap().status.success());
        let folder = desk.home.path().join(format!("{lang}-plugin"));
        let mut build = Command::new(house::binary());
        let output = build.args(["plugin", "build"]).current_dir(folder).env("PATH", "").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(4), "{said}");
        assert!(said.contains(fix), "{said}");
    }
}

#[test]
fn policies_are_written_in_every_language() {
    let desk = Desk::new();
    // The interpreter of the one takes half a minute to compile, and is compiled for `library-card` already.
    for (lang, then) in [("python", ""), ("javascript", "chancery plugin test policy.wasm")] {
        let script = format!(
            "chancery plugin new {lang}-policy --lang {lang} --kind policy\n\
             cd {lang}-policy\n\
             chancery plugin build --out policy.wasm\n\
             {then}"
        );
        let output = desk.run(&script, desk.home.path()).output().unwrap();
        let said = [output.stdout, output.stderr].map(|out| String::from_utf8(out).unwrap()).concat();
        assert!(output.status.success(), "{said}");
    }
}

#[test]
fn a_publisher_signs_a_file_and_nobody_changes_it_unnoticed() {
    let desk = Desk::new();
    let folder = desk.home.path();
    let badge = house::binary().with_file_name("plugins").join("employee-badge.wasm");
    fs::copy(badge, folder.join("badge.wasm")).unwrap();
    let run = |script: &str| {
        let output = desk.run(script, folder).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap().trim().to_owned())
    };
    let (0, publisher) = run("chancery plugin keygen publisher.key") else { panic!("no key") };
    assert_eq!(run("chancery plugin keygen publisher.key").0, 2, "a key is not written over");
    assert_eq!(run("chancery plugin sign badge.wasm --key publisher.key"), (0, "badge.wasm.sig".into()));
    let verify = format!("chancery plugin verify badge.wasm --publisher {publisher}");
    assert_eq!(run(&verify).0, 0);
    assert_eq!(run("chancery plugin verify badge.wasm --publisher nobody").0, 1);
    let mut bytes = fs::read(folder.join("badge.wasm")).unwrap();
    bytes.push(0);
    fs::write(folder.join("badge.wasm"), bytes).unwrap();
    assert_eq!(run(&verify).0, 1, "another file");
    assert_eq!(run("chancery plugin sign badge.wasm --key no.key").0, 2, "a key is not made by the way");
}

#[test]
fn a_preview_shows_every_format_that_a_plugin_has() {
    let desk = Desk::new();
    for (name, formats) in [
        ("mobile-driving-licence", &["dc+sd-jwt", "mso_mdoc"][..]),
        ("university-diploma", &["dc+sd-jwt", "jwt_vc_json", "vc+jwt"]),
    ] {
        let vector = root().join(format!("plugins/{name}/vectors/everything.json"));
        let vector: Value = serde_json::from_str(&fs::read_to_string(vector).unwrap()).unwrap();
        let write = |file: &str, member: &str| {
            let document = vector.get(member).cloned().unwrap_or_else(|| json!({}));
            fs::write(desk.home.path().join(file), document.to_string()).unwrap();
        };
        write("subject.json", "subject");
        write("configuration.json", "configuration");
        let component = house::binary().with_file_name("plugins").join(format!("{name}.wasm"));
        let script = format!(
            "chancery plugin preview {} --output json --subject subject.json \\
             --configuration configuration.json --now 2026-10-26T12:00:00Z --issuer https://id.acme.example",
            component.display()
        );
        let output = desk.run(&script, desk.home.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
        let samples = shown["credentials"].as_array().unwrap();
        let shown_formats: Vec<&str> = samples.iter().map(|one| one["format"].as_str().unwrap()).collect();
        for format in formats {
            assert!(shown_formats.contains(format), "{name}: {shown_formats:?}");
        }
        for sample in samples {
            let id = sample["credential_configuration_id"].as_str().unwrap();
            assert!(shown["metadata"]["credential_configurations_supported"][id].is_object(), "{id}");
            assert!(sample["unreadable"].is_null() && !sample["credential"].as_str().unwrap().is_empty());
            let payload = &sample["payload"];
            let issuer = payload.get("iss").or(payload.get("issuer"));
            let by = issuer.map(ToString::to_string).unwrap_or_default();
            assert!(sample["format"] == "mso_mdoc" || by.contains("id.acme.example"), "{sample}");
        }
    }
}
