//! `chancery serve`: everything from environment variables; every secret also from a file, by `…_FILE`.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use chancery_credential::keys::{Algorithm, Master};
use chancery_store::embedded::BinarySearch;
use ipnet::IpNet;
use url::Url;
use zeroize::Zeroizing;

use super::{
    Config, ConfigError, Database, Mode, Saas, SelfHosted, ServingUrls, key_from_hex,
    plugins_beside_the_program,
};

/// Far above what one organisation needs for long: more than half a million offers an hour.
const USUAL_TENANT_RATE: NonZeroU32 = NonZeroU32::MIN.saturating_add(199);
/// Some three hundred plugins in Rust, or a few with interpreters.
const USUAL_PLUGIN_MEMORY: usize = 192 << 20;

/// Looks a variable up.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

pub(super) fn read(environment: Environment<'_>) -> Result<Config, ConfigError> {
    let variable = |name: &'static str| environment(name).filter(|value| !value.is_empty());
    let public_url = variable("CHANCERY_PUBLIC_URL").ok_or(ConfigError::Missing {
        name: "CHANCERY_PUBLIC_URL",
        fix: "set it to the https URL by which wallets reach this host",
    })?;
    let public_url = public_url_of(&public_url)?;
    if public_url.scheme() != "https" {
        return Err(ConfigError::unusable(
            "CHANCERY_PUBLIC_URL",
            "it must be https; only `chancery dev` runs on http",
        ));
    }
    let mode = if is_saas(environment)? {
        Mode::Saas(many(environment, &public_url)?)
    } else {
        Mode::SelfHosted(sole(environment, &public_url)?)
    };
    Ok(Config {
        listen: address(environment, "CHANCERY_LISTEN")?.unwrap_or_else(|| ([127, 0, 0, 1], 8080).into()),
        ops_listen: address(environment, "CHANCERY_OPS_LISTEN")?,
        public_url,
        data: variable("CHANCERY_DATA").map_or_else(|| "./chancery-data".into(), PathBuf::from),
        plugins_apart: plugins_apart(environment)?,
        plugin_memory: plugin_memory(environment)?,
        plugins: variable("CHANCERY_PLUGINS").map_or_else(plugins_beside_the_program, PathBuf::from),
        database: database(environment)?,
        dns: address(environment, "CHANCERY_DNS")?,
        egress_allow: egress_allow(environment)?,
        tenant_rate: tenant_rate(environment)?,
        trusted_proxies: trusted_proxies(environment)?,
        mode,
        development: false,
    })
}

