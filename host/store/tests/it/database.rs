//! A fresh, migrated database for every test.
//!
//! Clusters outlive the test process: it takes the first directory that nobody else holds, so that
//! neither a parallel run nor a killed one stands in the way and `initdb` is rarely needed.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use chancery_store::embedded::BinarySearch;
use chancery_store::{Cluster, PoolSize, RolePasswords, Store, Urls, migrate};
use rustix::fs::{FlockOperation, flock};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, raw_sql};
use tokio::sync::oneshot;

const TEMPLATE: &str = "migrated";

/// A database of its own, with every migration applied.
pub(crate) struct Database {
    pub(crate) admin_url: String,
    pub(crate) urls: Urls,
}

pub(crate) fn passwords() -> RolePasswords {
    RolePasswords { tenant: "tenantsecret".to_owned(), platform: "platformsecret".to_owned() }
}

pub(crate) fn search() -> BinarySearch {
    BinarySearch { directory: None, path: std::env::var_os("PATH") }
}

impl Database {
    /// A copy of the migrated template.
    pub(crate) async fn fresh() -> Self {
        Self::copy_of(TEMPLATE).await
    }

    /// No schema at all.
    pub(crate) async fn empty() -> Self {
        Self::copy_of("template0").await
    }

    async fn copy_of(template: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let cluster = cluster().await;
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut admin = PgConnection::connect(cluster).await.unwrap();
        run(&mut admin, &format!("create database {name} template {template}")).await;
        let admin_url = of_database(cluster, &name);
        let urls = Urls::serving(&admin_url, &passwords()).unwrap();
        Self { admin_url, urls }
    }

    pub(crate) async fn store(&self) -> Store {
        Store::open(&self.urls, PoolSize::default()).await.unwrap()
    }

    /// As superuser, whom row-level security does not concern.
    pub(crate) async fn admin(&self) -> PgConnection {
        let mut admin = PgConnection::connect(&self.admin_url).await.unwrap();
        run(&mut admin, "set search_path = chancery").await;
        admin
    }

    /// As a serving role, outside the store.
    pub(crate) async fn serving(&self) -> PgConnection {
        PgConnection::connect(&self.urls.tenant).await.unwrap()
    }
}

/// Executes SQL that must succeed.
pub(crate) async fn run(connection: &mut PgConnection, sql: &str) {
    if let Err(error) = raw_sql(AssertSqlSafe(sql)).execute(connection).await {
        panic!("{error}\nin: {sql}");
    }
}

/// The one value that a query yields.
pub(crate) async fn one<T>(connection: &mut PgConnection, sql: &str) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(connection).await.unwrap()
}

fn of_database(url: &str, name: &str) -> String {
    let (before, after) = url.split_once("/chancery?").unwrap();
    format!("{before}/{name}?{after}")
}

/// The admin URL of this process's cluster, which is started by whoever comes first.
async fn cluster() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    static STARTING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _starting = STARTING.lock().await;
    if let Some(url) = URL.get() {
        return url;
    }
    let (started, url) = oneshot::channel();
    // A runtime of its own: those of the tests end with them.
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.unwrap().block_on(async {
            let (directory, _claim) = claim_directory();
            let cluster = Cluster::start_scratch(&directory, &search()).await.unwrap();
            prepare(cluster.admin_url()).await;
            started.send(cluster.admin_url().to_owned()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let url = url.await.expect("the cluster starts");
    URL.get_or_init(|| url)
}

/// A directory for a cluster that no other process uses; it is ours as long as the file is open.
pub(crate) fn claim_directory() -> (PathBuf, File) {
    let root = std::env::temp_dir().join("chancery-store-tests");
    fs::create_dir_all(&root).unwrap();
    for number in 0.. {
        let directory = root.join(number.to_string());
        fs::create_dir_all(&directory).unwrap();
        // PostgreSQL may run as another user.
        open_up(&directory);
        let file = OpenOptions::new().create(true).append(true).open(directory.join("claim")).unwrap();
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return (directory, file);
        }
    }
    unreachable!("numbers do not end")
}

pub(crate) fn open_up(directory: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Drops what an earlier process left and makes the template anew.
async fn prepare(cluster: &str) {
    let mut admin = PgConnection::connect(cluster).await.unwrap();
    let left: Vec<String> = sqlx::query_scalar(
        "select datname::text from pg_database where datname like 'test\\_%' or datname = 'migrated'",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    for name in left {
        run(&mut admin, &format!("drop database {name} with (force)")).await;
    }
    for role in ["chancery_tenant", "chancery_platform"] {
        run(
            &mut admin,
            &format!(
                "do $$ begin if exists (select from pg_roles where rolname = '{role}') then
            alter role {role} nosuperuser nobypassrls nocreaterole nocreatedb; end if; end $$"
            ),
        )
        .await;
    }
    run(&mut admin, &format!("create database {TEMPLATE} template template0")).await;
    migrate::migrate(&of_database(cluster, TEMPLATE), &passwords(), None).await.unwrap();
}
