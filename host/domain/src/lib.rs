//! What Chancery means by its words: tenants, offers, templates, credentials.
//!
//! No I/O, no clock, no randomness: those are passed in. Everything here is
//! plain data with the rules that belong to it, shared by the three crates
//! that do the work (`store`, `engine`, `credential`) and never import one
//! another.

pub mod address;
pub mod audit;
pub mod chance;
pub mod clock;
pub mod credential;
pub mod dataset;
pub mod deferral;
pub mod event;
pub mod halt;
pub mod id;
pub mod issuance;
pub mod key_attestation;
pub mod offer;
pub mod onboarding;
pub mod plugin;
pub mod scope;
pub mod session;
pub mod settings;
pub mod slug;
pub mod template;
pub mod tenant;
pub mod webhook;

pub use audit::AuditEntry;
pub use chance::{Random, random_bytes};
pub use clock::Clock;
pub use credential::{CredentialStatus, StatusChange};
pub use dataset::Dataset;
pub use deferral::DeferralState;
pub use event::{Event, EventType};
pub use id::{
    ApiKeyId, AuditEntryId, AuthorizationId, ClientId, CredentialId, DecisionId, DeferralId, EventId, HaltId,
    InvitationId, IssuanceId, OfferId, RequestId, TenantId, WebhookId,
};
pub use issuance::{IssuanceToken, StatusEntry};
pub use offer::{OfferGrant, OfferState};
pub use slug::Slug;
pub use tenant::Tenant;
