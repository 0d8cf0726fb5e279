//! The embedded cluster: started, stopped, killed, crowded and out of date.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chancery_store::embedded::{BinarySearch, EmbeddedError, find_binaries};
use chancery_store::{By, Cluster, ImportedKey, KeyState, PoolSize, SigningKeyName, Store, Urls};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use sqlx::{Connection as _, PgConnection};

use crate::database::{claim_directory, one, open_up, run, search};
use crate::support::{key, new_tenant};

/// A directory for one test, gone with it.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("chancery-cluster-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        open_up(&path);
        Self(path)
    }

    fn postmaster(&self) -> Option<Pid> {
        let content = fs::read_to_string(self.0.join("postgres/postmaster.pid")).ok()?;
        Pid::from_raw(content.lines().next()?.parse().ok()?)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn start(home: &Home) -> Cluster {
    Cluster::start_scratch(&home.0, &search()).await.unwrap()
}

async fn connect(cluster: &Cluster) -> PgConnection {
    PgConnection::connect(cluster.admin_url()).await.unwrap()
}

async fn eventually(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < within, "{what}: not within {within:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn lives(pid: Pid) -> bool {
    // A zombie whose parent is this process lives no more.
    let status = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    test_kill_process(pid).is_ok() && !status.contains(") Z ")
}

#[tokio::test]
async fn a_cluster_starts_keeps_what_was_written_and_stops() {
    let home = Home::new("life");
    let cluster = Cluster::start(&home.0, &search()).await.unwrap();
    let mut admin = connect(&cluster).await;
    for (setting, value) in [
        ("listen_addresses", ""),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
        ("wal_recycle", "off"),
        ("fsync", "on"),
        ("password_encryption", "scram-sha-256"),
    ] {
        let found: String = one(&mut admin, &format!("select current_setting('{setting}')")).await;
        assert_eq!(found, value, "{setting}");
    }
    run(&mut admin, "create table kept as select 42 as answer").await;
    let postmaster = home.postmaster().unwrap();
    cluster.stop().await;
    assert!(!lives(postmaster));
    assert_eq!(home.postmaster(), None, "it was shut down, not killed");

    let cluster = start(&home).await;
    let answer: i32 = one(&mut connect(&cluster).await, "select answer from kept").await;
    assert_eq!(answer, 42);
    cluster.stop().await;
}

#[tokio::test]
async fn the_socket_lies_where_only_its_owner_enters_and_strangers_need_a_password() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = Home::new("door");
    let cluster = start(&home).await;
    let run_directory = home.0.join("postgres-run");
    assert_eq!(fs::metadata(&run_directory).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(run_directory.join(".s.PGSQL.5432").exists());
    run(&mut connect(&cluster).await, "create role stranger login password 'right'").await;
    let as_stranger = |password| cluster.admin_url().replace("chancery@", &format!("stranger:{password}@"));
    assert!(PgConnection::connect(&as_stranger("wrong")).await.is_err());
    assert!(PgConnection::connect(&as_stranger("right")).await.is_ok());
    cluster.stop().await;
}

#[tokio::test]
async fn a_dropped_cluster_stops_too() {
    let home = Home::new("dropped");
    let cluster = start(&home).await;
    let postmaster = home.postmaster().unwrap();
    drop(cluster);
    eventually("the postmaster stops", Duration::from_secs(10), || !lives(postmaster)).await;
}

#[tokio::test]
async fn a_postmaster_that_dies_is_started_again() {
    let home = Home::new("crash");
    let cluster = start(&home).await;
    run(&mut connect(&cluster).await, "create table kept as select 42 as answer").await;
    let first = home.postmaster().unwrap();
    kill_process(first, Signal::KILL).unwrap();
    eventually("another postmaster", Duration::from_secs(20), || {
        home.postmaster().is_some_and(|pid| pid != first)
    })
    .await;
    let started = Instant::now();
    let mut admin = loop {
        match PgConnection::connect(cluster.admin_url()).await {
            Ok(admin) => break admin,
            Err(error) => assert!(started.elapsed() < Duration::from_secs(20), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let answer: i32 = one(&mut admin, "select answer from kept").await;
    assert_eq!(answer, 42);
    cluster.stop().await;
}

/// Not a test: the host that the tests below kill. It says when it is up, and waits.
#[tokio::test]
#[ignore = "a host for other tests, which run it as a process of its own"]
async fn a_host() {
    let Some(home) = std::env::var_os("CHANCERY_TEST_HOST") else { return };
    let home = PathBuf::from(home);
    let cluster = Cluster::start(&home, &search()).await.unwrap();
    run(
        &mut connect(&cluster).await,
        "create table if not exists kept (answer int); insert into kept values (42)",
    )
    .await;
    fs::write(home.join("up"), "").unwrap();
    std::future::pending::<()>().await;
}

/// A host in a process of its own, which is up.
async fn host(home: &Home) -> Child {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["embedded::a_host", "--exact", "--ignored", "--nocapture"])
        .env("CHANCERY_TEST_HOST", &home.0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let up = home.0.join("up");
    eventually("the host is up", Duration::from_secs(30), || up.exists()).await;
    fs::remove_file(up).unwrap();
    child
}

async fn finds_what_the_host_wrote(home: &Home) {
    let cluster = start(home).await;
    let answers: i64 = one(&mut connect(&cluster).await, "select count(*) from kept").await;
    assert_eq!(answers, 1);
    cluster.stop().await;
}

#[tokio::test]
async fn a_cluster_stops_when_its_host_is_killed() {
    let home = Home::new("killed");
    let mut host = host(&home).await;
    let postmaster = home.postmaster().unwrap();
    host.kill().unwrap();
    host.wait().unwrap();
    eventually("the postmaster stops", Duration::from_secs(10), || !lives(postmaster)).await;
    finds_what_the_host_wrote(&home).await;
}

#[tokio::test]
async fn a_cluster_that_outlived_host_and_watcher_is_taken_over() {
    let home = Home::new("orphan");
    let mut host = host(&home).await;
    let postmaster = home.postmaster().unwrap();
    let watcher = watcher_of(postmaster);
    kill_process(watcher, Signal::KILL).unwrap();
    host.kill().unwrap();
    host.wait().unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(lives(postmaster), "nobody was left to stop it");
    finds_what_the_host_wrote(&home).await;
    assert!(!lives(postmaster));
}

#[tokio::test]
async fn a_cluster_recovers_when_everything_was_killed() {
    let home = Home::new("crashed");
    let mut host = host(&home).await;
    let postmaster = home.postmaster().unwrap();
    kill_process(watcher_of(postmaster), Signal::KILL).unwrap();
    host.kill().unwrap();
    host.wait().unwrap();
    kill_process(postmaster, Signal::KILL).unwrap();
    finds_what_the_host_wrote(&home).await;
}

/// The process that waits for the host's end on behalf of that postmaster.
fn watcher_of(postmaster: Pid) -> Pid {
    let watched = postmaster.as_raw_nonzero().to_string();
    let found = fs::read_dir("/proc").unwrap().find_map(|entry| {
        let entry = entry.unwrap();
        let command = fs::read(entry.path().join("cmdline")).ok()?;
        let mut words = command.split(|byte| *byte == 0);
        let is_watcher =
            words.any(|word| word == b"chancery-watch") && words.next() == Some(watched.as_bytes());
        is_watcher.then(|| entry.file_name().to_str().unwrap().parse().unwrap())
    });
    Pid::from_raw(found.expect("there is a watcher")).unwrap()
}

#[tokio::test]
async fn a_second_host_waits_for_the_first_to_let_go() {
    let home = Home::new("two");
    let first = start(&home).await;
    run(&mut connect(&first).await, "create table kept as select 42 as answer").await;
    let directory = home.0.clone();
    let second = tokio::spawn(async move { Cluster::start_scratch(&directory, &search()).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!second.is_finished());
    connect(&first).await;
    first.stop().await;
    let second = second.await.unwrap().unwrap();
    let answer: i32 = one(&mut connect(&second).await, "select answer from kept").await;
    assert_eq!(answer, 42);
    second.stop().await;
}

#[tokio::test]
async fn a_directory_that_is_not_let_go_is_in_use() {
    let home = Home::new("crowded");
    let first = start(&home).await;
    tokio::time::pause(); // the wait passes in no time
    let error = Cluster::start_scratch(&home.0, &search()).await.unwrap_err();
    tokio::time::resume();
    assert!(matches!(&error, EmbeddedError::InUse(path) if *path == home.0), "{error:?}");
    first.stop().await;
}

#[tokio::test]
async fn a_cluster_of_another_major_version_is_not_touched() {
    let home = Home::new("version");
    fs::create_dir(home.0.join("postgres")).unwrap();
    fs::write(home.0.join("postgres/PG_VERSION"), "14\n").unwrap();
    let error = Cluster::start_scratch(&home.0, &search()).await.unwrap_err();
    assert!(matches!(error, EmbeddedError::VersionMismatch { cluster: 14, .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("open the cluster of PostgreSQL 14 in "), "{text}");
}

#[tokio::test]
async fn an_interrupted_initdb_leaves_no_half_cluster() {
    let home = Home::new("half");
    fs::create_dir(home.0.join("postgres.unfinished")).unwrap();
    fs::write(home.0.join("postgres.unfinished/PG_VERSION"), "15\n").unwrap();
    start(&home).await.stop().await;
    assert!(!home.0.join("postgres.unfinished").exists());
}

#[tokio::test]
async fn a_long_path_gets_a_short_socket() {
    let home = Home::new("long");
    let deep = home.0.join("a".repeat(120));
    fs::create_dir(&deep).unwrap();
    open_up(&deep);
    let cluster = Cluster::start_scratch(&deep, &search()).await.unwrap();
    connect(&cluster).await;
    assert!(!deep.join("postgres-run/.s.PGSQL.5432").exists());
    cluster.stop().await;
}

#[tokio::test]
async fn a_data_directory_that_postgresql_cannot_reach_is_no_obstacle() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = Home::new("closed");
    fs::set_permissions(&home.0, fs::Permissions::from_mode(0o700)).unwrap();
    let cluster = start(&home).await;
    connect(&cluster).await;
    let moved = !home.0.join("postgres").exists();
    assert_eq!(moved, rustix::process::geteuid().is_root(), "it moves only when another user runs it");
    let admin_url = cluster.admin_url().to_owned();
    cluster.stop().await;
    if moved {
        let (_, socket) = admin_url.split_once("host=").unwrap();
        let socket = PathBuf::from(socket.replace("%2F", "/"));
        fs::remove_dir_all(socket.parent().unwrap()).unwrap();
    }
}

#[tokio::test]
async fn without_postgresql_the_error_says_where_it_was_looked_for() {
    let home = Home::new("nothing");
    let nowhere = BinarySearch { directory: Some(home.0.clone()), path: None };
    assert_eq!(find_binaries(&nowhere), None);
    let error = Cluster::start_scratch(&home.0, &nowhere).await.unwrap_err();
    assert_eq!(error.to_string(), format!("find PostgreSQL 15 or later in {}", home.0.display()));
}

#[test]
fn a_link_on_the_path_leads_to_the_real_directory() {
    let real = find_binaries(&search()).expect("PostgreSQL is installed");
    assert!(real.join("initdb").is_file());
    let (directory, _claim) = claim_directory();
    let links = directory.join("links");
    let _ = fs::remove_dir_all(&links);
    fs::create_dir(&links).unwrap();
    std::os::unix::fs::symlink(real.join("postgres"), links.join("postgres")).unwrap();
    let path = Some(std::env::join_paths([Path::new("/nowhere"), &links]).unwrap());
    let found = find_binaries(&BinarySearch { directory: None, path }).unwrap();
    assert_eq!(fs::canonicalize(found).unwrap(), fs::canonicalize(real).unwrap());
}

/// Whether the bytes occur in any file below the directory.
fn occurs(bytes: &[u8], directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(occurs(bytes, &path));
        } else if path.is_file()
            && fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes)
        {
            found.push(path);
        }
    }
    found
}

/// With the cluster stopped, so that whatever it wrote is in its place.
#[tokio::test]
async fn what_was_shredded_is_in_no_file_of_the_cluster() {
    let home = Home::new("shred");
    let cluster = Cluster::start(&home.0, &search()).await.unwrap();
    let passwords = crate::database::passwords();
    Store::migrate(cluster.admin_url(), &passwords).await.unwrap();
    let urls = Urls::serving(cluster.admin_url(), &passwords).unwrap();
    let store = Store::open(&urls, PoolSize::default()).await.unwrap();
    let canary = |what: &str| format!("{what} CANARY 5f1d0c3e9b7a4826");
    let (seed, data_key, imported) = (canary("seed"), canary("data key"), canary("imported"));
    let mut new = new_tenant("gone");
    new.tenant.name = canary("name");
    new.sealed_seed = seed.clone().into_bytes();
    new.sealed_data_key = data_key.clone().into_bytes();
    new.keys.push(key(1, KeyState::Active));
    let mut provision = store.provision().await.unwrap();
    assert!(provision.register(&new).await.unwrap());
    provision.commit().await.unwrap();
    for number in 0..80 {
        // Company, so that the planner has something to sample.
        let mut provision = store.provision().await.unwrap();
        assert!(provision.register(&new_tenant(&format!("stays-{number}"))).await.unwrap());
        provision.commit().await.unwrap();
    }
    let name = SigningKeyName { key_use: "credential".to_owned(), algorithm: "ES256".to_owned(), version: 1 };
    let mut tx = store.tenant(new.tenant.id).await.unwrap();
    tx.keep_imported_key(&ImportedKey { name, sealed: imported.clone().into_bytes() }).await.unwrap();
    tx.commit().await.unwrap();
    let mut admin = connect(&cluster).await;
    run(&mut admin, "vacuum analyze").await;
    run(&mut admin, "checkpoint").await;
    let database = home.0.join("postgres");
    for secret in [&seed, &data_key, &imported, &new.tenant.name] {
        assert!(!occurs(secret.as_bytes(), &database).is_empty(), "the search works");
    }

    let mut tx = store.tenant(new.tenant.id).await.unwrap();
    assert!(tx.bury(&[]).await.unwrap());
    while tx.wipe().await.unwrap() > 0 {}
    tx.commit().await.unwrap();
    let mut tx = store.platform(By::Operator).await.unwrap();
    tx.tombstone(new.tenant.id).await.unwrap();
    tx.commit().await.unwrap();
    cluster.shredder().shred().await.unwrap();
    let left = |when: &str| {
        for secret in [&seed, &data_key, &imported, &new.tenant.name] {
            assert_eq!(occurs(secret.as_bytes(), &database), [] as [PathBuf; 0], "{secret}, {when}");
        }
    };
    left("while it runs");
    drop((admin, store));
    cluster.stop().await;
    left("once it stopped");
}
