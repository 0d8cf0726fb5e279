//! What no implementation of the flow can leave out: its transactions, its requests, its signatures and
//! its plugin calls, each measured alone and in the same run.

mod primitives;
mod transactions;

use std::time::Duration;

use serde_json::{Value, json};

pub(crate) use primitives::{Primitives, primitives};
pub(crate) use transactions::{Transactions, transactions};

use crate::flow::{Flow, Variant};
use crate::measure::{ms, rounded};

/// Plugin calls of an issuance: one tells the manager what is wrong with an offer, one makes the dataset.
const PLUGIN_CALLS: u32 = 2;

/// The parts, and how many of each an issuance needs.
pub(crate) struct Floor {
    pub(crate) transactions: Transactions,
    /// Of the server, for a request that does nothing.
    pub(crate) request: Duration,
    pub(crate) requests: u32,
    pub(crate) primitives: Primitives,
    pub(crate) variant: Variant,
}

impl Floor {
    /// The key proofs; with `DPoP` one at each endpoint that takes a token or gives one.
    fn verifications(&self) -> u32 {
        let Variant { dpop, flow, .. } = self.variant;
        let bound = if dpop { 2 + u32::from(flow == Flow::Code) } else { 0 };
        self.copies() + bound
    }

    fn copies(&self) -> u32 {
        u32::try_from(self.variant.copies).unwrap_or(u32::MAX)
    }

    /// Milliseconds of processor time, server and PostgreSQL together.
    pub(crate) fn total(&self) -> f64 {
        let parts = self.transactions.database
            + self.transactions.client
            + self.request * self.requests
            + self.primitives.signature * self.copies()
            + self.primitives.verification * self.verifications()
            + self.primitives.plugin_call * PLUGIN_CALLS;
        ms(parts)
    }

    pub(crate) fn document(&self) -> Value {
        let part = |count: u32, one: Duration| json!({ "count": count, "cpu_ms_each": rounded(ms(one)), "cpu_ms": rounded(ms(one * count)) });
        json!({
            "cpu_ms_per_issuance": rounded(self.total()),
            "transactions": {
                "count": self.transactions.count,
                "round_trips": self.transactions.round_trips,
                "postgresql_cpu_ms": rounded(ms(self.transactions.database)),
                "client_cpu_ms": rounded(ms(self.transactions.client)),
            },
            "empty_requests": part(self.requests, self.request),
            "signatures": part(self.copies(), self.primitives.signature),
            "verifications": part(self.verifications(), self.primitives.verification),
            "plugin_calls": part(PLUGIN_CALLS, self.primitives.plugin_call),
        })
    }
}
