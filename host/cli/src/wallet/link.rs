//! The ways in which an offer reaches a wallet.

use chancery_protocol::offer::{CredentialOffer, OfferLink, OfferLinkError};
use url::Url;

use super::failure::{ClaimError, Problem, Step};

/// Reads what a person pastes: `openid-credential-offer://?…` (or any scheme with the same
/// parameters), or the address of an offer or its page.
pub fn parse(text: &str) -> Result<OfferLink, ClaimError> {
    let text = text.trim();
    match OfferLink::parse(text) {
        Err(OfferLinkError::NotExactlyOne) if is_web_address(text) => {
            Ok(OfferLink::ByReference(without_page(text)))
        }
        result => result.map_err(|error| Step::Offer.failed(Problem::NotALink(error))),
    }
}

fn is_web_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.query().is_none())
}

/// The page that shows an offer to a person lies below the offer itself.
fn without_page(address: &str) -> String {
    address.strip_suffix("/page").unwrap_or(address).to_owned()
}

/// OpenID4VCI §4.1.1: what an offer must be, whoever made it.
pub(crate) fn check(offer: &CredentialOffer) -> Result<(), ClaimError> {
    let step = Step::Offer;
    identifier(step, &offer.credential_issuer)?;
    let ids = &offer.credential_configuration_ids;
    step.expect(!ids.is_empty(), "at least one credential configuration id", "none")?;
    let twice = ids.iter().enumerate().find(|(place, id)| ids.iter().take(*place).any(|other| other == *id));
    step.expect(twice.is_none(), "each configuration id once", format_args!("{ids:?}"))?;
    let Some(grants) = &offer.grants else { return Ok(()) };
    let known = grants.pre_authorized_code.is_some() || grants.authorization_code.is_some();
    step.expect(known, "a pre-authorized code, or an authorization code grant", "other grants")?;
    let Some(grant) = &grants.pre_authorized_code else { return Ok(()) };
    step.expect(!grant.pre_authorized_code.is_empty(), "a pre-authorized code", "an empty one")?;
    let Some(tx_code) = &grant.tx_code else { return Ok(()) };
    let mode = tx_code.input_mode.as_deref().unwrap_or("numeric");
    step.expect(matches!(mode, "numeric" | "text"), "tx_code.input_mode `numeric` or `text`", mode)?;
    let length = tx_code.description.as_ref().map_or(0, |text| text.chars().count());
    step.expect(length <= 300, "tx_code.description of at most 300 characters", length)
}

/// OpenID4VCI §12.2.1: an https URL without query and fragment.
pub(crate) fn identifier(step: Step, text: &str) -> Result<Url, ClaimError> {
    let url = endpoint(step, text)?;
    let bare = url.query().is_none() && url.fragment().is_none();
    step.expect(bare, "an issuer identifier without query and fragment", text)?;
    Ok(url)
}

/// An https URL; plain http only to this machine, where nobody can listen in.
pub(crate) fn endpoint(step: Step, text: &str) -> Result<Url, ClaimError> {
    let url = Url::parse(text).map_err(|_| step.unexpected("a URL", text))?;
    let safe = match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_this_machine(&url),
        _ => false,
    };
    step.expect(safe, "an https URL (or http to this machine)", text)?;
    Ok(url)
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use chancery_protocol::offer::{Grants, PreAuthorizedCode, TxCode};

    use super::*;

    fn offer() -> CredentialOffer {
        CredentialOffer {
            credential_issuer: "https://issuer.example".into(),
            credential_configuration_ids: vec!["badge".into()],
            grants: Some(Grants {
                pre_authorized_code: Some(PreAuthorizedCode {
                    pre_authorized_code: "code".into(),
                    tx_code: None,
                }),
                ..Grants::default()
            }),
        }
    }

    #[test]
    fn a_link_is_read_by_value_and_by_reference() {
        for link in [OfferLink::ByValue(offer()), OfferLink::ByReference("https://h/offers/1".into())] {
            assert_eq!(parse(&format!(" {}\n", link.to_uri())).unwrap(), link);
        }
    }

    #[test]
    fn a_wallets_universal_link_is_read_too() {
        let link = "https://wallet.example/offer?credential_offer_uri=https%3A%2F%2Fh%2Foffers%2F1";
        assert_eq!(parse(link).unwrap(), OfferLink::ByReference("https://h/offers/1".into()));
    }

    #[test]
    fn the_address_of_an_offer_or_of_its_page_is_a_reference() {
        let reference = OfferLink::ByReference("https://h/a/offers/s3cret".into());
        assert_eq!(parse("https://h/a/offers/s3cret/page").unwrap(), reference);
        assert_eq!(parse("https://h/a/offers/s3cret").unwrap(), reference);
    }

    #[test]
    fn what_is_no_link_is_refused_with_what_was_expected() {
        for text in ["", "employee-badge", "openid-credential-offer://", "mailto:a@b", "https://h/?x=1"] {
            let error = parse(text).unwrap_err();
            assert!(error.is_usage(), "{text}");
            assert!(error.to_string().contains("expected a credential offer link"), "{error}");
        }
    }

    #[test]
    fn an_offer_is_checked_before_anything_is_sent() {
        check(&offer()).unwrap();
        let broken = |change: fn(&mut CredentialOffer)| {
            let mut offer = offer();
            change(&mut offer);
            check(&offer).unwrap_err().to_string()
        };
        assert!(broken(|o| o.credential_issuer = "https://h/?q".into()).contains("query"));
        assert!(broken(|o| o.credential_issuer = "http://issuer.example".into()).contains("https"));
        assert!(broken(|o| o.credential_configuration_ids.clear()).contains("none"));
        assert!(broken(|o| o.credential_configuration_ids.push("badge".into())).contains("once"));
        assert!(broken(|o| o.grants = Some(Grants::default())).contains("other grants"));
        assert!(
            broken(|o| {
                let grant = o.grants.as_mut().unwrap().pre_authorized_code.as_mut().unwrap();
                grant.tx_code = Some(TxCode { input_mode: Some("voice".into()), ..TxCode::default() });
            })
            .contains("voice")
        );
    }

    #[test]
    fn plain_http_leads_to_this_machine_only() {
        for address in ["http://127.0.0.1:8080", "http://[::1]/x", "http://localhost", "http://a.localhost"] {
            endpoint(Step::Offer, address).unwrap();
        }
        for address in
            ["http://issuer.example", "http://10.0.0.1", "http://localhost.evil.example", "ftp://h"]
        {
            assert!(endpoint(Step::Offer, address).is_err(), "{address}");
        }
    }
}
