//! `chancery dev`: a host on this machine that needs nothing but itself.

use std::path::Path;

use chancery_protocol::well_known::WellKnown;
use chancery_server::config::{Config, DevOptions};
use chancery_server::{Entrance, Entrances, Server, TenantEntrance};
use url::Url;

use super::serve;
use super::stop::StopSignals;
use crate::arguments::{Dev, Output};
use crate::data_directory::DataDirectory;
use crate::dev_file::{DevFile, DevPlatform, DevTenant};
use crate::failure::Failure;
use crate::output;

/// A subject for the credential that comes with the program.
const SUBJECT: &str = r#"{"given_name":"Ada","family_name":"Lovelace","employee_id":"1843-07","department":"Analytical Engines","job_title":"Programmer","email":"ada@example.com"}"#;

pub(super) async fn dev(Dev { port, data, reset, saas }: Dev, form: Output) -> Result<(), Failure> {
    let mut signals = StopSignals::catch()?;
    if reset {
        DataDirectory::reset(&data)?;
    }
    let _directory = DataDirectory::take(&data)?;
    // Whoever reads it from now on must find this run's.
    DevFile::remove(&data);
    let config = Config::development(DevOptions { port, data: data.clone(), saas })?;
    let Some(server) = serve::start(&config, &mut signals).await? else { return Ok(()) };
    let file = describe(&server).await?;
    let announced = Announced::write(&file, &data)?;
    output::talk(&banner(&file, &data));
    if form == Output::Json {
        output::data(&serde_json::to_string(&file).map_err(std::io::Error::other)?)?;
    }
    server
        .run_until(async {
            signals.first().await;
            // Before the last request is answered: clients must not find a host that is going away.
            drop(announced);
        })
        .await;
    Ok(())
}

async fn describe(server: &Server) -> Result<DevFile, Failure> {
    let Entrances { platform, tenants } = server.entrances().await?;
    let tenants = tenants.into_iter().map(|TenantEntrance { slug, issuer, entrance }| DevTenant {
        slug,
        issuer,
        management_url: entrance.management_url,
        token: entrance.token,
    });
    Ok(DevFile {
        public_url: server.public_url().to_owned(),
        platform: platform.map(|Entrance { management_url, token }| DevPlatform { management_url, token }),
        tenants: tenants.collect(),
    })
}

/// `dev.json` for as long as this lives.
struct Announced<'a>(&'a Path);

impl<'a> Announced<'a> {
    fn write(file: &DevFile, data: &'a Path) -> Result<Self, Failure> {
        file.write(data)?;
        Ok(Self(data))
    }
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        DevFile::remove(self.0);
    }
}

/// What a person wants to know next.
fn banner(file: &DevFile, data: &Path) -> String {
    let mut lines = vec!["\nChancery is ready, for development only.\n".to_owned()];
    if let Some(DevPlatform { management_url, .. }) = &file.platform {
        lines.push(format!("  platform API    {management_url}\n"));
    }
    for DevTenant { issuer, management_url, .. } in &file.tenants {
        let metadata = Url::parse(issuer).map(|url| WellKnown::CredentialIssuer.inserted(&url).to_string());
        lines.push(format!("  issuer          {issuer}"));
        lines.push(format!("  metadata        {}", metadata.unwrap_or_default()));
        lines.push(format!("  management API  {management_url}, described at {management_url}/docs"));
    }
    lines.push(format!("  data            {}", data.display()));
    let data =
        if data == Path::new("./.chancery") { String::new() } else { format!(" --data {}", quoted(data)) };
    lines.push("\nOffer a credential from another terminal, then claim the link:\n".into());
    lines.push(format!("  echo '{SUBJECT}' | chancery offer create employee-badge --subject -{data}"));
    lines.push("  chancery wallet claim '<the link>'".into());
    lines.push("\nCtrl-C stops it.\n".into());
    lines.join("\n")
}

/// For a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_can_be_pasted() {
        let file = DevFile {
            public_url: "http://127.0.0.1:8080".into(),
            platform: None,
            tenants: vec![DevTenant {
                slug: "demo".into(),
                issuer: "http://127.0.0.1:8080".into(),
                management_url: "http://127.0.0.1:8080/api".into(),
                token: "chk_secret".into(),
            }],
        };
        let shown = banner(&file, Path::new("it's here"));
        assert!(shown.contains(r"--data 'it'\''s here'"), "{shown}");
        assert!(shown.contains("http://127.0.0.1:8080/.well-known/openid-credential-issuer"), "{shown}");
        assert!(!shown.contains("chk_secret"), "a log of stderr must not hold the key");
        assert!(!banner(&file, Path::new("./.chancery")).contains("--data"));
    }
}
