//! What somebody has yet to decide on.

use chancery_domain::{DeferralState, OfferState, TenantId};
use chancery_store::{
    Asking, Deferral, Intent, IntentRefused, NewDeferral, NewOffer, Page, PinnedItem, Settled, Store,
};
use time::{Duration, OffsetDateTime};

use crate::database::{Database, one};
use crate::support::*;

const MONTH: Duration = Duration::days(30);

/// A redeemed offer whose badge is deferred, and a wallet that asked for it.
struct Waited {
    store: Store,
    tenant: TenantId,
    offer: NewOffer,
    deferral: NewDeferral,
    asking: Asking,
}

impl Waited {
    async fn at(database: &Database) -> Self {
        let store = database.store().await;
        let tenant = issuer(&store, "acme").await;
        let offer = redeemed(&store, tenant).await;
        Self::of(store, tenant, offer).await
    }

    async fn of(store: Store, tenant: TenantId, offer: NewOffer) -> Self {
        let deferral = new_deferral(&offer);
        let asking = asking(&deferral);
        let mut tx = store.tenant(tenant).await.unwrap();
        assert!(tx.defer(&deferral).await.unwrap());
        assert!(tx.ask_for_deferred(&asking).await.unwrap());
        tx.commit().await.unwrap();
        Self { store, tenant, offer, deferral, asking }
    }

    async fn look(&self, now: OffsetDateTime) -> Deferral {
        let mut tx = self.store.tenant(self.tenant).await.unwrap();
        let deferral = tx.deferral(self.deferral.id, now).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        deferral
    }

    async fn complete(&self, subject: Option<&[u8]>) -> bool {
        let mut tx = self.store.tenant(self.tenant).await.unwrap();
        let done = tx.complete_deferral(self.deferral.id, subject, NOW).await.unwrap();
        tx.commit().await.unwrap();
        done
    }

    async fn refuse(&self) -> bool {
        let mut tx = self.store.tenant(self.tenant).await.unwrap();
        let done = tx.refuse_deferral(self.deferral.id, "no", NOW).await.unwrap();
        tx.commit().await.unwrap();
        done
    }

    async fn record(&self, intent: &Intent) -> Result<usize, IntentRefused> {
        let tx = self.store.tenant(self.tenant).await.unwrap();
        tx.record_issuance(intent).await.unwrap().map(|tokens| tokens.len())
    }

    fn intent(&self) -> Intent {
        let transaction_hash = Some(self.asking.transaction_hash);
        let settled = Settled { deferral: self.deferral.id, transaction_hash };
        Intent { deferral: Some(settled), ..intent(&self.offer) }
    }

    async fn sealed(&self) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let mut tx = self.store.tenant(self.tenant).await.unwrap();
        let waiting = tx.waiting(self.deferral.id).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        (waiting.sealed_subject, waiting.sealed_keys)
    }
}

fn asking(deferral: &NewDeferral) -> Asking {
    Asking {
        deferral: deferral.id,
        offer: deferral.offer,
        transaction_hash: digest(),
        sealed_keys: b"keys".to_vec(),
        again: false,
        now: NOW,
        expires_at: NOW + MONTH,
    }
}

