//! What a name's TXT records say, and its addresses.

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{Resolver, TokioResolver};

/// At most so many records of a name are read; a record beyond them proves nothing.
const MOST_RECORDS: usize = 32;

/// Asks the DNS.
#[derive(Clone)]
pub(crate) struct Dns(TokioResolver);

/// What the DNS says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// These texts, possibly none.
    Texts(Vec<String>),
    /// Nothing that could be believed.
    Nothing(String),
}

impl Dns {
    /// Asks the given server, or those that the machine is configured for.
    pub(crate) fn of(server: Option<SocketAddr>) -> Result<Self, String> {
        let builder = match server {
            Some(address) => {
                let mut server = NameServerConfig::udp_and_tcp(address.ip());
                for connection in &mut server.connections {
                    connection.port = address.port();
                }
                let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
                Resolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
            None => Resolver::builder_tokio().map_err(|error| error.to_string())?,
        };
        let mut options = ResolverOpts::default();
        // A record that was put right a moment ago is to be seen.
        options.cache_size = 0;
        options.attempts = 2;
        builder.with_options(options).build().map(Self).map_err(|error| error.to_string())
    }

    /// The addresses of a name, which is taken as it is; none if it has none, or nobody says.
    pub(super) async fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let found = self.0.lookup_ip(format!("{}.", name.trim_end_matches('.'))).await;
        found.map(|found| found.iter().take(MOST_RECORDS).collect()).unwrap_or_default()
    }

    /// The TXT records of a name, which is taken as it is: no search list applies.
    pub(crate) async fn texts(&self, name: &str) -> Found {
        match self.0.lookup(format!("{name}."), RecordType::TXT).await {
            Ok(lookup) => {
                let texts = lookup.answers().iter().filter_map(|record| match &record.data {
                    RData::TXT(text) => {
                        let bytes: Vec<u8> = text.txt_data.iter().flatten().copied().collect();
                        Some(String::from_utf8_lossy(&bytes).into_owned())
                    }
                    _ => None,
                });
                Found::Texts(texts.take(MOST_RECORDS).collect())
            }
            Err(error) if error.is_no_records_found() || error.is_nx_domain() => Found::Texts(Vec::new()),
            Err(error) => Found::Nothing(error.to_string()),
        }
    }
}
