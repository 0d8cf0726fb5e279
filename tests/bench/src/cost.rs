//! Processor time and memory of processes, as the kernel counts them.

use std::fs;
use std::iter::Sum;
use std::ops::{Add, Sub};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};

/// Clock ticks per second in `/proc`, the same on every Linux that Rust runs on (`USER_HZ`).
const TICKS: u64 = 100;

/// What one process has used.
#[derive(Debug, Clone, Copy)]
struct Stat {
    parent: u32,
    /// By itself.
    own: Duration,
    /// By its children that ended and were waited for.
    ended: Duration,
}

impl Stat {
    fn of(process: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name, in parentheses, may hold anything; the fields behind it are counted from 3.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let ticks = |one: usize, other: usize| {
            Some(Duration::from_millis((field(one)? + field(other)?) * 1000 / TICKS))
        };
        Some(Self { parent: u32::try_from(field(4)?).ok()?, own: ticks(14, 15)?, ended: ticks(16, 17)? })
    }
}

/// A process and all that descend from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Family(pub(crate) u32);

impl Family {
    /// The family of a process's parent: from a backend to its postmaster.
    pub(crate) fn of_parent(process: u32) -> Result<Self> {
        let stat = Stat::of(process).with_context(|| format!("read the state of process {process}"))?;
        Ok(Self(stat.parent))
    }

    /// Processor time of everybody in the family, those that ended included.
    pub(crate) fn used(self) -> Result<Duration> {
        let mut stats = Vec::new();
        for entry in fs::read_dir("/proc")?.flatten() {
            let process = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            if let Some((process, stat)) = process.and_then(|process| Some((process, Stat::of(process)?))) {
                stats.push((process, stat));
            }
        }
        let head = Stat::of(self.0).with_context(|| format!("read the state of process {}", self.0))?;
        let mut used = head.own + head.ended;
        let mut parents = vec![self.0];
        while let Some(parent) = parents.pop() {
            for (process, stat) in stats.iter().filter(|(_, stat)| stat.parent == parent) {
                used += stat.own + stat.ended;
                parents.push(*process);
            }
        }
        Ok(used)
    }

    /// The children that were started as this: `plugin-runner`, `plugin-compiler`.
    pub(crate) fn children(self, word: &str) -> Vec<Self> {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        numbers
            .filter(|process| Stat::of(*process).is_some_and(|stat| stat.parent == self.0))
            .filter(|process| {
                let line = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
                line.split('\0').nth(1) == Some(word)
            })
            .map(Self)
            .collect()
    }

    /// Memory of the head of the family.
    pub(crate) fn memory(self) -> Result<Memory> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let kib = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.trim().parse().ok()
        };
        Ok(Memory {
            resident: kib("VmRSS:").context("read VmRSS")?,
            anonymous: kib("RssAnon:").context("read RssAnon")?,
            shared: kib("RssShmem:").context("read RssShmem")?,
            most: kib("VmHWM:").context("read VmHWM")?,
        })
    }
}

/// Resident memory in KiB.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    /// All of it, the mapped program included.
    pub(crate) resident: u64,
    /// What the process allocated.
    pub(crate) anonymous: u64,
    /// Of files in memory.
    pub(crate) shared: u64,
    /// The most that was resident at any time.
    pub(crate) most: u64,
}

impl Sum for Memory {
    fn sum<I: Iterator<Item = Self>>(each: I) -> Self {
        each.fold(Self::default(), |all, one| Self {
            resident: all.resident + one.resident,
            anonymous: all.anonymous + one.anonymous,
            shared: all.shared + one.shared,
            most: all.most + one.most,
        })
    }
}

/// The three whose costs are told apart, at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    pub(crate) server: Duration,
    pub(crate) database: Duration,
    pub(crate) driver: Duration,
}

impl Add for Used {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            server: self.server + other.server,
            database: self.database + other.database,
            driver: self.driver + other.driver,
        }
    }
}

impl Sub for Used {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            server: self.server.saturating_sub(earlier.server),
            database: self.database.saturating_sub(earlier.database),
            driver: self.driver.saturating_sub(earlier.driver),
        }
    }
}

/// Processor time of this process so far, to the nanosecond.
pub(crate) fn own() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), nanoseconds)
}
