//! What the service decides. API, portal and command line enter by the same operations.

pub(crate) mod accept_invitation;
pub(crate) mod administer_tenant;
pub(crate) mod bind_endpoint;
pub(crate) mod change_status;
pub(crate) mod claim_domain;
pub(crate) mod configure;
pub(crate) mod create_offer;
pub(crate) mod delete_tenant;
pub(crate) mod fetch_offer;
pub(crate) mod find_template;
pub(crate) mod forget_sessions;
pub(crate) mod found_platform;
pub(crate) mod grant_client_token;
pub(crate) mod halt_issuance;
pub(crate) mod import_key;
pub(crate) mod issue_credential;
pub(crate) mod note_outcome;
pub(crate) mod prepare_dataset;
pub(crate) mod publish_status_list;
pub(crate) mod redeem_code;
pub(crate) mod register_tenant;
pub(crate) mod rotate_key;
pub(crate) mod seal_audit_trail;
pub(crate) mod take_status_indices;
pub(crate) mod verify_audit_trail;
pub(crate) mod verify_domains;
