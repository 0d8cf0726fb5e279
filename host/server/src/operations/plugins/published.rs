//! Who published a plugin, and whether that is somebody who is trusted where the plugin stands.

use chancery_credential::publisher::PublisherSignature;
use chancery_domain::audit::Actor;
use chancery_domain::plugin::Whose;
use chancery_domain::settings::Settings;
use chancery_domain::template::Issue;
use chancery_store::{By, Shelved};

use super::Keeper;
use crate::app::App;
use crate::problem::{Problem, ProblemCode};

/// Reads the signature that came with a component, and holds it against the component and the publishers that the
/// shelf trusts. One that is wrong is refused even where none is asked for: somebody expects it to count.
pub(super) fn signature_of(
    component: &[u8; 32],
    text: Option<&str>,
    settings: &Settings,
) -> Result<Option<PublisherSignature>, Problem> {
    let Some(text) = text else {
        return if settings.plugin_publishers.is_empty() { Ok(None) } else { Err(refused(Unfit::Unsigned)) };
    };
    let signature = PublisherSignature::parse(text).ok_or_else(|| refused(Unfit::Unreadable))?;
    match unfit(component, Some(&signature), settings) {
        None => Ok(Some(signature)),
        Some(unfit) => Err(refused(unfit)),
    }
}

/// Refuses what no publisher signed whom the shelf trusts now, whatever it was when the plugin came. What comes with
/// the program is as good as the program.
pub(super) async fn check_published(app: &App, keeper: Keeper<'_>, version: &Shelved) -> Result<(), Problem> {
    if version.uploaded_by == Actor::Host.kind() {
        return Ok(());
    }
    let settings = settings_of_shelf(app, keeper, version.whose).await?;
    let signature = version.signature.as_deref().and_then(PublisherSignature::parse);
    match unfit(&version.digest, signature.as_ref(), &settings) {
        None => Ok(()),
        Some(unfit) => Err(Problem::new(ProblemCode::WrongState).detail(unfit.message())),
    }
}

/// What counts where the version stands: a tenant that takes it from the catalogue relies on who keeps that.
async fn settings_of_shelf(app: &App, keeper: Keeper<'_>, whose: Whose) -> Result<Settings, Problem> {
    if let (Keeper::Tenant(tenant), Whose::Tenant) = (keeper, whose) {
        let mut tx = app.store.tenant(tenant.id).await?;
        let chosen = tx.configurations().await?;
        tx.commit().await?;
        return Ok(Settings::default().with(&chosen.application).with(&chosen.tenant.overrides));
    }
    let mut tx = app.store.platform(By::Job("see whose plugins are trusted")).await?;
    let chosen = tx.configuration().await?;
    tx.commit().await?;
    Ok(Settings::default().with(&chosen.overrides))
}

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unfit {
    Unsigned,
    Unreadable,
    OfSomethingElse,
    Unknown,
}

impl Unfit {
    const fn code(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Unreadable => "not-a-signature",
            Self::OfSomethingElse => "wrong-signature",
            Self::Unknown => "unknown-publisher",
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::Unsigned => {
                "plugins must be signed here by a publisher of plugin_publishers; `chancery plugin sign` signs one"
            }
            Self::Unreadable => {
                "the signature must be the publisher's public key and the signature, both base64url, with a dot \
                 between them, as `chancery plugin sign` writes it"
            }
            Self::OfSomethingElse => {
                "the signature is not for these bytes, or not by the key that it names; sign this very file"
            }
            Self::Unknown => {
                "the publisher who signed is not one of plugin_publishers; an operator can add the key"
            }
        }
    }
}

fn unfit(component: &[u8; 32], signature: Option<&PublisherSignature>, settings: &Settings) -> Option<Unfit> {
    let trusted = &settings.plugin_publishers;
    match signature {
        None => (!trusted.is_empty()).then_some(Unfit::Unsigned),
        Some(signature) if !signature.is_for(component) => Some(Unfit::OfSomethingElse),
        Some(signature) => {
            let publisher = signature.publisher();
            let is_trusted = trusted.is_empty() || trusted.contains(&publisher);
            (!is_trusted).then_some(Unfit::Unknown)
        }
    }
}

fn refused(unfit: Unfit) -> Problem {
    let message = unfit.message().to_owned();
    let issue = Issue { pointer: "/signature".into(), code: unfit.code().into(), message: message.clone() };
    Problem::new(ProblemCode::PluginRefused).detail(message).with_errors(vec![issue])
}
