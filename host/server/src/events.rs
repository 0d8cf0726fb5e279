//! What happens is told to whoever the tenant wants to have told, in the transaction in which it happens.
//!
//! Whether anybody listens is remembered with the tenant, so that a tenant without webhooks pays a look into memory.
//! Which webhooks are told, the statement that writes it decides.

use chancery_domain::event::TEST;
use chancery_domain::{Event, EventId, EventType, OfferId, OfferState, random_bytes};
use chancery_store::{StoreError, TenantTx};
use serde_json::{Value, json};

use crate::app::App;
use crate::issuer::Issuer;

impl App {
    /// Something that happens now.
    pub(crate) fn event(&self, kind: EventType, data: Value) -> Event {
        Event { id: self.event_id(), at: self.now(), kind: kind.as_str(), data }
    }

    /// Nothing that happens, to try a webhook with.
    pub(crate) fn test_event(&self) -> Event {
        let data = json!({ "message": "This webhook works." });
        Event { id: self.event_id(), at: self.now(), kind: TEST, data }
    }

    fn event_id(&self) -> EventId {
        EventId::new(self.now(), random_bytes(self.random.as_ref()))
    }

    /// Tells of an event, if anybody listens.
    pub(crate) async fn tell(
        &self,
        issuer: &Issuer,
        tx: &mut TenantTx,
        kind: EventType,
        data: impl FnOnce() -> Value,
    ) -> Result<(), StoreError> {
        if issuer.listens(kind) { tx.tell(&[self.event(kind, data())]).await } else { Ok(()) }
    }

    /// Tells that an offer came into a state, if anybody listens.
    pub(crate) async fn tell_of_offer(
        &self,
        issuer: &Issuer,
        tx: &mut TenantTx,
        offer: OfferId,
        state: OfferState,
    ) -> Result<(), StoreError> {
        self.tell(issuer, tx, EventType::of_offer(state), || offer_data(offer, state)).await
    }
}

/// What is told of an offer.
pub(crate) fn offer_data(offer: OfferId, state: OfferState) -> Value {
    json!({ "offer_id": offer, "state": state })
}
