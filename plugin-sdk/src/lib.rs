//! What the author of a Chancery plugin imports.
//!
//! A credential template is a type that answers two questions: what the credential consists
//! of, and what goes into one of them. Everything it may know is in the arguments; what it
//! answers is data; the host validates, signs and publishes.
//!
//! ```
//! use chancery_plugin_sdk::prelude::*;
//!
//! struct MembershipCard;
//!
//! impl CredentialTemplate for MembershipCard {
//!     fn describe(_: Value) -> Result<Definition, Fault> {
//!         Ok(Definition::new("membership-card")
//!             .display(Display::new("en", "Membership card").colors("#123456", "#ffffff"))
//!             .field(Field::text("member_number").mandatory().label("en", "Member number"))
//!             .sd_jwt("https://club.example/membership-card", |claims| claims.selective("member_number"))
//!             .subject_schema(json!({
//!                 "type": "object",
//!                 "properties": {"member_number": {"type": "string", "minLength": 1}},
//!                 "required": ["member_number"],
//!                 "additionalProperties": false
//!             }))
//!             .validity_days(365))
//!     }
//!
//!     fn prepare(request: Request, _: Context) -> Result<Outcome, Fault> {
//!         Ok(Outcome::Issue(request.subject.into()))
//!     }
//! }
//!
//! chancery_plugin_sdk::export!(MembershipCard);
//! # fn main() {}
//! ```
//!
//! Policies that decide who may become a tenant are in [`policy`], plugins that say what a licence allows
//! in [`license`].
//!
//! The crate is built for `wasm32-unknown-unknown` as a `cdylib` and turned into a component.
//! Add `rlib` to the crate's types, and `cargo test` runs the same code natively.

mod day;
mod definition;
mod description;
mod export;
mod guest;
pub mod license;
pub mod log;
mod outcome;
pub mod policy;
mod request;
pub mod vector;

pub use day::Day;
pub use definition::{
    Cbor, Claims, Definition, Disclosure, Display, Field, MdocElement, MdocProjection, Projection,
    SdJwtClaim, Source, ValueKind, W3cProjection,
};
pub use description::{Description, PluginDisplay};
pub use outcome::{Dataset, Fault, Issue, Lookup, Outcome};
pub use request::{Answer, Authentication, Context, Purpose, Request};
/// JSON, as the documents inside the contract are written.
pub use serde_json::{Map, Value, json};

#[doc(hidden)]
pub use export::{bytes, section};
#[doc(hidden)]
pub use guest::bindings;

/// A credential template.
///
/// Both functions are pure: there is no clock, no randomness, no file and no network, and
/// nothing is kept from one call to the next.
pub trait CredentialTemplate {
    /// Describes the credential type under a configuration, the empty object included.
    fn describe(configuration: Value) -> Result<Definition, Fault>;

    /// Decides on one credential. The subject data matches the definition's schema of it.
    fn prepare(request: Request, context: Context) -> Result<Outcome, Fault>;
}

/// Everything that a template usually needs.
pub mod prelude {
    pub use crate::{
        Answer, Context, CredentialTemplate, Dataset, Day, Definition, Display, Fault, Field, Issue, Lookup,
        Map, Outcome, Purpose, Request, Source, Value, json,
    };
}
