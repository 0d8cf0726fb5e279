//! Plugins: shelves, activations of a tenant and of the deployment, and the ways back.

use chancery_domain::plugin::{Approval, Part, Whose};
use chancery_domain::template::Revision;
use chancery_store::{Activation, Back, By, NewComponent, Relied, RolledBack, Store, StoreError, When};
use serde_json::json;

use crate::database::Database;
use crate::support::{BADGE, COMPONENT, NOW, REVISION, badge_component, issuer};

const NEXT: [u8; 32] = [0xc1; 32];
const CANARY: Part = Part::Canary { share: 10 };
const LAST: Back<'_> = Back { only: None, shunned: &[], falls_back: false };
const OR_DEFAULT: Back<'_> = Back { falls_back: true, ..LAST };

fn of(component: [u8; 32]) -> Activation {
    let configuration_id = BADGE.to_owned();
    Activation { configuration_id, component, configuration: json!({}), configuration_hash: [1; 32] }
}

/// A store with a tenant that activated a badge of its own, and a next version of the badge.
async fn stocked(database: &Database) -> (Store, chancery_domain::TenantId) {
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let mut platform = store.platform(By::Operator).await.unwrap();
    platform.put_component(&NewComponent { digest: NEXT, ..badge_component() }).await.unwrap();
    platform.commit().await.unwrap();
    (store, tenant)
}

