//! Runners that are killed, all at once: how long nobody answers in their place.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::flow::{CONFIGURATION, subject};
use crate::issuer::{Address, Server};
use crate::manager::Manager;
use crate::measure::{milliseconds, ms};

/// For how long a call is tried.
const PATIENCE: Duration = Duration::from_secs(10);

/// From each end to the next call that was answered.
pub(super) struct Restarts {
    times: Vec<Duration>,
    failed_calls: u32,
}

pub(super) async fn measure(server: &Server, address: &Address, count: usize) -> Result<Restarts> {
    let offer = json!({ "credentials": [{ "configuration_id": CONFIGURATION, "subject": subject() }] });
    let mut manager = Manager::at(address).await?;
    manager.ask("POST", "/offers", &offer).await?;
    let mut restarts = Restarts { times: Vec::new(), failed_calls: 0 };
    for _ in 0..count {
        let runners = server.processes().children("plugin-runner");
        ensure!(!runners.is_empty(), "there is no runner");
        let began = Instant::now();
        for runner in runners {
            let process = i32::try_from(runner.0).ok().and_then(Pid::from_raw).context("name a runner")?;
            kill_process(process, Signal::KILL)?;
        }
        while manager.try_to("POST", "/offers", &offer).await?.status != 201 {
            restarts.failed_calls += 1;
            ensure!(began.elapsed() < PATIENCE, "there is no other runner");
        }
        restarts.times.push(began.elapsed());
        sleep(Duration::from_millis(300)).await;
    }
    Ok(restarts)
}

impl Restarts {
    /// The longest, in milliseconds.
    pub(super) fn most(&self) -> Option<f64> {
        self.times.iter().max().map(|most| ms(*most))
    }

    pub(super) fn document(&self) -> Value {
        json!({
            "killed": self.times.len(),
            "next_answer_ms": milliseconds(self.times.clone()),
            "longest_ms": self.most(),
            "calls_that_failed_meanwhile": self.failed_calls,
        })
    }
}
