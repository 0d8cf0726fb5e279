//! A house: the real `chancery` binary as a child process, with its own data directory and database.
//!
//! Most tests share one house, through [`acme`]. It is shared between processes too, because some test
//! runners give every test a process of its own. A keeper, a few lines of shell, ends a house when the
//! process that it was started for is gone, however it went: no PostgreSQL outlives a test run.

use std::fs::{self, DirBuilder, File};
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

use crate::answer::text;
use crate::tenancy::{Acme, Platform};

/// How long a start may take: a cluster is made, plugins are compiled, others use the machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// `$1` is the process to outlive by no more than a moment, `$2` the directory, the rest the command. The
/// log of the last house is kept, to be read when a test failed.
const KEEPER: &str = r#"
owner=$1 directory=$2; shift 2
"$@" </dev/null >"$directory/announcement" 2>>"$directory/log" &
house=$!
echo "$house" >"$directory/pid.new" && mv "$directory/pid.new" "$directory/pid"
while kill -0 "$owner" 2>/dev/null && kill -0 "$house" 2>/dev/null; do sleep 0.3; done
kill "$house" 2>/dev/null
wait "$house"
kill -0 "$owner" 2>/dev/null && exit
run=${directory%/*}
mv "$directory/log" "${TMPDIR:-/tmp}/chancery-tests.log"
rm -rf "$directory" "$run/lock"
rmdir "$run"
"#;

/// The platform that everybody shares.
pub fn platform() -> Platform {
    let home = Home::of_this_run();
    let _lock = home.lock();
    home.running(PLATFORM, MANY).platform()
}

/// The same platform, served by two processes on one database.
pub fn twin_platforms() -> [Platform; 2] {
    let home = Home::of_this_run();
    let _lock = home.lock();
    let first = home.running(PLATFORM, MANY);
    let directory = home.directory.join("platform-twin");
    let second =
        Process::resumed(&directory).unwrap_or_else(|| first.twin_with(&directory, home.owner, MANY));
    [first.platform(), second.platform()]
}

const PLATFORM: &str = "platform";
const MANY: &[(&str, &str)] = &[("SAAS_MODE", "true")];

/// The issuer that everybody shares.
pub fn acme() -> Acme {
    let home = Home::of_this_run();
    let _lock = home.lock();
    home.running_house().acme()
}

/// The same issuer, served by two processes on one database.
pub fn twins() -> [Acme; 2] {
    let home = Home::of_this_run();
    let _lock = home.lock();
    let first = home.running_house();
    let directory = home.directory.join("twin");
    let second = Process::resumed(&directory).unwrap_or_else(|| first.twin(&directory, home.owner));
    [first.acme(), second.acme()]
}

/// The data directory of the house that everybody shares.
pub fn shared_data() -> PathBuf {
    Home::of_this_run().directory.join("house/data")
}

/// A house of one test's own. It ends with the test.
pub struct House {
    process: Process,
    root: PathBuf,
}

impl House {
    /// A new house.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// A new house with these environment variables.
    pub fn with(environment: &[(&str, &str)]) -> Self {
        let root = own_root();
        let process = Process::start(&root.join("house"), std::process::id(), free_port(), environment);
        Self { process, root }
    }

    /// A new house of many tenants.
    pub fn of_many() -> Self {
        Self::with(MANY)
    }

    /// Its platform, if it has many tenants.
    pub fn platform(&self) -> Platform {
        self.process.platform()
    }

    /// A new house whose issuer identifier has a path.
    pub fn at_path(path: &str) -> Self {
        let port = free_port();
        let root = own_root();
        let identifier = format!("http://127.0.0.1:{port}{path}");
        let environment = [("CHANCERY_PUBLIC_URL", identifier.as_str())];
        let process = Process::start(&root.join("house"), std::process::id(), port, &environment);
        Self { process, root }
    }

    /// Its tenant.
    pub fn acme(&self) -> Acme {
        self.process.acme()
    }

    /// A second process on the same database, with the same keys.
    pub fn twin(&self) -> Self {
        self.twin_with(&[])
    }

    /// A second process on the same database, with these environment variables.
    pub fn twin_with(&self, environment: &[(&str, &str)]) -> Self {
        let root = own_root();
        let process = self.process.twin_with(&root.join("house"), std::process::id(), environment);
        Self { process, root }
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.process.data()
    }

    /// Where its database is, for whoever breaks in.
    pub fn database(&self) -> String {
        self.process.database()
    }

    /// What a backup of its database holds, as text. The program for it lies beside the one that runs.
    pub fn dump(&self) -> Vec<u8> {
        let running = std::fs::read_to_string(self.data().join("postgres/postmaster.pid")).unwrap();
        let server = std::fs::read_link(format!("/proc/{}/exe", running.lines().next().unwrap())).unwrap();
        let dumped = Command::new(server.with_file_name("pg_dump")).arg(self.database()).output().unwrap();
        assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
        dumped.stdout
    }

    /// How much memory the server itself holds, in KiB.
    pub fn resident(&self) -> usize {
        let house = pid(&self.process.directory).unwrap().as_raw_nonzero();
        let status = fs::read_to_string(format!("/proc/{house}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches("kB").trim().parse().unwrap()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// A command of the same program, with the environment of a `serve` on the same database, and this.
    pub fn serverside(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).env_clear();
        command
            .env("DATABASE_URL", self.process.database())
            .env("CHANCERY_DATA", self.root.join("serverside"));
        command.env("CHANCERY_PUBLIC_URL", "https://issue.example").envs(environment.iter().copied());
        command
    }

    /// Ends what it started by that word: `plugin-runner`, `plugin-compiler`. How many there were.
    pub fn end_children(&self, word: &str, signal: Signal) -> usize {
        let children = self.children(word).into_iter().filter_map(Pid::from_raw);
        children.filter(|child| kill_process(*child, signal).is_ok()).count()
    }

    /// What it started by that word: `plugin-runner`, `plugin-compiler`.
    pub fn children(&self, word: &str) -> Vec<i32> {
        let house = pid(&self.process.directory).unwrap().as_raw_nonzero().get();
        let mut children = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let read = |name: &str| fs::read_to_string(entry.path().join(name)).unwrap_or_default();
            let is_child = read("status").lines().any(|line| line == format!("PPid:\t{house}"));
            if is_child && read("cmdline").split('\0').nth(1) == Some(word) {
                children.extend(entry.file_name().to_string_lossy().parse::<i32>().ok());
            }
        }
        children
    }

    /// Ends the process without a warning.
    pub fn kill(&self) {
        self.process.end(Signal::KILL);
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(&self) {
        self.process.end(Signal::TERM);
    }

    /// Starts it again, on the same data and the same port.
    pub fn start_again(&mut self) {
        self.start_again_with(&[]);
    }

    /// Starts it again, on the same data and the same port, with these environment variables.
    pub fn start_again_with(&mut self, environment: &[(&str, &str)]) {
        let Process { directory, port, .. } = &self.process;
        self.process = Process::start(directory, std::process::id(), *port, environment);
    }

    /// The command that would start a second process, with these environment variables, for tests that
    /// expect a refusal.
    pub fn twin_command(&self, environment: &[(&str, &str)]) -> Command {
        let data = self.root.join("refused");
        self.process.copy_to(&data);
        let mut command = command(&data, free_port());
        command.envs(self.process.twin_environment()).envs(environment.iter().copied());
        command
    }

    /// The command that would start it again, for tests that expect a refusal.
    pub fn command(&self) -> Command {
        command(&self.data(), self.process.port)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            eprintln!("the house said last:\n{}", lines[lines.len().saturating_sub(30)..].join("\n"));
        }
        self.stop();
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// The directory of one test run, whatever number of processes it has.
struct Home {
    directory: PathBuf,
    /// The process that is gone when the run is over.
    owner: u32,
}

impl Home {
    fn of_this_run() -> Self {
        // nextest: one process for each test, and this names the run. Else one process for all.
        let (name, owner) = match std::env::var("NEXTEST_RUN_ID") {
            Ok(run) => (run, std::os::unix::process::parent_id()),
            Err(_) => (std::process::id().to_string(), std::process::id()),
        };
        Self { directory: scratch(&format!("chancery-tests-{name}")), owner }
    }

    /// Held while a process is looked for or started.
    fn lock(&self) -> File {
        let file = File::create(self.directory.join("lock")).unwrap();
        file.lock().unwrap();
        file
    }

    fn running_house(&self) -> Process {
        self.running("house", &[])
    }

    fn running(&self, name: &str, environment: &[(&str, &str)]) -> Process {
        let directory = self.directory.join(name);
        Process::resumed(&directory)
            .unwrap_or_else(|| Process::start(&directory, self.owner, free_port(), environment))
    }
}

/// The root of a house of one's own. It brings a few plugins along: compiling all of them would take longer
/// than most tests.
fn own_root() -> PathBuf {
    let root = scratch(&crate::unique("chancery-house-"));
    let plugins = root.join(PLUGINS);
    open_directory(&plugins);
    for name in ["employee-badge.wasm", "person-identification-data.wasm", "university-diploma.wasm"] {
        fs::copy(binary().with_file_name(PLUGINS).join(name), plugins.join(name)).unwrap();
    }
    root
}

/// The folder of plugins, beside a program or beside a house.
const PLUGINS: &str = "plugins";

/// A directory that PostgreSQL's own user can reach.
fn scratch(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(name);
    open_directory(&path);
    path
}

fn open_directory(path: &Path) {
    DirBuilder::new().recursive(true).mode(0o711).create(path).unwrap();
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A running `chancery dev` and its keeper.
struct Process {
    directory: PathBuf,
    port: u16,
    announcement: Value,
}

impl Process {
    fn start(directory: &Path, owner: u32, port: u16, environment: &[(&str, &str)]) -> Self {
        let data = directory.join("data");
        open_directory(&data);
        for stale in ["pid", "announcement"] {
            let _ = fs::remove_file(directory.join(stale));
        }
        fs::write(directory.join("port"), port.to_string()).unwrap();
        let house = command(&data, port);
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper", &owner.to_string()]).arg(directory);
        keeper.arg(house.get_program()).args(house.get_args());
        keeper.env_clear().envs(house.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let plugins = directory.with_file_name(PLUGINS);
        if plugins.exists() {
            keeper.env("CHANCERY_PLUGINS", plugins);
        }
        keeper.envs(environment.iter().copied());
        // A group of its own: an interrupt from the terminal is for the tests, and the keeper sees them end.
        keeper.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        #[expect(
            clippy::zombie_processes,
            reason = "the keeper outlives this process or ends with the house"
        )]
        keeper.spawn().expect("a shell");
        let announcement = Self::announced(directory);
        Self { directory: directory.to_owned(), port, announcement }
    }

    /// The process that runs in this directory already.
    fn resumed(directory: &Path) -> Option<Self> {
        let pid = pid(directory)?;
        test_kill_process(pid).ok()?;
        let port = fs::read_to_string(directory.join("port")).ok()?.parse().ok()?;
        Some(Self { directory: directory.to_owned(), port, announcement: Self::announced(directory) })
    }

    fn announced(directory: &Path) -> Value {
        let started = Instant::now();
        loop {
            let said = fs::read_to_string(directory.join("announcement")).unwrap_or_default();
            if let Some((line, _)) = said.split_once('\n') {
                return serde_json::from_str(line).unwrap();
            }
            let ended = pid(directory).is_some_and(|pid| test_kill_process(pid).is_err());
            if ended || started.elapsed() > PATIENCE {
                let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
                panic!("`chancery dev` is not ready:\n{log}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Another process on this one's database.
    fn twin(&self, directory: &Path, owner: u32) -> Self {
        self.twin_with(directory, owner, &[])
    }

    fn twin_with(&self, directory: &Path, owner: u32, more: &[(&str, &str)]) -> Self {
        self.copy_to(&directory.join("data"));
        let environment = self.twin_environment();
        let mut environment: Vec<_> =
            environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        environment.extend(more);
        Self::start(directory, owner, free_port(), &environment)
    }

    /// The files of the data directory, but not its cluster.
    fn copy_to(&self, data: &Path) {
        open_directory(data);
        for entry in fs::read_dir(self.data()).unwrap().map(Result::unwrap) {
            let name = entry.file_name();
            if entry.path().is_file() && name != "dev.json" && name != "postgres.lock" {
                fs::copy(entry.path(), data.join(name)).unwrap();
            }
        }
    }

    fn twin_environment(&self) -> [(&'static str, String); 2] {
        let identifier = text(&self.announcement["public_url"]);
        [("DATABASE_URL", self.database()), ("CHANCERY_PUBLIC_URL", identifier)]
    }

    /// The cluster lets in whoever may enter the directory of its socket: this user.
    fn database(&self) -> String {
        let socket = self.data().join("postgres-run");
        let host: String =
            url::form_urlencoded::byte_serialize(socket.as_os_str().as_encoded_bytes()).collect();
        format!("postgres://chancery@localhost/chancery?host={host}")
    }

    fn acme(&self) -> Acme {
        Acme::new(&self.announcement, self.port)
    }

    fn platform(&self) -> Platform {
        Platform::new(&self.announcement, self.port)
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    fn end(&self, signal: Signal) {
        let Some(pid) = pid(&self.directory) else { return };
        let _ = kill_process(pid, signal);
        let started = Instant::now();
        while test_kill_process(pid).is_ok() {
            assert!(started.elapsed() < PATIENCE, "the house does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn pid(directory: &Path) -> Option<Pid> {
    Pid::from_raw(fs::read_to_string(directory.join("pid")).ok()?.trim().parse().ok()?)
}

/// `chancery dev`, with nothing of this environment but where programs are.
fn command(data: &Path, port: u16) -> Command {
    let mut command = Command::new(binary());
    command.args(["dev", "--output", "json", "--port", &port.to_string(), "--data"]).arg(data);
    command.env_clear();
    for name in ["PATH", "HOME", "CHANCERY_POSTGRES"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    // Everybody asks the same tenants at once here.
    command.env("CHANCERY_TENANT_RATE", "off");
    // Receivers of webhooks and sources of lookups are on this machine.
    command.env("CHANCERY_EGRESS_ALLOW", "127.0.0.0/8");
    command
}

/// The binary under test: named by `CHANCERY_BINARY`, or beside this one.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("CHANCERY_BINARY") {
        return path.into();
    }
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.push("chancery");
    assert!(path.exists(), "{} is not built: `cargo build --workspace`", path.display());
    path
}
