//! What a proxy says of a client, heard only from the proxies that the operator trusts.
//!
//! Anybody can write `X-Forwarded-*`. From anywhere else these headers are as if they had not come; `Forwarded`
//! (RFC 7239) and all their relatives are read from nobody.

use std::net::IpAddr;

use axum::extract::Request;
use http::{HeaderMap, header};
use ipnet::IpNet;

/// The proxies whose word counts.
pub(crate) struct Proxies(Vec<IpNet>);

/// How a client asked, as far as it can be known.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The host that it meant, as it came; none if it named none or several.
    pub(crate) host: Option<String>,
    /// Where it is; none if all that is known is where a proxy is.
    pub(crate) address: Option<IpAddr>,
    /// Whether what it sent could be read by others on its way to the proxy.
    pub(crate) in_clear: bool,
}

impl Proxies {
    pub(crate) fn new(trusted: Vec<IpNet>) -> Self {
        Self(trusted)
    }

    /// How the request was asked that came over a connection from `peer`.
    pub(crate) fn ask(&self, peer: Option<IpAddr>, request: &Request) -> Asked {
        let headers = request.headers();
        let peer = peer.map(|peer| peer.to_canonical());
        if !peer.is_some_and(|peer| self.trust(peer)) {
            // Who runs behind a proxy and does not name it would take it for the one client that there is.
            let address = peer.filter(|_| !self.0.is_empty());
            return Asked { host: host(request), address, in_clear: false };
        }
        let host = match the_one(headers, X_FORWARDED_HOST) {
            Told::Nothing => host(request),
            Told::This(host) => Some(host.to_owned()),
            Told::Nonsense => None,
        };
        let in_clear = elements(headers, X_FORWARDED_PROTO)
            .any(|scheme| !scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")));
        Asked { host, address: self.client(headers), in_clear }
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|trusted| trusted.contains(&address))
    }

    /// Every proxy appends whom it heard from. So the last that is no proxy of ours is the client: whatever stands
    /// before it, the client wrote itself.
    fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let mut farthest = None;
        let told: Vec<_> = elements(headers, X_FORWARDED_FOR).collect();
        for element in told.into_iter().rev() {
            let address = address(element?)?;
            farthest = Some(address);
            if !self.trust(address) {
                break;
            }
        }
        farthest
    }
}

const X_FORWARDED_FOR: &str = "x-forwarded-for";
const X_FORWARDED_HOST: &str = "x-forwarded-host";
const X_FORWARDED_PROTO: &str = "x-forwarded-proto";

/// A header that says one thing.
enum Told<'a> {
    Nothing,
    This(&'a str),
    /// Several things, or none that can be read. Which of them a client wrote is anybody's guess.
    Nonsense,
}

fn the_one<'a>(headers: &'a HeaderMap, name: &'static str) -> Told<'a> {
    let mut elements = elements(headers, name);
    match (elements.next(), elements.next()) {
        (None, _) => Told::Nothing,
        (Some(Some(element)), None) if !element.is_empty() => Told::This(element),
        _ => Told::Nonsense,
    }
}

/// The elements of a list that may span several lines (RFC 9110 §5.3); none for a line that is not text.
fn elements<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = Option<&'a str>> {
    headers.get_all(name).iter().flat_map(|line| match line.to_str() {
        Ok(line) => line.split(',').map(|element| Some(element.trim())).collect(),
        Err(_) => vec![None],
    })
}

/// An address, which some proxies write with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    bare.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

