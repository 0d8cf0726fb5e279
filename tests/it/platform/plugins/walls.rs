//! What the processes that compile and run plugins may do: what the kernel says of those of a server that serves

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use chancery_tests::House;
use chancery_tests::people::{Plugin, badge};
use rustix::process::{Pid, Signal, geteuid, kill_process};

/// What the kernel says of a process, as long as it is there.
#[derive(Debug, Default)]
struct Confined {
    seccomp: String,
    filters: usize,
    no_new_privileges: String,
    owners: Vec<String>,
    capabilities: String,
    niceness: i32,
    limits: Vec<(String, String)>,
    /// What is open and the environment; none where even its user may not look.
    open: Option<Vec<String>>,
    environment: Option<String>,
}

impl Confined {
    fn of(process: i32) -> Option<Self> {
        let read = |name: &str| fs::read_to_string(format!("/proc/{process}/{name}")).ok();
        let (status, limits) = (read("status")?, read("limits")?);
        let line = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_default().trim().to_owned()
        };
        let hard = |name: &str| {
            let rest = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            (name.to_owned(), rest.split_whitespace().nth(1).unwrap_or_default().to_owned())
        };
        let open = fs::read_dir(format!("/proc/{process}/fd")).ok().map(|open| {
            let to = open.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
            to.map(|to| to.to_string_lossy().into_owned()).collect()
        });
        let stat = read("stat")?;
        let niceness = stat.rsplit(')').next()?.split_whitespace().nth(16)?.parse().ok()?;
        Some(Self {
            seccomp: line("Seccomp"),
            filters: line("Seccomp_filters").parse().unwrap_or_default(),
            no_new_privileges: line("NoNewPrivs"),
            owners: line("Uid").split_whitespace().map(str::to_owned).collect(),
            capabilities: line("CapEff"),
            niceness,
            limits: [
                "Max open files",
                "Max core file size",
                "Max file size",
                "Max data size",
                "Max address space",
                "Max cpu time",
            ]
            .map(hard)
            .to_vec(),
            open,
            environment: read("environ"),
        })
    }

    #[track_caller]
    fn check(&self, few: usize) {
        assert_eq!((self.seccomp.as_str(), self.no_new_privileges.as_str()), ("2", "1"), "{self:?}");
        // Kernels before 5.9 do not count them.
        assert!(self.filters == 0 || self.filters >= 3, "{self:?}");
        if geteuid().is_root() {
            assert_eq!(self.owners, ["65534"; 4]);
        }
        assert_eq!(self.capabilities.trim_start_matches('0'), "", "{self:?}");
        for (limit, most) in [
            ("Max open files", "64"),
            ("Max core file size", "0"),
            ("Max file size", "0"),
            ("Max data size", "1073741824"),
        ] {
            assert!(self.limits.contains(&(limit.to_owned(), most.to_owned())), "{limit}: {self:?}");
        }
        let open = self.open.iter().flatten();
        let own = ["socket:", "pipe:", "/dev/null", "anon_inode:[event", "/proc/"];
        assert!(open.clone().all(|to| own.iter().any(|own| to.starts_with(own))), "{self:?}");
        assert!(open.count() <= few, "{self:?}");
        let environment = self.environment.as_deref().unwrap_or_default();
        let named = environment.split('\0').filter(|variable| !variable.is_empty());
        assert!(named.clone().all(|variable| variable.starts_with("MIMALLOC_")), "{environment}");
    }
}

#[tokio::test]
async fn every_runner_of_a_server_is_behind_its_walls() {
    let house = House::start();
    let acme = house.acme();
    acme.wallet().claim(&acme.issuer().offer(badge()).await).await;
    let runners = house.children("plugin-runner");
    assert!(!runners.is_empty());
    for runner in runners {
        let confined = Confined::of(runner).unwrap();
        confined.check(12);
        // The server's, however often it is open, and two between itself and itself.
        let sockets: BTreeSet<&String> =
            confined.open.iter().flatten().filter(|to| to.starts_with("socket:")).collect();
        assert!(sockets.len() <= 3, "{confined:?}");
    }
}

#[tokio::test]
async fn a_compiler_of_a_server_is_behind_its_walls_before_it_reads() {
    let house = House::start();
    let issuer = house.acme().issuer();
    let upload = tokio::spawn(async move { issuer.upload(&Plugin::next_badge()).await });
    let (began, mut seen) = (Instant::now(), None);
    // It is confined as soon as it begins, and gone when it is done: it is held wherever it is met.
    while seen.is_none() && began.elapsed() < Duration::from_mins(1) && !upload.is_finished() {
        for compiler in house.children("plugin-compiler") {
            let Some(process) = Pid::from_raw(compiler) else { continue };
            if kill_process(process, Signal::STOP).is_ok() {
                seen =
                    Confined::of(compiler).filter(|confined| confined.filters > 2 || confined.seccomp == "2");
                let _ = kill_process(process, Signal::CONT);
            }
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    upload.await.unwrap().is(201);
    let confined = seen.expect("a compiler that is behind its walls");
    confined.check(6);
    for (limit, most) in [("Max address space", "1073741824"), ("Max cpu time", "30")] {
        assert!(confined.limits.contains(&(limit.to_owned(), most.to_owned())), "{confined:?}");
    }
    assert!(confined.niceness >= 10, "{confined:?}");
}