#[tokio::test]
async fn what_is_completed_is_issued_once() {
    let database = Database::fresh().await;
    let waited = Waited::at(&database).await;
    assert_eq!(waited.look(NOW).await.state, DeferralState::Pending);
    assert_eq!(waited.record(&waited.intent()).await, Err(IntentRefused::Deferred));
    assert_eq!(waited.record(&intent(&waited.offer)).await, Err(IntentRefused::Deferred), "by no other way");
    assert!(waited.complete(Some(b"subject")).await);
    assert!(!waited.complete(None).await, "once");
    assert_eq!(waited.sealed().await, (Some(b"subject".to_vec()), Some(b"keys".to_vec())));
    assert_eq!(waited.record(&intent(&waited.offer)).await, Err(IntentRefused::Deferred));
    assert_eq!(waited.record(&waited.intent()).await, Ok(1));
    assert_eq!(waited.record(&waited.intent()).await, Err(IntentRefused::AlreadyIssued));
    assert_eq!(waited.look(NOW).await.state, DeferralState::Issued);
    assert_eq!(waited.sealed().await, (None, None), "nothing is left of what waited");
    assert!(!waited.refuse().await);
    let mut admin = database.admin().await;
    assert_eq!(one::<i64>(&mut admin, "select count(*) from issuances").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_come_back_one_is_served() {
    let database = Database::fresh().await;
    let waited = std::sync::Arc::new(Waited::at(&database).await);
    assert!(waited.complete(None).await);
    let racing: Vec<_> = (0..10)
        .map(|_| {
            let waited = waited.clone();
            tokio::spawn(async move { waited.record(&waited.intent()).await })
        })
        .collect();
    let mut issued = 0;
    for attempt in racing {
        match attempt.await.unwrap() {
            Ok(_) => issued += 1,
            Err(refused) => assert_eq!(refused, IntentRefused::AlreadyIssued),
        }
    }
    assert_eq!(issued, 1);
}

#[tokio::test]
async fn an_item_is_deferred_once_and_asked_for_once() {
    let database = Database::fresh().await;
    let waited = Waited::at(&database).await;
    let mut tx = waited.store.tenant(waited.tenant).await.unwrap();
    assert!(!tx.defer(&new_deferral(&waited.offer)).await.unwrap());
    let elsewhere = NewDeferral { configuration_id: "unheard-of".into(), ..new_deferral(&waited.offer) };
    assert!(!tx.defer(&elsewhere).await.unwrap());
    assert!(!tx.ask_for_deferred(&asking(&waited.deferral)).await.unwrap());
    // Who may ask again has the former id void.
    let again = Asking { again: true, ..asking(&waited.deferral) };
    assert!(tx.ask_for_deferred(&again).await.unwrap());
    let by = tx.deferral_of_transaction(&waited.asking.transaction_hash, NOW).await.unwrap();
    assert_eq!(by, None);
    let by = tx.deferral_of_transaction(&again.transaction_hash, NOW).await.unwrap().unwrap();
    assert_eq!(by.id, waited.deferral.id);
    tx.commit().await.unwrap();
    assert!(waited.complete(None).await);
    assert_eq!(waited.record(&waited.intent()).await, Err(IntentRefused::Deferred), "by the former id");

    let issued = issued(&waited.store, waited.tenant).await;
    let late = NewDeferral { offer: issued.offer, ..new_deferral(&waited.offer) };
    let mut tx = waited.store.tenant(waited.tenant).await.unwrap();
    assert!(!tx.defer(&late).await.unwrap(), "what was issued is not deferred");
}

#[tokio::test]
async fn a_refused_credential_counts_as_used_up() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let mut pair = new_offer();
    pair.items.push(PinnedItem { configuration_id: "second".to_owned(), revision: REVISION });
    create(&store, tenant, &pair).await;
    redeem(&store, tenant, &pair).await;
    let waited = Waited::of(store, tenant, pair).await;
    assert!(waited.refuse().await);
    assert!(!waited.refuse().await && !waited.complete(None).await);
    assert_eq!(waited.record(&waited.intent()).await, Err(IntentRefused::Deferred));
    let second = Intent { configuration_id: "second".to_owned(), ..intent(&waited.offer) };
    assert_eq!(waited.record(&second).await, Ok(1), "the rest is issued");
    let mut admin = database.admin().await;
    assert_eq!(one::<i64>(&mut admin, "select count(*) from offer_subjects").await, 0);

    let alone = redeemed(&waited.store, tenant).await;
    let alone = Waited::of(waited.store.clone(), tenant, alone).await;
    assert!(alone.complete(Some(b"subject")).await);
    assert!(alone.refuse().await, "until it is fetched");
    let deferral = alone.look(NOW).await;
    assert_eq!((deferral.state, deferral.refusal.as_deref()), (DeferralState::Refused, Some("no")));
    assert_eq!(alone.sealed().await, (None, None));
    let mut tx = alone.store.tenant(tenant).await.unwrap();
    assert_eq!(tx.offer(alone.offer.id).await.unwrap().unwrap().state, OfferState::Failed);
}

#[tokio::test]
async fn who_waits_keeps_the_offer_and_its_subject_until_time_is_over() {
    let database = Database::fresh().await;
    let waited = Waited::at(&database).await;
    let over = NOW + MONTH;
    let mut tx = waited.store.tenant(waited.tenant).await.unwrap();
    let swept = tx.sweep(over - Duration::SECOND).await.unwrap();
    assert_eq!((swept.offers_expired, swept.forgotten), (0, 0));
    assert!(tx.offer_for_issuance(waited.offer.id, over - Duration::SECOND).await.unwrap().is_some());
    tx.commit().await.unwrap();
    assert_eq!(waited.look(over - Duration::SECOND).await.state, DeferralState::Pending);
    assert_eq!(waited.look(over).await.state, DeferralState::Expired, "before anybody swept");
    let mut tx = waited.store.tenant(waited.tenant).await.unwrap();
    assert!(!tx.complete_deferral(waited.deferral.id, None, over).await.unwrap());
    let swept = tx.sweep(over).await.unwrap();
    assert_eq!((swept.offers_expired, swept.forgotten), (1, 1));
    assert!(tx.offer_for_issuance(waited.offer.id, over).await.unwrap().is_none());
    tx.commit().await.unwrap();
    assert_eq!(waited.sealed().await, (None, None));
    let mut tx = waited.store.tenant(waited.tenant).await.unwrap();
    assert_eq!(tx.forget_session(waited.offer.id, over).await.unwrap(), Some(true));
    assert_eq!(tx.deferral(waited.deferral.id, over).await.unwrap(), None);
}

#[tokio::test]
async fn an_offer_takes_its_deferrals_with_it() {
    let database = Database::fresh().await;
    let waited = Waited::at(&database).await;
    assert!(waited.complete(Some(b"subject")).await);
    let mut tx = waited.store.tenant(waited.tenant).await.unwrap();
    tx.cancel_offer(waited.offer.id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(waited.look(NOW).await.state, DeferralState::Cancelled);
    assert_eq!(waited.sealed().await, (None, None));
    assert!(waited.record(&waited.intent()).await.is_err());

    // One that nobody fetched in time.
    let missed = new_offer();
    create(&waited.store, waited.tenant, &missed).await;
    let deferral = new_deferral(&missed);
    let mut tx = waited.store.tenant(waited.tenant).await.unwrap();
    assert!(tx.defer(&deferral).await.unwrap());
    assert!(!tx.ask_for_deferred(&asking(&deferral)).await.unwrap(), "it was not redeemed");
    let at = async |tx: &mut chancery_store::TenantTx, now| {
        tx.deferral(deferral.id, now).await.unwrap().unwrap().state
    };
    assert_eq!(at(&mut tx, missed.expires_at - Duration::SECOND).await, DeferralState::Pending);
    assert_eq!(at(&mut tx, missed.expires_at).await, DeferralState::Expired);
}

#[tokio::test]
async fn deferrals_are_listed_by_how_far_they_have_come() {
    let database = Database::fresh().await;
    let waited = Waited::at(&database).await;
    let other = redeemed(&waited.store, waited.tenant).await;
    let other = Waited::of(waited.store.clone(), waited.tenant, other).await;
    assert!(other.complete(None).await);
    let list = async |state, offer, now, limit| {
        let mut tx = waited.store.tenant(waited.tenant).await.unwrap();
        let page = Page { before: None, limit };
        let (found, next) = tx.deferrals(state, offer, now, &page).await.unwrap();
        (found.into_iter().map(|deferral| deferral.id).collect::<Vec<_>>(), next)
    };
    let (pending, completed) = (Some(DeferralState::Pending), Some(DeferralState::Completed));
    assert_eq!(list(None, None, NOW, 10).await, (vec![other.deferral.id, waited.deferral.id], None));
    assert_eq!(list(None, None, NOW, 1).await, (vec![other.deferral.id], Some(other.deferral.id)));
    assert_eq!(list(pending, None, NOW, 10).await.0, [waited.deferral.id]);
    assert_eq!(list(completed, None, NOW, 10).await.0, [other.deferral.id]);
    assert_eq!(list(None, Some(waited.offer.id), NOW, 10).await.0, [waited.deferral.id]);
    assert!(list(pending, None, NOW + MONTH, 10).await.0.is_empty(), "nobody decides on those any more");
}

#[tokio::test]
async fn anothers_deferral_is_nobodys() {
    let database = Database::fresh().await;
    let waited = Waited::at(&database).await;
    let globex = issuer(&waited.store, "globex").await;
    let mut tx = waited.store.tenant(globex).await.unwrap();
    assert_eq!(tx.deferral(waited.deferral.id, NOW).await.unwrap(), None);
    assert!(tx.waiting(waited.deferral.id).await.unwrap().is_none());
    let by = tx.deferral_of_transaction(&waited.asking.transaction_hash, NOW).await.unwrap();
    assert_eq!(by, None);
    assert!(!tx.complete_deferral(waited.deferral.id, None, NOW).await.unwrap());
    assert!(!tx.refuse_deferral(waited.deferral.id, "no", NOW).await.unwrap());
    assert!(!tx.ask_for_deferred(&Asking { again: true, ..waited.asking.clone() }).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(waited.look(NOW).await.state, DeferralState::Pending);
}
