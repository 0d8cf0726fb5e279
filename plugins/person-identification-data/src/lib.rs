//! The European person identification data (PID), as SD-JWT VC and as mdoc.
//!
//! Attributes, names and encodings are those of the PID Rulebook 1.4 (ARF Annex 3.01, chapter 4),
//! which follows CIR 2024/2977. The offer carries the person's attributes under their claim
//! names; authority, country and validity come from the tenant's configuration; the rest follows
//! from the day of issuance. Everything is selectively disclosable.
//!
//! | module | what it holds |
//! |---|---|
//! | [`attributes`] | every attribute: its claim, its kind, its labels |
//! | [`elements`] | the same attributes as elements of an mdoc |
//! | [`configuration`] | what the tenant decides, with defaults for development |
//! | [`subject`] | what an offer may say about a person |

pub mod attributes;
pub mod configuration;
pub mod elements;
pub mod subject;

use chancery_plugin_sdk::prelude::*;

use crate::{attributes::ATTRIBUTES, configuration::Configuration};

/// The PID.
pub struct PersonIdentificationData;

chancery_plugin_sdk::export!(
    PersonIdentificationData,
    vectors: ["everything", "only-what-is-required", "the-day-before-a-birthday", "not-born-yet", "a-portrait-that-is-none"]
);

impl CredentialTemplate for PersonIdentificationData {
    fn describe(configuration: Value) -> Result<Definition, Fault> {
        let configuration = Configuration::parse(configuration)?;
        let thresholds = &configuration.age_equal_or_over;
        Ok(Definition::new("person-identification-data")
            .display(
                Display::new("en", "Person identification data")
                    .description("Shows who you are, all over Europe.")
                    .colors("#003399", "#ffffff"),
            )
            .display(
                Display::new("de", "Personenidentifizierungsdaten")
                    .description("Zeigt in ganz Europa, wer Sie sind.")
                    .colors("#003399", "#ffffff"),
            )
            .fields(ATTRIBUTES.iter().map(attributes::field))
            .field(elements::field())
            .fields(thresholds.iter().map(|years| attributes::age_field(*years)))
            .sd_jwt("urn:eudi:pid:1", |claims| {
                let claims = ATTRIBUTES.iter().fold(claims, attributes::claim);
                thresholds.iter().fold(claims, |claims, years| attributes::age_claim(claims, *years))
            })
            .mdoc(elements::projection(thresholds))
            .subject_schema(subject::schema())
            .configuration_schema(configuration::schema())
            .validity_days(configuration.validity_days))
    }

    fn prepare(request: Request, context: Context) -> Result<Outcome, Fault> {
        let configuration = Configuration::parse(context.configuration)?;
        let today = Day::at(context.now);
        let born = match subject::check(&request.subject, today) {
            Ok(born) => born,
            Err(issues) => return Ok(Outcome::Refuse(issues)),
        };

        let mut dataset = Map::new();
        elements::place_of_birth(&request.subject, &mut dataset);
        dataset.append(&mut attributes::of_person(request.subject));
        for years in &configuration.age_equal_or_over {
            let reached = born.age_on(today) >= u16::from(*years);
            dataset.insert(attributes::age_name(*years), reached.into());
        }
        let expiry = today.plus_years(configuration.administrative_validity_years);
        dataset.insert("date_of_issuance".into(), today.to_string().into());
        dataset.insert("date_of_expiry".into(), expiry.to_string().into());
        dataset.insert("issuing_authority".into(), configuration.issuing_authority.into());
        dataset.insert("issuing_country".into(), configuration.issuing_country.into());
        dataset.insert("attestation_legal_category".into(), "PID".into());
        if let Some(jurisdiction) = configuration.issuing_jurisdiction {
            dataset.insert("issuing_jurisdiction".into(), jurisdiction.into());
        }
        if let Some(trust_anchor) = configuration.trust_anchor {
            dataset.insert("trust_anchor".into(), trust_anchor.into());
        }
        Ok(Outcome::Issue(Dataset::from(dataset).good_through(expiry)))
    }
}

#[cfg(test)]
mod tests {
    use chancery_plugin_sdk::Disclosure;

    use super::*;

    #[test]
    fn a_jurisdiction_lies_in_its_country() {
        let fault = PersonIdentificationData::describe(json!({
            "issuing_country": "DE",
            "issuing_jurisdiction": "FR-75"
        }));
        assert_eq!(fault.unwrap_err().code, "invalid-configuration");
    }

    #[test]
    fn every_claim_is_selectively_disclosable_and_every_field_has_a_place_in_both_forms() {
        let definition = PersonIdentificationData::describe(json!({})).unwrap();
        let claims = definition.sd_jwt.unwrap().claims;
        assert!(claims.iter().all(|claim| claim.disclosure == Disclosure::Selective));
        let of_mdoc = definition.mdoc.unwrap().elements;
        for field in &definition.fields {
            let (name, whole) = (field.name.as_str(), elements::PLACE_OF_BIRTH);
            assert_eq!(claims.iter().any(|claim| claim.field == name), name != whole, "{name}");
            let in_pieces = name.starts_with(whole) && name != whole;
            assert_eq!(of_mdoc.iter().any(|element| element.field == name), !in_pieces, "{name}");
        }
    }
}