/// The host that the target itself names, in HTTP/2 or in absolute form, else the one Host header.
fn host(request: &Request) -> Option<String> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.as_str().to_owned());
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok().map(str::to_owned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    const PROXY: &str = "10.0.0.7";
    const STRANGER: &str = "203.0.113.9";

    fn asked_by(peer: &str, headers: &[(&str, &[u8])]) -> Asked {
        let proxies = Proxies::new(vec!["10.0.0.0/24".parse().unwrap(), "2001:db8:f::/48".parse().unwrap()]);
        let mut request = Request::builder().uri("/token").header("host", "inside");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        proxies.ask(Some(peer.parse().unwrap()), &request.body(Body::empty()).unwrap())
    }

    fn host_of(headers: &[(&str, &[u8])]) -> Option<String> {
        asked_by(PROXY, headers).host
    }

    fn client_of(headers: &[(&str, &[u8])]) -> Option<String> {
        asked_by(PROXY, headers).address.map(|address| address.to_string())
    }

    #[test]
    fn from_a_stranger_nothing_is_heard() {
        let headers: [(&str, &[u8]); 3] = [
            ("x-forwarded-host", b"acme.example"),
            ("x-forwarded-for", b"192.0.2.1"),
            ("x-forwarded-proto", b"http"),
        ];
        for peer in [STRANGER, "10.0.1.7", "2001:db8:e::1", "::ffff:203.0.113.9"] {
            let asked = asked_by(peer, &headers);
            assert_eq!(asked.host.as_deref(), Some("inside"), "{peer}");
            let peer: IpAddr = peer.parse().unwrap();
            assert_eq!((asked.address, asked.in_clear), (Some(peer.to_canonical()), false));
        }
    }

    #[test]
    fn a_proxy_that_nobody_named_is_not_taken_for_a_client() {
        let request = || Request::builder().header("host", "inside").body(Body::empty()).unwrap();
        let peer = Some(PROXY.parse().unwrap());
        assert_eq!(Proxies::new(Vec::new()).ask(peer, &request()).address, None);
        assert_eq!(Proxies::new(Vec::new()).ask(None, &request()).host.as_deref(), Some("inside"));
    }

    #[test]
    fn a_trusted_proxy_names_the_host() {
        assert_eq!(host_of(&[("x-forwarded-host", b" Acme.example:8443 ")]).unwrap(), "Acme.example:8443");
        assert_eq!(host_of(&[]).unwrap(), "inside");
        for peer in ["::ffff:10.0.0.7", "2001:db8:f::1"] {
            let asked = asked_by(peer, &[("x-forwarded-host", b"acme.example")]);
            assert_eq!(asked.host.as_deref(), Some("acme.example"), "{peer}");
        }
    }

    #[test]
    fn several_hosts_are_none() {
        for lines in [&[b"a.example, b.example" as &[u8]] as &[&[u8]], &[b"a.example", b"a.example"], &[b""]]
        {
            let headers: Vec<_> = lines.iter().map(|line| ("x-forwarded-host", *line)).collect();
            assert_eq!(host_of(&headers), None, "{lines:?}");
        }
        assert_eq!(host_of(&[("x-forwarded-host", b"\xff")]), None);
        assert_eq!(host_of(&[("host", b"another")]), None, "two Host headers");
    }

    #[test]
    fn the_client_is_the_last_that_is_no_proxy() {
        for (told, client) in [
            (&b"192.0.2.1"[..], Some("192.0.2.1")),
            (b"192.0.2.66, 192.0.2.1", Some("192.0.2.1")),
            (b"192.0.2.66, 192.0.2.1, 10.0.0.8", Some("192.0.2.1")),
            (b"nonsense, 192.0.2.1, 10.0.0.8,10.0.0.9", Some("192.0.2.1")),
            (b"192.0.2.1:50123", Some("192.0.2.1")),
            (b"[2001:db8::1]:50123", Some("2001:db8::1")),
            (b"[2001:db8::1]", Some("2001:db8::1")),
            (b"::ffff:192.0.2.1", Some("192.0.2.1")),
            // Somebody of the house.
            (b"10.0.0.9, 10.0.0.8", Some("10.0.0.9")),
            (b"192.0.2.1, unknown", None),
            (b"192.0.2.1, unknown, 10.0.0.8", None),
            (b"", None),
            (b"192.0.2.1, \xff", None),
        ] {
            assert_eq!(client_of(&[("x-forwarded-for", told)]).as_deref(), client, "{told:?}");
        }
        let lines: [(&str, &[u8]); 2] =
            [("x-forwarded-for", b"192.0.2.66"), ("x-forwarded-for", b"192.0.2.1, 10.0.0.8")];
        assert_eq!(client_of(&lines).unwrap(), "192.0.2.1");
        assert_eq!(client_of(&[]), None);
    }

    #[test]
    fn what_was_sent_in_clear_at_any_hop_is_known() {
        for (told, in_clear) in [
            (&b"https"[..], false),
            (b"https, https", false),
            (b"http", true),
            (b"https, http", true),
            (b"http, https", true),
            (b"HTTPS", false),
            (b"\xff", true),
        ] {
            assert_eq!(asked_by(PROXY, &[("x-forwarded-proto", told)]).in_clear, in_clear, "{told:?}");
        }
        assert!(!asked_by(PROXY, &[]).in_clear);
    }
}
