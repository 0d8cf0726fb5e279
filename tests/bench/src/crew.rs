//! A number of clients that issue at the same time, until a number of issuances is reached.

use std::cell::Cell;
use std::rc::Rc;

use anyhow::{Context as _, Result};
use tokio::task::LocalSet;

use crate::flow::{Client, Times, Variant};
use crate::issuer::Address;
use crate::wallet::Key;

/// Keys of each client; made before anything is measured.
const KEYS: usize = 16;

/// Clients that are connected, one for each concurrent issuance.
pub(crate) struct Crew {
    clients: Vec<Client>,
}

impl Crew {
    pub(crate) async fn connect(address: &Address, variant: Variant, size: usize) -> Result<Self> {
        Self::of(std::iter::repeat_n(address, size), variant).await
    }

    /// One client for each of these.
    pub(crate) async fn of(addresses: impl Iterator<Item = &Address>, variant: Variant) -> Result<Self> {
        let mut clients = Vec::new();
        for address in addresses {
            let keys = (0..KEYS).map(|_| Key::generate()).collect::<Result<_>>()?;
            clients.push(Client::connect(address, variant, keys).await?);
        }
        Ok(Self { clients })
    }

    /// One issuance of every client.
    pub(crate) async fn issue_each(&mut self) -> Result<Vec<Times>> {
        let tasks = LocalSet::new();
        let working: Vec<_> = self
            .clients
            .drain(..)
            .map(|mut client| tasks.spawn_local(async move { anyhow::Ok((client.issue().await?, client)) }))
            .collect();
        tasks.await;
        let mut all = Vec::with_capacity(working.len());
        for work in working {
            let (times, client) = work.await.context("wait for a client")??;
            self.clients.push(client);
            all.push(times);
        }
        Ok(all)
    }

    /// `count` issuances, and how long their requests took.
    pub(crate) async fn issue(&mut self, count: usize) -> Result<Vec<Times>> {
        let left = Rc::new(Cell::new(count));
        let tasks = LocalSet::new();
        let mut working = Vec::with_capacity(self.clients.len());
        for mut client in self.clients.drain(..) {
            let left = Rc::clone(&left);
            working.push(tasks.spawn_local(async move {
                let mut all = Vec::new();
                while let Some(rest) = left.get().checked_sub(1) {
                    left.set(rest);
                    all.push(client.issue().await?);
                }
                anyhow::Ok((client, all))
            }));
        }
        tasks.await;
        let mut times = Vec::with_capacity(count);
        for work in working {
            let (client, mut more) = work.await.context("wait for a client")??;
            self.clients.push(client);
            times.append(&mut more);
        }
        Ok(times)
    }
}
