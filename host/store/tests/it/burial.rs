//! What is left of a tenant that was deleted.

use chancery_domain::tenant::TenantStatus;
use chancery_store::{By, Chore, WIPED};
use time::Duration;

use crate::database::{Database, one};
use crate::support::*;

#[tokio::test]
async fn a_tenant_is_wiped_and_its_neighbour_is_not() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let (gone, stays) = (issuer(&store, "gone").await, issuer(&store, "stays").await);
    for tenant in [gone, stays] {
        issued(&store, tenant).await;
        create(&store, tenant, &new_offer()).await;
    }
    let mut tx = store.tenant(gone).await.unwrap();
    assert_eq!(tx.last_expiry().await.unwrap(), Some(time::macros::datetime!(2027-02-19 11:00 UTC)));
    assert!(tx.bury(&[last_document()]).await.unwrap());
    assert!(!tx.bury(&[last_document()]).await.unwrap(), "a key is destroyed once");
    while tx.wipe().await.unwrap() > 0 {}
    assert!(tx.secrets().await.unwrap().is_none());
    assert_eq!(tx.last_documents().await.unwrap(), [last_document()]);
    tx.commit().await.unwrap();
    let mut admin = database.admin().await;
    for table in WIPED.iter().chain(&["tenant_secrets"]) {
        let rows = async |tenant: chancery_domain::TenantId| {
            format!("select count(*) from {table} where tenant_id = '{}'", tenant.uuid())
        };
        let count: i64 = one(&mut admin, &rows(gone).await).await;
        assert_eq!(count, 0, "{table}");
    }
    let kept: i64 =
        one(&mut admin, &format!("select count(*) from issuances where tenant_id = '{}'", stays.uuid()))
            .await;
    assert_eq!(kept, 1);

    let over = last_document().expires_at;
    let mut tx = store.tenant(gone).await.unwrap();
    assert_eq!(tx.forget_last_documents(over - Duration::SECOND).await.unwrap(), Some(over));
    assert_eq!(tx.forget_last_documents(over).await.unwrap(), None);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn who_decides_upon_a_deletion_leaves_the_chore_behind() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let at = NOW + Duration::DAY;
    let mut tx = store.platform(By::Operator).await.unwrap();
    let read = tx.tenant(tenant).await.unwrap().unwrap();
    assert!(tx.schedule_burial(&read, at).await.unwrap());
    assert!(!tx.schedule_burial(&read, at).await.unwrap(), "over the version that was read");
    let closing = tx.tenant(tenant).await.unwrap().unwrap();
    assert_eq!((closing.status, closing.delete_at), (TenantStatus::Closing, Some(at)));
    assert_eq!(tx.due(Chore::Bury, NOW, 10).await.unwrap(), []);
    assert_eq!(tx.due(Chore::Bury, at, 10).await.unwrap(), [tenant]);
    tx.tombstone(tenant).await.unwrap();
    let gone = tx.tenant(tenant).await.unwrap().unwrap();
    assert_eq!(
        (gone.status, gone.slug.as_str(), gone.name.as_str()),
        (TenantStatus::Deleted, "acme", "acme")
    );
    tx.commit().await.unwrap();
}
