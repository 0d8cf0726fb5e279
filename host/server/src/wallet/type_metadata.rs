//! Type metadata (SD-JWT VC), where the `vct` of a credential leads below its issuer's identifier.

use axum::response::{IntoResponse, Response};
use chancery_domain::template::{CredentialDisplay, Definition, Disclosure, SdJwtClaim};
use chancery_protocol::issuer_metadata::PathElement;
use chancery_protocol::type_metadata::{
    ClaimLabel, ClaimMetadata, Disclosability, Rendering, SimpleRendering, TypeDisplay, TypeMetadata,
};
use headers::{ETag, HeaderMapExt as _, IfNoneMatch};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use sha2::{Digest as _, Sha256};

use super::metadata::{describe_background, describe_logo};
use super::{nowhere, public_document};
use crate::tenants::Published;

/// Where no route of the issuer's leads to: a type of its, or nothing.
pub(crate) async fn show(
    Published(issuer): Published,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let found = issuer.documents.types.get(&issuer.at(path));
    let Some(document) = found.filter(|_| [Method::GET, Method::HEAD].contains(&method)) else {
        return nowhere().await.into_response();
    };
    let digest = hex::encode(Sha256::digest(document).get(..16).unwrap_or_default());
    let tag = format!("\"{digest}\"");
    let asked = headers.typed_get::<IfNoneMatch>().zip(tag.parse::<ETag>().ok());
    let mut response = public_document(document.clone(), "application/json");
    if asked.is_some_and(|(asked, tag)| !asked.precondition_passes(&tag)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = axum::body::Body::empty();
    }
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// What the type is that a template issues as SD-JWT VC, by this name; none if it issues none.
pub(crate) fn describe_type(definition: &Definition, vct: &str) -> Option<TypeMetadata> {
    let form = definition.sd_jwt.as_ref()?;
    let first = definition.display.first();
    let mut claims = Vec::new();
    for field in &definition.fields {
        let Some(claim) = form.claims.iter().find(|claim| claim.field == field.name) else { continue };
        let path: Vec<_> = claim.path.iter().cloned().map(PathElement::Member).collect();
        let labels = field.display.iter();
        claims.push(ClaimMetadata {
            path: path.clone(),
            display: labels
                .map(|label| ClaimLabel { locale: label.locale.clone(), label: label.name.clone() })
                .collect(),
            mandatory: field.mandatory,
            sd: disclosability(claim),
        });
        if claim.elements {
            claims.push(ClaimMetadata {
                path: path.into_iter().chain([PathElement::All(())]).collect(),
                display: Vec::new(),
                mandatory: false,
                sd: Disclosability::Always,
            });
        }
    }
    Some(TypeMetadata {
        vct: vct.to_owned(),
        name: first.map(|display| display.name.clone()),
        description: first.and_then(|display| display.description.clone()),
        display: definition.display.iter().map(describe_display).collect(),
        claims,
    })
}

fn disclosability(claim: &SdJwtClaim) -> Disclosability {
    match claim.disclosure {
        Disclosure::Selective => Disclosability::Always,
        Disclosure::Always => Disclosability::Never,
    }
}

fn describe_display(display: &CredentialDisplay) -> TypeDisplay {
    let simple = SimpleRendering {
        logo: describe_logo(display),
        background_image: describe_background(display),
        background_color: display.background_color.clone(),
        text_color: display.text_color.clone(),
    };
    TypeDisplay {
        locale: display.locale.clone(),
        name: display.name.clone(),
        description: display.description.clone(),
        rendering: (simple != SimpleRendering::default()).then_some(Rendering { simple }),
    }
}