#[tokio::test]
async fn a_superseded_template_stays_for_the_offers_that_pin_it() {
    let database = Database::fresh().await;
    let (store, tenant) = stocked(&database).await;
    let mut tx = store.tenant(tenant).await.unwrap();
    let old = tx.activations().await.unwrap().remove(0).activation;
    assert_eq!(old.configuration.to_string(), r#"{"z":1.5,"a":"order and numbers are kept"}"#);
    let new = of(NEXT);
    tx.activate(&new, Part::Active, NOW).await.unwrap();
    let in_force = tx.activations().await.unwrap();
    assert_eq!((in_force.len(), &in_force[0].activation, in_force[0].whose), (1, &new, Whose::Tenant));
    assert_eq!(tx.activation(BADGE, &REVISION).await.unwrap().as_ref(), Some(&old));
    let unheard_of = Revision { component: [1; 32], ..REVISION };
    assert_eq!(tx.activation(BADGE, &unheard_of).await.unwrap(), None);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn each_step_back_leads_to_what_was_before() {
    let database = Database::fresh().await;
    let (store, tenant) = stocked(&database).await;
    let mut tx = store.tenant(tenant).await.unwrap();
    let old = tx.activations().await.unwrap().remove(0).activation;
    tx.activate(&of(NEXT), Part::Active, NOW).await.unwrap();
    // Once more what is active: that is no step.
    tx.activate(&of(NEXT), Part::Active, NOW).await.unwrap();
    let back = tx.roll_back(BADGE, LAST, NOW).await.unwrap();
    assert_eq!(back, RolledBack::To { from: of(NEXT), ended: Vec::new(), to: Some(old.clone()) });
    assert_eq!(tx.activations().await.unwrap()[0].activation, old);
    assert_eq!(tx.roll_back(BADGE, LAST, NOW).await.unwrap(), RolledBack::Nothing);
    assert_eq!(tx.activations().await.unwrap()[0].activation, old);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_trial_ends_before_the_active_revision_does() {
    let database = Database::fresh().await;
    let (store, tenant) = stocked(&database).await;
    let mut tx = store.tenant(tenant).await.unwrap();
    let parts = |in_force: Vec<chancery_store::InForce>| {
        let mut parts: Vec<_> =
            in_force.into_iter().map(|one| (one.activation.component, one.part)).collect();
        parts.sort_by_key(|(component, _)| *component);
        parts
    };
    tx.activate(&of(NEXT), CANARY, NOW).await.unwrap();
    let both = parts(tx.activations().await.unwrap());
    assert_eq!(both, [(COMPONENT, Some(Part::Active)), (NEXT, Some(CANARY))]);
    assert_eq!(tx.roll_back(BADGE, LAST, NOW).await.unwrap(), RolledBack::Trials(vec![of(NEXT)]));
    assert_eq!(parts(tx.activations().await.unwrap()), [(COMPONENT, Some(Part::Active))]);
    // And what proved itself becomes the active one, which ends its trial.
    tx.activate(&of(NEXT), CANARY, NOW).await.unwrap();
    tx.activate(&of(NEXT), Part::Active, NOW).await.unwrap();
    assert_eq!(parts(tx.activations().await.unwrap()), [(NEXT, Some(Part::Active))]);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_tenant_has_what_the_deployment_activated_until_it_decides_itself() {
    let database = Database::fresh().await;
    let (store, _) = stocked(&database).await;
    let other = crate::support::new_tenant("globex");
    let mut provision = store.provision().await.unwrap();
    assert!(provision.register(&other).await.unwrap());
    provision.commit().await.unwrap();
    let mut platform = store.platform(By::Operator).await.unwrap();
    platform.activate(&of(COMPONENT), Part::Active, NOW).await.unwrap();
    assert!(platform.was_activated(&of(COMPONENT)).await.unwrap());
    assert!(!platform.was_activated(&of(NEXT)).await.unwrap());
    platform.commit().await.unwrap();

    let mut tx = store.tenant(other.tenant.id).await.unwrap();
    let given = tx.activations().await.unwrap();
    assert_eq!((given.len(), &given[0].activation, given[0].whose), (1, &of(COMPONENT), Whose::Deployment));
    assert_eq!(tx.activation(BADGE, &of(COMPONENT).revision()).await.unwrap(), Some(of(COMPONENT)));
    tx.activate(&of(NEXT), Part::Active, NOW).await.unwrap();
    let own = tx.activations().await.unwrap();
    assert_eq!((own.len(), &own[0].activation, own[0].whose), (1, &of(NEXT), Whose::Tenant));
    assert!(tx.has_default(BADGE).await.unwrap());
    let back = tx.roll_back(BADGE, OR_DEFAULT, NOW).await.unwrap();
    assert_eq!(back, RolledBack::To { from: of(NEXT), ended: Vec::new(), to: None });
    assert_eq!(tx.activations().await.unwrap(), given);
    tx.deactivate(&of(COMPONENT), NOW).await.unwrap();
    assert_eq!(tx.activations().await.unwrap(), []);
    // Switching it off is a step like any other.
    tx.roll_back(BADGE, OR_DEFAULT, NOW).await.unwrap();
    assert_eq!(tx.activations().await.unwrap(), given);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_quarantined_plugin_is_neither_loaded_nor_in_force() {
    let database = Database::fresh().await;
    let (store, tenant) = stocked(&database).await;
    let mut platform = store.platform(By::Operator).await.unwrap();
    let changed = NewComponent { wasm: b"other", ..badge_component() };
    assert!(!platform.put_component(&changed).await.unwrap());
    assert_eq!(platform.component(&COMPONENT).await.unwrap().as_deref(), Some(&b"\0asm"[..]));
    assert!(platform.quarantine(&COMPONENT, true).await.unwrap());
    assert!(!platform.quarantine(&COMPONENT, true).await.unwrap());
    assert_eq!(platform.component(&COMPONENT).await.unwrap(), None);
    platform.commit().await.unwrap();
    let mut tx = store.tenant(tenant).await.unwrap();
    assert_eq!(tx.activations().await.unwrap(), []);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_tenant_sees_its_own_shelf_and_what_is_approved_for_all() {
    let database = Database::fresh().await;
    let (store, tenant) = stocked(&database).await;
    let mut platform = store.platform(By::Operator).await.unwrap();
    assert!(platform.shelve(&COMPONENT, Approval::Awaited, NOW, "api-key one").await.unwrap());
    assert!(!platform.shelve(&COMPONENT, Approval::Given, NOW, "api-key two").await.unwrap());
    platform.commit().await.unwrap();
    let mut tx = store.tenant(tenant).await.unwrap();
    assert_eq!(tx.plugins(None).await.unwrap(), []);
    assert!(tx.shelve(&NEXT, Approval::Given, NOW, "api-key three").await.unwrap());
    tx.commit().await.unwrap();

    let mut platform = store.platform(By::Operator).await.unwrap();
    assert!(platform.approve(&COMPONENT).await.unwrap());
    assert!(!platform.approve(&COMPONENT).await.unwrap());
    assert!(!platform.approve(&NEXT).await.unwrap(), "it stands on a tenant's shelf, not here");
    assert_eq!(platform.plugins(Some(&NEXT)).await.unwrap(), []);
    platform.commit().await.unwrap();
    let mut tx = store.tenant(tenant).await.unwrap();
    let seen: Vec<_> = tx.plugins(None).await.unwrap().iter().map(|one| (one.digest, one.whose)).collect();
    assert_eq!(seen.len(), 2);
    assert!(seen.contains(&(NEXT, Whose::Tenant)) && seen.contains(&(COMPONENT, Whose::Deployment)));
    let one = tx.plugins(Some(&NEXT)).await.unwrap().remove(0);
    assert_eq!((one.size, one.approval, one.uploaded_by.as_str()), (4, Approval::Given, "api-key three"));
    assert!(tx.unshelve(&NEXT).await.unwrap());
    assert!(!tx.unshelve(&NEXT).await.unwrap());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn bytes_that_somebody_refers_to_are_not_deleted() {
    let database = Database::fresh().await;
    let (store, _) = stocked(&database).await;
    let mut platform = store.platform(By::Operator).await.unwrap();
    assert!(matches!(platform.drop_component(&COMPONENT).await, Err(StoreError::Conflict(_))));
    platform.rollback().await.unwrap();
    let mut platform = store.platform(By::Operator).await.unwrap();
    assert!(platform.drop_component(&NEXT).await.unwrap());
    platform.commit().await.unwrap();
}

fn told(relied: &[Relied]) -> Vec<(u8, When, Option<serde_json::Value>)> {
    relied.iter().map(|one| (one.activation.component[0], one.when, one.definition.clone())).collect()
}

#[tokio::test]
async fn what_answered_is_relied_on_whatever_became_of_it() {
    let database = Database::fresh().await;
    let (store, tenant) = stocked(&database).await;
    let mut platform = store.platform(By::Operator).await.unwrap();
    platform.activate(&of(COMPONENT), Part::Active, NOW).await.unwrap();
    platform.note_definition(BADGE, &of(COMPONENT).revision(), &json!({ "of": "all" })).await.unwrap();
    assert_eq!(
        told(&platform.relied_on(BADGE).await.unwrap()),
        [(COMPONENT[0], When::Now, Some(json!({ "of": "all" })))]
    );
    platform.commit().await.unwrap();

    let mut tx = store.tenant(tenant).await.unwrap();
    // Of before definitions were kept.
    let relied = tx.relied_on(BADGE).await.unwrap();
    assert_eq!(relied[0].plugin, BADGE);
    let for_all = (COMPONENT[0], When::Earlier, Some(json!({ "of": "all" })));
    assert_eq!(told(&relied), [(COMPONENT[0], When::Now, None), for_all.clone()]);
    // A shadow answers nobody.
    tx.activate(&of(NEXT), Part::Shadow, NOW).await.unwrap();
    assert_eq!(tx.relied_on(BADGE).await.unwrap(), relied);
    tx.activate(&of(NEXT), Part::Active, NOW).await.unwrap();
    tx.note_definition(BADGE, &of(NEXT).revision(), &json!({ "of": "next" })).await.unwrap();
    let next = Some(json!({ "of": "next" }));
    assert_eq!(
        told(&tx.relied_on(BADGE).await.unwrap()),
        [(NEXT[0], When::Now, next.clone()), for_all.clone()]
    );
    tx.deactivate(&of(NEXT), NOW).await.unwrap();
    assert_eq!(
        told(&tx.relied_on(BADGE).await.unwrap()),
        [(NEXT[0], When::Last, next.clone()), for_all.clone()]
    );
    tx.roll_back(BADGE, OR_DEFAULT, NOW).await.unwrap();
    tx.commit().await.unwrap();

    let mut platform = store.platform(By::Operator).await.unwrap();
    assert!(platform.quarantine(&COMPONENT, true).await.unwrap());
    platform.commit().await.unwrap();
    let mut tx = store.tenant(tenant).await.unwrap();
    let for_all = (COMPONENT[0], When::Now, Some(json!({ "of": "all" })));
    assert_eq!(told(&tx.relied_on(BADGE).await.unwrap()), [(NEXT[0], When::Earlier, next), for_all]);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn who_decides_under_an_id_sees_what_others_decided_and_keeps_them_waiting() {
    let database = Database::fresh().await;
    let (store, tenant) = stocked(&database).await;
    let mut first = store.tenant(tenant).await.unwrap();
    // Also where nobody decided anything yet, and there is no row to lock.
    assert_eq!(first.relied_on("other").await.unwrap(), []);
    let second = tokio::spawn({
        let store = store.clone();
        async move {
            let mut second = store.tenant(tenant).await.unwrap();
            let relied = second.relied_on("other").await.unwrap();
            second.commit().await.unwrap();
            relied
        }
    });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!second.is_finished(), "it does not wait");
    let activation = Activation { configuration_id: "other".to_owned(), ..of(NEXT) };
    first.activate(&activation, Part::Active, NOW).await.unwrap();
    first.commit().await.unwrap();
    assert_eq!(told(&second.await.unwrap()), [(NEXT[0], When::Now, None)]);
}

#[tokio::test]
async fn what_fails_is_taken_back_once_and_nothing_else_with_it() {
    let database = Database::fresh().await;
    let (store, tenant) = stocked(&database).await;
    let mut tx = store.tenant(tenant).await.unwrap();
    let of_canary = Activation { configuration_hash: [2; 32], ..of(NEXT) };
    let of_shadow = Activation { configuration_hash: [3; 32], ..of(NEXT) };
    let old = tx.activations().await.unwrap().remove(0).activation;
    tx.activate(&of(COMPONENT), Part::Active, NOW).await.unwrap();
    tx.activate(&of(NEXT), Part::Active, NOW).await.unwrap();
    tx.activate(&of_canary, CANARY, NOW).await.unwrap();
    tx.activate(&of_shadow, Part::Shadow, NOW).await.unwrap();

    let failing = |activation: &Activation| Back { only: Some(activation.revision()), ..LAST };
    let ended = RolledBack::Trials(vec![of_canary.clone()]);
    assert_eq!(tx.roll_back(BADGE, failing(&of_canary), NOW).await.unwrap(), ended, "the shadow goes on");
    assert_eq!(tx.roll_back(BADGE, failing(&of_canary), NOW).await.unwrap(), RolledBack::Done);
    let back = tx.roll_back(BADGE, failing(&of(NEXT)), NOW).await.unwrap();
    let to = Some(of(COMPONENT));
    assert_eq!(back, RolledBack::To { from: of(NEXT), ended: vec![of_shadow], to });
    // Another replica that saw it fail, too.
    assert_eq!(tx.roll_back(BADGE, failing(&of(NEXT)), NOW).await.unwrap(), RolledBack::Done);
    assert_eq!(tx.activations().await.unwrap()[0].activation, of(COMPONENT));
    assert!(
        matches!(tx.roll_back(BADGE, LAST, NOW).await.unwrap(), RolledBack::To { to: Some(to), .. } if to == old)
    );
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn nobody_goes_back_to_what_may_not_be_used() {
    let database = Database::fresh().await;
    let (store, tenant) = stocked(&database).await;
    let mut platform = store.platform(By::Operator).await.unwrap();
    let third = NewComponent { digest: [0xc2; 32], ..badge_component() };
    platform.put_component(&third).await.unwrap();
    platform.quarantine(&NEXT, true).await.unwrap();
    platform.commit().await.unwrap();
    let mut tx = store.tenant(tenant).await.unwrap();
    let old = tx.activations().await.unwrap().remove(0).activation;
    tx.activate(&of(NEXT), Part::Active, NOW).await.unwrap();
    tx.activate(&of(third.digest), Part::Active, NOW).await.unwrap();
    assert_eq!(tx.predecessors(BADGE).await.unwrap(), [NEXT, COMPONENT]);
    let shunned = Back { shunned: &[COMPONENT], ..LAST };
    assert_eq!(tx.roll_back(BADGE, shunned, NOW).await.unwrap(), RolledBack::Nothing);
    assert_eq!(tx.activations().await.unwrap()[0].activation, of(third.digest));
    let over_it = RolledBack::To { from: of(third.digest), ended: Vec::new(), to: Some(old) };
    assert_eq!(tx.roll_back(BADGE, LAST, NOW).await.unwrap(), over_it);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_is_kept_for_a_tenant_alone_is_counted_once_and_whatever_is_in_force() {
    let database = Database::fresh().await;
    let (store, tenant) = stocked(&database).await;
    let mut tx = store.tenant(tenant).await.unwrap();
    // What the tenant activated is kept, also when it stands on no shelf.
    assert_eq!(tx.plugins_kept().await.unwrap(), (1, 4));
    tx.shelve(&COMPONENT, Approval::Given, NOW, "api-key one").await.unwrap();
    tx.shelve(&NEXT, Approval::Awaited, NOW, "api-key one").await.unwrap();
    assert_eq!(tx.plugins_kept().await.unwrap(), (2, 8));
    tx.commit().await.unwrap();
    // What the deployment keeps, it keeps for all.
    let mut platform = store.platform(By::Operator).await.unwrap();
    platform.shelve(&NEXT, Approval::Given, NOW, "operator").await.unwrap();
    platform.commit().await.unwrap();
    let mut tx = store.tenant(tenant).await.unwrap();
    assert_eq!(tx.plugins_kept().await.unwrap(), (1, 4));
    tx.commit().await.unwrap();
}
