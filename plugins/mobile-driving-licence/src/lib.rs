//! The mobile driving licence (mDL) of ISO/IEC 18013-5, as mdoc and as SD-JWT VC.
//!
//! The offer carries the driver's data elements under their names; authority, country and sign come
//! from the tenant's configuration; age and its thresholds follow from the day of issuance, so the
//! credential is short-lived and the wallet fetches a new one.
//!
//! | module | what it holds |
//! |---|---|
//! | [`elements`] | every data element: its kind, its encoding, its labels |
//! | [`configuration`] | what the tenant decides, with defaults for development |
//! | [`subject`] | what an offer may say about a driver |

pub mod configuration;
pub mod elements;
pub mod subject;

use chancery_plugin_sdk::prelude::*;

use crate::configuration::Configuration;

/// The licence.
pub struct MobileDrivingLicence;

chancery_plugin_sdk::export!(
    MobileDrivingLicence,
    vectors: ["everything", "only-what-is-required", "the-day-before-a-birthday", "it-has-ended"]
);

impl CredentialTemplate for MobileDrivingLicence {
    fn describe(configuration: Value) -> Result<Definition, Fault> {
        let configuration = Configuration::parse(configuration)?;
        let definition = Definition::new("mobile-driving-licence")
            .display(
                Display::new("en", "Mobile driving licence")
                    .description("Shows what you may drive, and who you are.")
                    .colors("#7a3b69", "#ffffff"),
            )
            .display(
                Display::new("de", "Digitaler Führerschein")
                    .description("Zeigt, was Sie fahren dürfen und wer Sie sind.")
                    .colors("#7a3b69", "#ffffff"),
            );
        Ok(elements::declare(definition, &configuration.age_over)
            .subject_schema(subject::schema())
            .configuration_schema(configuration::schema())
            .validity_days(configuration.validity_days))
    }

    fn prepare(request: Request, context: Context) -> Result<Outcome, Fault> {
        let configuration = Configuration::parse(context.configuration)?;
        let today = Day::at(context.now);
        let born = match subject::check(&request, today) {
            Ok(born) => born,
            Err(issues) => return Ok(Outcome::Refuse(issues)),
        };
        let age = born.age_on(today);
        let expires = request.day("expiry_date");
        let mut dataset = request.subject;
        for years in &configuration.age_over {
            dataset.insert(elements::age_over(*years), (age >= u16::from(*years)).into());
        }
        dataset.insert("age_in_years".into(), age.into());
        dataset.insert("age_birth_year".into(), born.year().into());
        dataset.insert("issuing_authority".into(), configuration.issuing_authority.into());
        dataset.insert("issuing_country".into(), configuration.issuing_country.into());
        dataset.insert("un_distinguishing_sign".into(), configuration.un_distinguishing_sign.into());
        if let Some(jurisdiction) = configuration.issuing_jurisdiction {
            dataset.insert("issuing_jurisdiction".into(), jurisdiction.into());
        }
        Ok(Outcome::Issue(Dataset::from(dataset).good_through(expires)))
    }
}

#[cfg(test)]
mod tests {
    use chancery_plugin_sdk::Cbor;

    use super::*;

    #[test]
    fn the_licence_has_every_mandatory_element_of_the_standard() {
        let mdoc = MobileDrivingLicence::describe(json!({})).unwrap().mdoc.unwrap();
        assert_eq!(mdoc.doctype, "org.iso.18013.5.1.mDL");
        assert!(mdoc.elements.iter().all(|element| element.namespace == "org.iso.18013.5.1"));
        for (name, cbor) in [
            ("family_name", Cbor::Plain),
            ("given_name", Cbor::Plain),
            ("birth_date", Cbor::FullDate),
            ("issue_date", Cbor::FullDate),
            ("expiry_date", Cbor::FullDate),
            ("issuing_country", Cbor::Plain),
            ("issuing_authority", Cbor::Plain),
            ("document_number", Cbor::Plain),
            ("portrait", Cbor::Bytes),
            ("driving_privileges", Cbor::Dated),
            ("un_distinguishing_sign", Cbor::Plain),
        ] {
            let found = mdoc.elements.iter().find(|element| element.element == name);
            assert_eq!(found.map(|element| element.cbor), Some(cbor), "{name}");
        }
    }

    #[test]
    fn a_jurisdiction_lies_in_its_country() {
        let configuration = json!({"issuing_country": "DE", "issuing_jurisdiction": "FR-75"});
        assert_eq!(MobileDrivingLicence::describe(configuration).unwrap_err().code, "invalid-configuration");
    }
}
