//! What plugins did, for Prometheus: by component, never by tenant.

use std::collections::HashSet;

use chancery_engine::Measured;
use parking_lot::Mutex;

/// How many components have series of their own; all others together are `other`.
const MOST: usize = 500;

/// The components that have series of their own.
#[derive(Default)]
pub(super) struct Metered(Mutex<HashSet<[u8; 32]>>);

impl Metered {
    /// Counts a call.
    pub(super) fn count<T>(&self, component: &[u8; 32], call: &Measured<T>) {
        let label = self.label(component);
        metrics::counter!("chancery_plugin_calls_total", "component" => label.clone()).increment(1);
        metrics::counter!("chancery_plugin_fuel_total", "component" => label.clone())
            .increment(call.usage.fuel);
        let microseconds = u64::try_from(call.usage.time.as_micros()).unwrap_or(u64::MAX);
        metrics::counter!("chancery_plugin_microseconds_total", "component" => label.clone())
            .increment(microseconds);
        metrics::histogram!("chancery_plugin_call_seconds").record(call.usage.time);
        if let Err(fault) = &call.answer {
            let kind = fault.kind.code();
            metrics::counter!("chancery_plugin_faults_total", "component" => label, "kind" => kind)
                .increment(1);
        }
    }

    /// The beginning of its digest, by which people name it.
    fn label(&self, component: &[u8; 32]) -> String {
        let mut own = self.0.lock();
        if own.len() < MOST {
            own.insert(*component);
        }
        if own.contains(component) {
            hex::encode(component.get(..6).unwrap_or_default())
        } else {
            "other".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_uploads_much_makes_no_series_without_end() {
        let metered = Metered::default();
        let labels: HashSet<String> = (0..2_000_u32)
            .map(|number| {
                let mut component = [0; 32];
                component[..4].copy_from_slice(&number.to_be_bytes());
                metered.label(&component)
            })
            .collect();
        assert_eq!(labels.len(), MOST + 1);
        assert_eq!(metered.label(&[0; 32]), "000000000000");
    }
}