/// `SAAS_MODE`: `true`, or `false` as if it were not set.
pub(super) fn is_saas(environment: Environment<'_>) -> Result<bool, ConfigError> {
    match environment("SAAS_MODE").as_deref() {
        None | Some("" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(ConfigError::unusable("SAAS_MODE", "it must be `true` or `false`")),
    }
}

fn sole(environment: Environment<'_>, public_url: &Url) -> Result<SelfHosted, ConfigError> {
    let signing_key = secret(environment, "ISSUER_SIGNING_KEY", "ISSUER_SIGNING_KEY_FILE")?.ok_or(ConfigError::Missing {
        name: "ISSUER_SIGNING_KEY",
        fix: "set it to the private key, 32 bytes as 64 hexadecimal digits (`openssl rand -hex 32` makes one)",
    })?;
    let name = environment("ISSUER_NAME").filter(|value| !value.is_empty());
    Ok(SelfHosted {
        name: name.unwrap_or_else(|| public_url.host_str().unwrap_or("issuer").to_owned()),
        slug: "issuer".to_owned(),
        signing_key: key_from_hex("ISSUER_SIGNING_KEY", &signing_key)?,
        algorithm: algorithm(environment)?,
        master: master(environment)?,
        previous_master: previous_master(environment)?,
        did: did(environment)?,
        certificate: certificate(environment)?,
    })
}

/// What belongs to one tenant's own key is refused, so that nobody believes it to be in use.
fn many(environment: Environment<'_>, public_url: &Url) -> Result<Saas, ConfigError> {
    for name in ["ISSUER_SIGNING_KEY", "ISSUER_SIGNING_KEY_FILE", "ISSUER_DID", "ISSUER_CERTIFICATE_FILE"] {
        if environment(name).is_some_and(|value| !value.is_empty()) {
            return Err(ConfigError::unusable(
                name,
                "it is for a self-hosted issuer; with SAAS_MODE=true every tenant has a key of its own",
            ));
        }
    }
    let master = master(environment)?.ok_or(ConfigError::Missing {
        name: "ISSUER_MASTER_KEY",
        fix: "set it to 32 bytes as 64 hexadecimal digits (`openssl rand -hex 32` makes them), and keep a copy",
    })?;
    let platform_base = platform_base(environment)?;
    saas_url(public_url)?;
    Ok(Saas {
        master,
        previous_master: previous_master(environment)?,
        platform_base,
        algorithm: algorithm(environment)?,
    })
}

/// On the platform's own host the first segment of a path is a tenant's slug, so there is nothing before it.
pub(super) fn saas_url(public_url: &Url) -> Result<(), ConfigError> {
    if public_url.path() == "/" {
        return Ok(());
    }
    Err(ConfigError::unusable("CHANCERY_PUBLIC_URL", "with SAAS_MODE=true it must have no path"))
}

/// A name such as `tenants.example`, below which tenants have names of their own.
pub(super) fn platform_base(environment: Environment<'_>) -> Result<Option<String>, ConfigError> {
    let Some(base) = environment("CHANCERY_PLATFORM_BASE").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    match url::Host::parse(&base) {
        Ok(url::Host::Domain(base)) if !base.ends_with('.') => Ok(Some(base)),
        _ => Err(ConfigError::unusable(
            "CHANCERY_PLATFORM_BASE",
            "it must be a host name, such as tenants.example",
        )),
    }
}

/// An issuer identifier has no query, no fragment and no trailing slash (OpenID4VCI §12.2.1).
pub(super) fn public_url_of(text: &str) -> Result<Url, ConfigError> {
    let unusable = |reason: &str| ConfigError::unusable("CHANCERY_PUBLIC_URL", reason);
    let url = Url::parse(text.trim_end_matches('/')).map_err(|error| unusable(&error.to_string()))?;
    if url.host_str().is_none() || !url.username().is_empty() || url.password().is_some() {
        return Err(unusable("it must be a URL with a host and without credentials"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(unusable("it must have neither a query nor a fragment"));
    }
    Ok(url)
}

pub(super) fn database(environment: Environment<'_>) -> Result<Database, ConfigError> {
    let admin = secret(environment, "DATABASE_URL", "DATABASE_URL_FILE")?;
    let tenant = secret(environment, "CHANCERY_TENANT_DATABASE_URL", "CHANCERY_TENANT_DATABASE_URL_FILE")?;
    let platform =
        secret(environment, "CHANCERY_PLATFORM_DATABASE_URL", "CHANCERY_PLATFORM_DATABASE_URL_FILE")?;
    let serving = match (tenant, platform) {
        (Some(tenant), Some(platform)) => Some(ServingUrls { tenant, platform }),
        (None, None) => None,
        _ => {
            return Err(ConfigError::unusable(
                "CHANCERY_TENANT_DATABASE_URL",
                "it and CHANCERY_PLATFORM_DATABASE_URL go together: set both or neither",
            ));
        }
    };
    if admin.is_none() && serving.is_none() {
        let directory = environment("CHANCERY_POSTGRES").filter(|value| !value.is_empty()).map(PathBuf::from);
        let path = environment("PATH").map(Into::into);
        return Ok(Database::Embedded { binaries: BinarySearch { directory, path } });
    }
    Ok(Database::Server { admin, serving })
}

pub(super) fn algorithm(environment: Environment<'_>) -> Result<Algorithm, ConfigError> {
    match environment("ISSUER_SIGNING_ALG").filter(|value| !value.is_empty()) {
        None => Ok(Algorithm::Es256),
        Some(name) => Algorithm::parse(&name)
            .ok_or_else(|| ConfigError::unusable("ISSUER_SIGNING_ALG", "it must be ES256 or EdDSA")),
    }
}

pub(super) fn master(environment: Environment<'_>) -> Result<Option<Master>, ConfigError> {
    secret(environment, "ISSUER_MASTER_KEY", "ISSUER_MASTER_KEY_FILE")?
        .map(|text| {
            Master::from_hex(text.trim()).map_err(|error| ConfigError::unusable("ISSUER_MASTER_KEY", error))
        })
        .transpose()
}

/// Held beside the new one until everything is sealed under that.
pub(super) fn previous_master(environment: Environment<'_>) -> Result<Option<Master>, ConfigError> {
    const NAME: &str = "ISSUER_PREVIOUS_MASTER_KEY";
    let Some(previous) = secret(environment, NAME, "ISSUER_PREVIOUS_MASTER_KEY_FILE")? else {
        return Ok(None);
    };
    let previous = Master::from_hex(previous.trim()).map_err(|error| ConfigError::unusable(NAME, error))?;
    match master(environment)? {
        Some(master) if *master.to_hex() != *previous.to_hex() => Ok(Some(previous)),
        Some(_) => Err(ConfigError::unusable(NAME, "it is the same as ISSUER_MASTER_KEY")),
        None => Err(ConfigError::unusable(NAME, "it needs ISSUER_MASTER_KEY, the master that replaces it")),
    }
}

pub(super) fn did(environment: Environment<'_>) -> Result<Option<String>, ConfigError> {
    let did = environment("ISSUER_DID").filter(|value| !value.is_empty());
    match did {
        Some(did) if !did.starts_with("did:web:") => Err(ConfigError::unusable(
            "ISSUER_DID",
            "only did:web is supported, such as did:web:issuer.example",
        )),
        did => Ok(did),
    }
}

pub(super) fn certificate(environment: Environment<'_>) -> Result<Option<String>, ConfigError> {
    environment("ISSUER_CERTIFICATE_FILE")
        .filter(|value| !value.is_empty())
        .map(|path| file(&path))
        .transpose()
}

pub(super) fn address(
    environment: Environment<'_>,
    name: &'static str,
) -> Result<Option<std::net::SocketAddr>, ConfigError> {
    environment(name)
        .filter(|value| !value.is_empty())
        .map(|text| {
            text.parse().map_err(|_| {
                ConfigError::unusable(name, "it must be an address with a port, such as 127.0.0.1:8080")
            })
        })
        .transpose()
}

/// Whether other people's code is kept in processes of its own. In the same one it is faster by a few microseconds,
/// and a hole in its sandbox is a hole in the host.
pub(super) fn plugins_apart(environment: Environment<'_>) -> Result<bool, ConfigError> {
    match environment("CHANCERY_PLUGIN_PROCESS").filter(|value| !value.is_empty()).as_deref() {
        None | Some("apart") => Ok(true),
        Some("same") => Ok(false),
        Some(_) => Err(ConfigError::unusable(
            "CHANCERY_PLUGIN_PROCESS",
            "it must be `apart` (the default) or `same`",
        )),
    }
}

/// Bytes of plugins' machine code that their process has at a time.
pub(super) fn plugin_memory(environment: Environment<'_>) -> Result<usize, ConfigError> {
    const NAME: &str = "CHANCERY_PLUGIN_MEMORY";
    let Some(text) = environment(NAME).filter(|value| !value.is_empty()) else {
        return Ok(USUAL_PLUGIN_MEMORY);
    };
    let bytes =
        text.parse::<NonZeroU32>().ok().and_then(|mib| usize::try_from(mib.get()).ok()?.checked_mul(1 << 20));
    bytes.ok_or_else(|| ConfigError::unusable(NAME, "it must be a number of MiB"))
}

/// How many requests a second of each tenant are answered. Where there is but one tenant, nobody is to be spared.
pub(super) fn tenant_rate(environment: Environment<'_>) -> Result<Option<NonZeroU32>, ConfigError> {
    match environment("CHANCERY_TENANT_RATE").filter(|value| !value.is_empty()).as_deref() {
        None => Ok(is_saas(environment)?.then_some(USUAL_TENANT_RATE)),
        Some("off") => Ok(None),
        Some(rate) => rate.parse().map(Some).map_err(|_| {
            ConfigError::unusable(
                "CHANCERY_TENANT_RATE",
                "it must be a number of requests a second, or `off`",
            )
        }),
    }
}

/// Whose word on clients counts. Whoever would trust everybody does not mean to.
pub(super) fn trusted_proxies(environment: Environment<'_>) -> Result<Vec<IpNet>, ConfigError> {
    networks(environment, "CHANCERY_TRUSTED_PROXIES", "it would trust everybody")
}

/// Networks of the operator's own that tenants' URLs may lead to. Never this machine, and never where clouds keep
/// the credentials of their machines.
fn egress_allow(environment: Environment<'_>) -> Result<Vec<IpNet>, ConfigError> {
    const NAME: &str = "CHANCERY_EGRESS_ALLOW";
    const NEVER: [&str; 5] = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "::/96", "fe80::/10"];
    let allowed = networks(environment, NAME, "it would allow every address")?;
    let never: Vec<IpNet> = NEVER.iter().filter_map(|network| network.parse().ok()).collect();
    let overlap = |one: &IpNet, other: &IpNet| one.contains(other) || other.contains(one);
    match allowed.iter().find(|one| never.iter().any(|never| overlap(one, never))) {
        Some(one) => {
            Err(ConfigError::unusable(NAME, format!("{one} holds addresses of this machine or of its link")))
        }
        None => Ok(allowed),
    }
}

/// Addresses and networks, by commas.
pub(super) fn networks(
    environment: Environment<'_>,
    name: &'static str,
    if_all: &'static str,
) -> Result<Vec<IpNet>, ConfigError> {
    let listed = environment(name).unwrap_or_default();
    let listed = listed.split(',').map(str::trim).filter(|network| !network.is_empty());
    let network = |text: &str| {
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let network = network.map_err(|_| {
            let reason = "it must list addresses or networks, such as 10.0.0.0/24, 2001:db8::7";
            ConfigError::unusable(name, reason)
        })?;
        match network {
            _ if network.prefix_len() == 0 => Err(ConfigError::unusable(name, if_all)),
            _ if network != network.trunc() => Err(ConfigError::unusable(
                name,
                format!("{network} has bits beyond its prefix: {}?", network.trunc()),
            )),
            network => Ok(network),
        }
    };
    listed.map(network).collect()
}

/// A secret from its variable or from the file that the other variable names; both is a mistake.
pub(super) fn secret(
    environment: Environment<'_>,
    name: &'static str,
    file_name: &'static str,
) -> Result<Option<Zeroizing<String>>, ConfigError> {
    let value = environment(name).filter(|value| !value.is_empty()).map(Zeroizing::new);
    let path = environment(file_name).filter(|value| !value.is_empty());
    match (value, path) {
        (Some(_), Some(_)) => {
            Err(ConfigError::unusable(name, format!("both it and {file_name} are set: keep one")))
        }
        (Some(value), None) => Ok(Some(value)),
        (None, Some(path)) => Ok(Some(Zeroizing::new(file(&path)?.trim().to_owned()))),
        (None, None) => Ok(None),
    }
}

fn file(path: &str) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::File { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

    fn with<'a>(variables: &'a [(&'a str, &'a str)]) -> Result<Config, String> {
        let all = [("CHANCERY_PUBLIC_URL", "https://issuer.example"), ("ISSUER_SIGNING_KEY", KEY)];
        read(&|name| {
            let found = variables.iter().chain(&all).find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
        .map_err(|error| error.to_string())
    }

    #[test]
    fn two_variables_are_enough() {
        let config = with(&[]).unwrap();
        assert_eq!(config.public_url.as_str(), "https://issuer.example/");
        assert!(matches!(config.database, Database::Embedded { .. }));
        assert_eq!(config.self_hosted().unwrap().algorithm, Algorithm::Es256);
    }

    #[test]
    fn plain_http_is_refused() {
        assert!(with(&[("CHANCERY_PUBLIC_URL", "http://issuer.example")]).err().unwrap().contains("https"));
    }

    #[test]
    fn nonsense_is_named_without_repeating_secrets() {
        for (name, value) in [
            ("ISSUER_SIGNING_KEY", "5ec2e7"),
            ("ISSUER_MASTER_KEY", "5ec2e7"),
            ("ISSUER_SIGNING_ALG", "RS256"),
            ("ISSUER_DID", "did:key:z6Mk"),
            ("CHANCERY_LISTEN", "8080"),
            ("CHANCERY_PUBLIC_URL", "https://issuer.example/?a=b"),
            ("CHANCERY_TENANT_DATABASE_URL", "postgres://x"),
            ("SAAS_MODE", "yes"),
            ("CHANCERY_TENANT_RATE", "0"),
            ("CHANCERY_TENANT_RATE", "-5"),
            ("CHANCERY_TENANT_RATE", "fast"),
            ("CHANCERY_TRUSTED_PROXIES", "proxy.example"),
            ("CHANCERY_TRUSTED_PROXIES", "10.0.0.7/33"),
            ("CHANCERY_TRUSTED_PROXIES", "10.0.0.7/24"),
            ("CHANCERY_TRUSTED_PROXIES", "0.0.0.0/0"),
            ("CHANCERY_TRUSTED_PROXIES", "10.0.0.7, ::/0"),
            ("CHANCERY_EGRESS_ALLOW", "0.0.0.0/0"),
            ("CHANCERY_EGRESS_ALLOW", "10.0.0.0/8, 127.0.0.1"),
            ("CHANCERY_EGRESS_ALLOW", "169.254.169.254"),
            ("CHANCERY_EGRESS_ALLOW", "128.0.0.0/1"),
            ("CHANCERY_EGRESS_ALLOW", "::1"),
            ("CHANCERY_EGRESS_ALLOW", "hr.example"),
            ("ISSUER_PREVIOUS_MASTER_KEY", KEY),
        ] {
            let error = with(&[(name, value)]).err().unwrap_or_default();
            assert!(error.contains(name), "{name}: {error}");
            assert!(!error.contains("5ec2e7"), "{name}: {error}");
        }
    }

    #[test]
    fn a_platform_needs_a_master_and_no_key_of_one_tenant() {
        let saas = |variables: &[(&'static str, &'static str)]| {
            let mut all = vec![("CHANCERY_PUBLIC_URL", "https://issue.example"), ("SAAS_MODE", "true")];
            all.extend(variables);
            read(&|name| {
                all.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
            .map_err(|error| error.to_string())
        };
        assert!(saas(&[]).err().unwrap().contains("ISSUER_MASTER_KEY"));
        let config =
            saas(&[("ISSUER_MASTER_KEY", KEY), ("CHANCERY_PLATFORM_BASE", "Tenants.Example")]).unwrap();
        assert_eq!(config.saas().unwrap().platform_base.as_deref(), Some("tenants.example"));
        for (name, value) in [
            ("ISSUER_SIGNING_KEY", KEY),
            ("ISSUER_DID", "did:web:h.example"),
            ("CHANCERY_PUBLIC_URL", "https://issue.example/path"),
            ("CHANCERY_PLATFORM_BASE", "192.0.2.1"),
            ("CHANCERY_PLATFORM_BASE", "tenants.example."),
        ] {
            let error = saas(&[("ISSUER_MASTER_KEY", KEY), (name, value)]).err().unwrap_or_default();
            assert!(error.contains(name), "{name}: {error}");
        }
    }

    #[test]
    fn one_tenant_is_limited_where_it_could_be_in_the_way_of_others() {
        assert_eq!(with(&[]).unwrap().tenant_rate, None);
        let many = [("SAAS_MODE", "true"), ("ISSUER_SIGNING_KEY", ""), ("ISSUER_MASTER_KEY", KEY)];
        let rate = |rate| with(&[&many[..], &[("CHANCERY_TENANT_RATE", rate)]].concat()).unwrap().tenant_rate;
        assert_eq!(rate("").map(NonZeroU32::get), Some(200));
        assert_eq!(rate("7").map(NonZeroU32::get), Some(7));
        assert_eq!(rate("off"), None);
    }

    #[test]
    fn plugins_have_as_much_memory_for_code_as_they_are_given() {
        let memory = |mib| with(&[("CHANCERY_PLUGIN_MEMORY", mib)]).map(|config| config.plugin_memory);
        assert_eq!((memory("").unwrap(), memory("512").unwrap()), (192 << 20, 512 << 20));
        for nonsense in ["0", "-1", "1 GiB"] {
            assert!(memory(nonsense).err().unwrap().contains("CHANCERY_PLUGIN_MEMORY"), "{nonsense}");
        }
    }

    #[test]
    fn trusted_proxies_are_addresses_and_networks() {
        let trusted = |text| with(&[("CHANCERY_TRUSTED_PROXIES", text)]).unwrap().trusted_proxies;
        assert_eq!(trusted(""), []);
        let all: Vec<String> =
            trusted("10.0.0.0/24, 192.0.2.7,2001:db8::/32 , ::1,").iter().map(IpNet::to_string).collect();
        assert_eq!(all, ["10.0.0.0/24", "192.0.2.7/32", "2001:db8::/32", "::1/128"]);
    }

    #[test]
    fn a_secret_comes_from_one_place_only() {
        let error = with(&[("ISSUER_SIGNING_KEY_FILE", "anywhere")]).err().unwrap();
        assert!(error.contains("keep one"), "{error}");
    }
}
