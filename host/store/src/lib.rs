//! Tenant transactions and every SQL statement.
//!
//! There is no connection without a scope. A [`Store`] hands out
//!
//! - a [`Directory`]: read-only, from a name to a tenant;
//! - a [`TenantTx`]: one tenant, which PostgreSQL's row-level security enforces;
//! - a [`PlatformTx`]: the deployment's own tables, for an operator or a job, without any grant on a
//!   tenant's tables;
//! - a [`ProvisionTx`]: one new tenant, insert only;
//!
//! and nothing else. Every transaction is either committed, rolled back, or its connection is
//! closed: `pool.rs` says why a dropped transaction can never reach another tenant.
//!
//! ```text
//! let mut tx = store.tenant(tenant.id).await?;
//! let offer = tx.offer(id).await?;
//! tx.commit().await?;
//! ```
//!
//! Absence is `None`, a refusal that the caller must handle is a value of the method's own
//! type, and everything else is a [`StoreError`].

mod activations;
mod api_keys;
mod audit;
mod authorizations;
mod burial;
mod changes;
mod clients;
mod configurations;
mod convert;
mod credentials;
mod decisions;
mod deferrals;
mod directory;
mod domains;
mod due;
pub mod embedded;
mod endpoints;
mod error;
mod founding;
mod halts;
mod history;
mod imported_keys;
mod invitations;
mod issuance;
mod key_life;
mod keys;
mod licenses;
mod master;
pub mod migrate;
mod notifications;
mod offers;
mod outbox;
mod page;
mod platform;
mod plugins;
mod policies;
mod pool;
mod principal;
mod providers;
mod provision;
mod redemption;
mod refresh_families;
mod relied;
mod roll_back;
mod scope;
mod seen;
mod session;
mod sessions;
mod shares;
mod sources;
mod status_lists;
mod store;
mod superseded_macs;
mod sweep;
mod tenants;
mod webhooks;

pub use activations::{Activation, InForce};
pub use api_keys::{ApiKey, NewApiKey};
pub use audit::{AuditFilter, AuditTrail, Link, Seal};
pub use authorizations::{Authorized, NewAuthorization, OfferedToHolder};
pub use burial::{LastDocument, WIPED};
pub use changes::{Change, Changes};
pub use clients::{Client, ClientTerms};
pub use configurations::{Configuration, Configurations};
pub use credentials::{Credential, CredentialFilter, StatusChanged};
pub use decisions::{IssuedDecision, KeptInput, PluginDecision};
pub use deferrals::{Asking, Deferral, NewDeferral, Settled, Waiting};
pub use directory::Directory;
pub use domains::Domain;
pub use due::Chore;
pub use endpoints::PublicEndpoint;
pub use error::StoreError;
pub use history::{History, PublishedStatuses, Recovered};
pub use imported_keys::ImportedKey;
pub use invitations::NewInvitation;
pub use issuance::{Asked, Intent, IntentRefused, NewCopy, Repeats, SigningKeyName, UsedOnce};
pub use key_life::KeysTurned;
pub use keys::{KeyState, StoredKey, TenantSecrets};
pub use licenses::{Gate, InstalledLicense};
pub use master::SupersededRoot;
pub use migrate::RolePasswords;
pub use notifications::{Noted, NotificationEvent};
pub use offers::{Cancelled, ISSUE_WITHIN, IssuableOffer, NewOffer, NewTxCode, Offer, OfferItem, PinnedItem};
pub use outbox::{Delivery, Outcome, Taken};
pub use page::Page;
pub use platform::Deployment;
pub use plugins::{NewComponent, Shelved};
pub use policies::{HeldRegistration, InstalledPolicy};
pub use pool::Traffic;
pub use principal::Principal;
pub use providers::{HolderProvider, MOST_PROVIDERS};
pub use provision::{Admission, NewTenant};
pub use redemption::{Redemption, TxCodeAttempt};
pub use refresh_families::{Family, NewFamily, Renewal};
pub use relied::{Relied, When};
pub use roll_back::{Back, RolledBack};
pub use scope::{By, PlatformTx, ProvisionTx, TenantTx};
pub use seen::{Seen, StoredAnswer};
pub use sessions::FORGOTTEN_AT_ONCE;
pub use sources::{LookupSource, MOST_SOURCES};
pub use status_lists::{Lease, STATUS_LIST_SIZE, StatusListRow};
pub use store::{PoolSize, Store, Urls};
pub use sweep::Swept;
pub use tenants::TenantFilter;
pub use webhooks::{PastDelivery, SealedSecrets, Webhook, WebhookTerms};

#[doc(inline)]
pub use embedded::Cluster;
pub use embedded::{EmbeddedError, Shredder};
