//! One request to the outside and its bounded answer.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chancery_domain::TenantId;
use http::{HeaderMap, Method, StatusCode, header};
use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::dns::Dns;
use super::guard::{Guard, WrongDestination};
use super::places::Places;

/// How many requests are under way at a time, of all tenants and of one.
const MOST_AT_ONCE: usize = 256;
const MOST_OF_ONE: usize = 8;

/// How long anything may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Until there is a connection.
    connect: Duration,
    /// Until the last byte of the answer was read.
    whole: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), whole: Duration::from_secs(10) }
    }
}

/// What a request is for, as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// A tenant is told what happened.
    Webhook,
    /// A source of a tenant's is asked.
    Lookup,
    /// A holder's DID is resolved.
    Did,
    /// A wallet's provider is asked whether it still vouches.
    Status,
    /// An OpenID Provider signs a holder in.
    Provider,
}

impl Reason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Lookup => "lookup",
            Self::Did => "did",
            Self::Status => "status",
            Self::Provider => "provider",
        }
    }
}

/// A request to the outside.
pub(crate) struct Outbound<'a> {
    pub(crate) reason: Reason,
    /// On whose behalf.
    pub(crate) tenant: TenantId,
    pub(crate) method: Method,
    /// As it is kept; it is looked at once more.
    pub(crate) url: &'a str,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// How many bytes of the answer's body are read; more of them are no answer. None are read of who reads none.
    pub(crate) most: usize,
}

/// What came back, whatever its status.
#[derive(Debug)]
pub(crate) struct Inbound {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

/// Why nothing did. What a tenant is told does not tell what is inside: a name that stands for nothing and one that
/// stands for what may not be asked are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failed {
    /// The URL is not one that may be asked.
    #[error("the URL may not be asked: {0}")]
    Destination(#[from] WrongDestination),
    /// There is no address of it that may be asked.
    #[error("the name has no public address")]
    NoAddress,
    /// There is no connection, or it broke, or it is somebody else's.
    #[error("it cannot be reached, or does not prove who it is")]
    Unreachable,
    /// It took too long.
    #[error("it took too long")]
    TimedOut,
    /// It said more than is read, or in a form that is not.
    #[error("its answer is larger, or of another encoding, than is read")]
    TooLarge,
    /// Too many requests are under way; none was made.
    #[error("too many requests are under way")]
    Crowded,
}

impl Failed {
    /// The word for metrics and for people.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Destination(_) => "wrong-destination",
            Self::NoAddress => "no-address",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed-out",
            Self::TooLarge => "too-large",
            Self::Crowded => "crowded",
        }
    }
}

/// The way out.
pub(crate) struct Egress {
    guard: Guard,
    /// For this machine, under development: no certificates to load.
    plain: Client,
    /// For everything else; made when first needed, because it loads the machine's certificates.
    secure: OnceLock<Client>,
    dns: Dns,
    patience: Patience,
    places: Arc<Places>,
}

impl Egress {
    pub(crate) fn new(guard: Guard, dns: Dns, patience: Patience) -> Result<Self, reqwest::Error> {
        let only_here = Resolver { dns: dns.clone(), guard: guard.clone(), only_here: true };
        let plain = builder(patience, only_here).tls_certs_only([]).build()?;
        let places = Places::new(MOST_AT_ONCE, MOST_OF_ONE);
        Ok(Self { guard, plain, secure: OnceLock::new(), dns, patience, places })
    }

    /// What may be asked.
    pub(crate) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Asks, and reads the answer.
    pub(crate) async fn send(&self, request: Outbound<'_>) -> Result<Inbound, Failed> {
        let (reason, began) = (request.reason.as_str(), Instant::now());
        let answered = self.ask(request).await;
        let result = match &answered {
            Ok(inbound) if inbound.status.is_success() => "accepted",
            Ok(_) => "refused",
            Err(failed) => failed.as_str(),
        };
        metrics::counter!("chancery_egress_requests_total", "reason" => reason, "result" => result)
            .increment(1);
        metrics::histogram!("chancery_egress_duration_seconds", "reason" => reason)
            .record(began.elapsed().as_secs_f64());
        answered
    }

    async fn ask(&self, request: Outbound<'_>) -> Result<Inbound, Failed> {
        let url = self.guard.destination(request.url)?;
        let _place = self.places.take(request.tenant).ok_or(Failed::Crowded)?;
        let client = if url.scheme() == "http" { &self.plain } else { self.secure()? };
        let sent = client.request(request.method, url.clone()).headers(request.headers).body(request.body);
        let mut response = sent.send().await.map_err(|error| why(&url, &error))?;
        let mut body = Vec::new();
        if request.most > 0 {
            // Nothing is decompressed: what is small on the wire may be large in memory.
            let is_plain = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
            if !response.headers().get_all(header::CONTENT_ENCODING).iter().all(is_plain) {
                return Err(Failed::TooLarge);
            }
            while let Some(chunk) = response.chunk().await.map_err(|error| why(&url, &error))? {
                if body.len() + chunk.len() > request.most {
                    return Err(Failed::TooLarge);
                }
                body.extend_from_slice(&chunk);
            }
        }
        Ok(Inbound { status: response.status(), body })
    }

    fn secure(&self) -> Result<&Client, Failed> {
        if let Some(client) = self.secure.get() {
            return Ok(client);
        }
        let anywhere = Resolver { dns: self.dns.clone(), guard: self.guard.clone(), only_here: false };
        let client = builder(self.patience, anywhere).https_only(true).build().map_err(|error| {
            tracing::error!(%error, "no certificate authority is known on this machine");
            Failed::Unreachable
        })?;
        Ok(self.secure.get_or_init(|| client))
    }
}

fn builder(patience: Patience, resolver: Resolver) -> reqwest::ClientBuilder {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .http1_only()
        .connect_timeout(patience.connect)
        .timeout(patience.whole)
        // A connection is to an address that passed a moment ago.
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(2)
        .user_agent(concat!("chancery/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(resolver)
}

/// Finds addresses, and lets those pass that may be asked: the connection is made to one of them. There is no
/// second question whose answer could differ.
struct Resolver {
    dns: Dns,
    guard: Guard,
    /// Whether only this machine may be asked: without TLS.
    only_here: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (dns, guard, only_here) = (self.dns.clone(), self.guard.clone(), self.only_here);
        Box::pin(async move {
            let found = dns.addresses(name.as_str()).await;
            let may = |address: &IpAddr| guard.allows(*address) && (!only_here || address.is_loopback());
            // The port is the URL's.
            let pass: Vec<SocketAddr> =
                found.into_iter().filter(may).map(|address| (address, 0).into()).collect();
            if pass.is_empty() {
                return Err(NoAddress.into());
            }
            Ok(Box::new(pass.into_iter()) as Addrs)
        })
    }
}

/// Carried through the client as a cause.
#[derive(Debug)]
struct NoAddress;

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name has no address that may be asked")
    }
}

impl Error for NoAddress {}

fn why(url: &Url, error: &reqwest::Error) -> Failed {
    let mut cause: &dyn Error = error;
    let mut failed = if error.is_timeout() { Failed::TimedOut } else { Failed::Unreachable };
    while let Some(source) = cause.source() {
        if source.is::<NoAddress>() {
            failed = Failed::NoAddress;
        }
        cause = source;
    }
    // The path may hold a secret.
    let host = url.host().map(|host: Host<&str>| host.to_string()).unwrap_or_default();
    tracing::debug!(host, %cause, "the outside gave no answer");
    failed
}

#[cfg(test)]
mod tests;
