//! Record first, sign second.

use chancery_domain::{OfferState, StatusEntry};
use chancery_store::{By, ComponentStatus, IntentRefused, KeyState, NewCopy, NewOffer, PinnedItem, UsedOnce};
use chancery_domain::tenant::TenantStatus;
use chancery_domain::template::Revision;
use time::Duration;

use crate::database::{Database, one};
use crate::support::*;

#[tokio::test]
async fn an_intent_becomes_one_token_for_every_copy() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let offer = redeemed(&store, tenant).await;
    let mut intent = intent(&offer);
    intent.copies.push(NewCopy {
        credential: crate::support::intent(&offer).copies[0].credential,
        status: StatusEntry { list: 0, index: 900_000 },
    });

    let tx = store.tenant(tenant).await.unwrap();
    let tokens = tx.record_issuance(&intent).await.unwrap().unwrap();

    let promised: Vec<_> = intent.copies.iter().map(|copy| (copy.credential, copy.status)).collect();
    let given: Vec<_> = tokens.iter().map(|token| (token.credential(), token.status())).collect();
    assert_eq!(given, promised);
    let mut tx = store.tenant(tenant).await.unwrap();
    let credential = tx.credential(intent.copies[1].credential).await.unwrap().unwrap();
    assert_eq!((credential.offer, credential.issuance), (offer.id, intent.issuance));
    assert_eq!(credential.status_entry.index, 900_000);
    assert!(!credential.handed_out);
    let offer = tx.offer(offer.id).await.unwrap().unwrap();
    assert_eq!((offer.state, offer.items[0].issuance), (OfferState::Issued, Some(intent.issuance)));
}
