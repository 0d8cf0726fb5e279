//! Tenants that issue at their pace, whatever else goes on.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::task::LocalSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::flow::{Client, Variant};
use crate::issuer::Address;
use crate::wallet::Key;

/// How often each of them issues.
const EVERY: Duration = Duration::from_millis(100);

/// What came of it.
#[derive(Default)]
pub(crate) struct Worked {
    /// How long each issuance took, from when it was due.
    pub(crate) times: Vec<Duration>,
    /// Why the others did not come about.
    pub(crate) failures: Vec<String>,
}

/// Issues for each tenant as long as it is to go on.
pub(crate) async fn work(
    addresses: &[Address],
    goes_on: impl Fn() -> bool + Clone + 'static,
) -> Result<Worked> {
    let tasks = LocalSet::new();
    let mut working = Vec::new();
    for (number, address) in addresses.iter().enumerate() {
        let mut client = client(address).await?;
        let offset = EVERY / u32::try_from(addresses.len())? * u32::try_from(number)?;
        let (goes_on, address) = (goes_on.clone(), address.clone());
        working.push(tasks.spawn_local(async move {
            sleep(offset).await;
            let mut due = interval(EVERY);
            due.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut worked = Worked::default();
            while goes_on() {
                let due = due.tick().await;
                match client.issue().await {
                    Ok(_) => worked.times.push(due.elapsed()),
                    Err(error) => {
                        worked.failures.push(format!("{error:#}"));
                        client = self::client(&address).await?;
                    }
                }
            }
            anyhow::Ok(worked)
        }));
    }
    tasks.await;
    let mut all = Worked::default();
    for work in working {
        let mut one = work.await.context("wait for a tenant's work")??;
        all.times.append(&mut one.times);
        all.failures.append(&mut one.failures);
    }
    Ok(all)
}

async fn client(address: &Address) -> Result<Client> {
    let keys = (0..16).map(|_| Key::generate()).collect::<Result<_>>()?;
    Client::connect(address, Variant::PLAIN, keys).await
}
