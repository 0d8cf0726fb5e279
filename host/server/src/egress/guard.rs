//! What may be asked: which URLs at all, and which addresses of what they name.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use super::address::is_public;

/// The longest URL that is kept.
const LONGEST: usize = 2_000;
/// The port of https. Of the others those below 1024 belong to services that were never meant.
const HTTPS: u16 = 443;

/// Decides what may be asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guard {
    /// What the operator allows although it is not public.
    allowed: Vec<IpNet>,
    /// Whether this machine may be asked without TLS, where it may be asked: under development.
    plain_here: bool,
}

/// Why a URL is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrongDestination {
    /// It is none, or too long.
    #[error("it must be a URL of at most {LONGEST} characters")]
    NotAUrl,
    /// It would be asked without TLS.
    #[error("it must begin with https://")]
    NotHttps,
    /// It carries a name or a password, which would be logged by whoever sees the URL.
    #[error("it must not carry a user name or a password; send them as a header")]
    Credentials,
    /// It has a part that is never sent.
    #[error("it must not have a fragment")]
    Fragment,
    /// It names a port of another service.
    #[error("its port must be 443, or 1024 and above")]
    Port,
    /// It names an address that is not public.
    #[error("it must not lead to an address that is not public")]
    Address,
}

impl Guard {
    /// Of a deployment; `development` may name this machine among the networks.
    pub(crate) fn of(allowed: Vec<IpNet>, development: bool) -> Self {
        Self { allowed, plain_here: development }
    }

    /// The URL, if it is one that may be asked. What its name stands for is seen when it is.
    pub(crate) fn destination(&self, text: &str) -> Result<Url, WrongDestination> {
        use WrongDestination as W;
        if text.len() > LONGEST {
            return Err(W::NotAUrl);
        }
        let url = Url::parse(text).map_err(|_| W::NotAUrl)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(W::Credentials);
        }
        if url.fragment().is_some() {
            return Err(W::Fragment);
        }
        let host = url.host().ok_or(W::NotAUrl)?;
        let literal = match host {
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
            Host::Domain("") => return Err(W::NotAUrl),
            Host::Domain(_) => None,
        };
        let is_here = match (literal, &host) {
            (Some(address), _) => address.is_loopback(),
            (None, host) => *host == Host::Domain("localhost"),
        };
        match url.scheme() {
            "https" => {}
            "http" if is_here && self.allows_this_machine() => {}
            _ => return Err(W::NotHttps),
        }
        if literal.is_some_and(|address| !self.allows(address)) {
            return Err(W::Address);
        }
        let port = url.port_or_known_default().unwrap_or_default();
        if port != HTTPS && port < 1024 && !(is_here && self.allows_this_machine()) {
            return Err(W::Port);
        }
        Ok(url)
    }

    /// Whether a connection may go to that address.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        is_public(address) || self.allowed.iter().any(|network| network.contains(&address))
    }

    fn allows_this_machine(&self) -> bool {
        self.plain_here && self.allowed.iter().any(|network| network.addr().is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Option<WrongDestination> {
        Guard::default().destination(text).err()
    }

    #[test]
    fn urls_of_the_public_internet_pass() {
        for url in [
            "https://hooks.example/chancery?tenant=acme",
            "https://hooks.example:8443/",
            "https://HOOKS.example./",
            "https://bücher.example/",
            "https://8.8.8.8/",
            "https://[2606:4700:4700::1111]:1024/",
        ] {
            assert_eq!(wrong(url), None, "{url}");
        }
    }

    #[test]
    fn whatever_spells_an_address_inside_is_found_out() {
        for url in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://017700000001/",
            "https://127.0.0.1./",
            "https://0/",
            "https://0.0.0.0/",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://2852039166/",
            "https://0xa9.0xfe.0xa9.0xfe/",
            "https://①②⑦.⓪.⓪.①/",
            "https://127。0。0。1/",
            "https://[::]/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[64:ff9b::10.0.0.1]/",
            "https://[2002:a00:1::]/",
            "https://[fd00:ec2::254]/",
            "https://[fe80::1]/",
        ] {
            assert_eq!(wrong(url), Some(WrongDestination::Address), "{url}");
        }
    }

    #[test]
    fn what_is_no_plain_https_url_is_refused() {
        use WrongDestination as W;
        for (url, why) in [
            ("http://hooks.example/", W::NotHttps),
            ("http://127.0.0.1/", W::NotHttps),
            ("ftp://hooks.example/", W::NotHttps),
            ("file:///etc/passwd", W::NotAUrl),
            ("gopher://hooks.example/", W::NotHttps),
            ("data:text/plain,x", W::NotAUrl),
            ("https://", W::NotAUrl),
            ("hooks.example", W::NotAUrl),
            ("https://ada@hooks.example/", W::Credentials),
            ("https://:secret@hooks.example/", W::Credentials),
            ("https://hooks.example@127.0.0.1/", W::Credentials),
            ("https://hooks.example/#there", W::Fragment),
            ("https://hooks.example:22/", W::Port),
            ("https://hooks.example:80/", W::Port),
            ("https://hooks.example:0/", W::Port),
            ("https://[fe80::1%25eth0]/", W::NotAUrl),
        ] {
            assert_eq!(wrong(url), Some(why), "{url}");
        }
        assert_eq!(wrong(&format!("https://hooks.example/{}", "a".repeat(2_000))), Some(W::NotAUrl));
    }

    #[test]
    fn an_operator_may_allow_networks_of_their_own() {
        let guard = Guard::of(vec!["10.1.0.0/16".parse().unwrap()], false);
        assert!(guard.destination("https://10.1.2.3/").is_ok());
        assert_eq!(guard.destination("https://10.2.0.1/").err(), Some(WrongDestination::Address));
        assert_eq!(guard.destination("http://10.1.2.3/").err(), Some(WrongDestination::NotHttps));
        assert_eq!(guard.destination("https://[::ffff:10.1.2.3]/").err(), Some(WrongDestination::Address));
    }

    #[test]
    fn this_machine_is_asked_under_development_and_only_if_that_was_said() {
        let here: Vec<IpNet> = vec!["127.0.0.0/8".parse().unwrap()];
        for url in ["http://127.0.0.1:9000/", "http://localhost/"] {
            assert!(Guard::of(here.clone(), true).destination(url).is_ok(), "{url}");
            assert!(Guard::of(here.clone(), false).destination(url).is_err(), "{url}");
            assert!(Guard::of(Vec::new(), true).destination(url).is_err(), "{url}");
        }
        let elsewhere = Guard::of(here, true).destination("http://hooks.example/");
        assert_eq!(elsewhere.err(), Some(WrongDestination::NotHttps));
    }
}
