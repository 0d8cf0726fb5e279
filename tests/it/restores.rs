//! A database that was put back in time: no index is given out twice, no revocation is undone

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use chancery_tests::answer::text;
use chancery_tests::people::badge;
use chancery_tests::sd_jwt::SdJwt;
use chancery_tests::{Acme, House};

/// A copy of the cluster of a house that is stopped.
struct Backup {
    cluster: PathBuf,
    copy: PathBuf,
}

impl Backup {
    fn of(house: &House) -> Self {
        let cluster = house.data().join("postgres");
        let copy = house.data().join("a-copy-of-postgres");
        let backup = Self { cluster, copy };
        copy_all(&backup.cluster, &backup.copy);
        backup
    }

    /// Once the cluster is at rest: a host that was killed does not wait for it.
    fn put_back(&self) {
        let ended = Instant::now();
        while self.cluster.join("postmaster.pid").exists() {
            assert!(ended.elapsed() < Duration::from_secs(30), "the database outlives its host");
            std::thread::sleep(Duration::from_millis(50));
        }
        std::fs::remove_dir_all(&self.cluster).unwrap();
        copy_all(&self.copy, &self.cluster);
    }
}

fn copy_all(from: &PathBuf, to: &PathBuf) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

async fn issued(acme: &Acme) -> (SdJwt, String) {
    let offer = acme.issuer().offer(badge()).await;
    let credential = acme.wallet().claim(&offer).await;
    let id = acme.issuer().issued(&offer).await.remove(0);
    (acme.verifier().verify(&credential).await, id)
}

fn list_of(credential: &SdJwt) -> String {
    text(&credential.payload["status"]["status_list"]["uri"])
}

/// Waits until what changed was published, by nobody's asking.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(2500)).await;
}

#[tokio::test]
async fn a_database_that_was_put_back_unrevokes_nothing() {
    let mut house = House::start();
    let acme = house.acme();
    let (kept, kept_id) = issued(&acme).await;
    let (other, _) = issued(&acme).await;
    house.stop();
    let backup = Backup::of(&house);

    house.start_again();
    let acme = house.acme();
    let (forgotten, forgotten_id) = issued(&acme).await;
    let (innocent, _) = issued(&acme).await;
    acme.issuer().change(&kept_id, "revoke").await.granted();
    acme.issuer().change(&forgotten_id, "revoke").await.granted();
    a_moment().await;
    // However it ends.
    house.kill();
    house.stop();
    backup.put_back();

    house.start_again();
    let acme = house.acme();
    for (credential, status) in [(&kept, 1), (&forgotten, 1), (&innocent, 0), (&other, 0)] {
        assert_eq!(acme.verifier().status(credential).await, status);
    }
    assert_eq!(acme.issuer().get(&format!("/credentials/{kept_id}")).await.granted()["status"], "revoked");
    let told = acme.issuer().get("/audit?action=statuses.recovered").await.granted();
    let entry = &told["data"][0];
    assert_eq!((&entry["actor"], text(&entry["target"])), (&"host".into(), list_of(&kept)), "{told}");
    assert!(house.log().contains("the database was restored"));
    // What was issued in the time that is forgotten has an index in the old list: nobody else gets one there.
    let (new, _) = issued(&acme).await;
    assert_ne!(list_of(&new), list_of(&forgotten));

    // It is noticed once.
    house.stop();
    house.start_again();
    let (again, _) = issued(&house.acme()).await;
    assert_eq!(list_of(&again), list_of(&new));
}

#[tokio::test]
async fn one_backup_that_is_put_back_twice_leads_to_three_lists() {
    let mut house = House::start();
    house.stop();
    let backup = Backup::of(&house);
    let mut lists = Vec::new();
    let mut revoked = Vec::new();
    for _ in 0..3 {
        house.start_again();
        let acme = house.acme();
        let (credential, id) = issued(&acme).await;
        assert!(!lists.contains(&list_of(&credential)), "of before the restore, or so a verifier believes");
        lists.push(list_of(&credential));
        // All that was revoked in any of the pasts.
        for before in &revoked {
            assert_eq!(acme.verifier().status(before).await, 1);
        }
        acme.issuer().change(&id, "revoke").await.granted();
        a_moment().await;
        revoked.push(credential);
        house.kill();
        house.stop();
        backup.put_back();
    }
}
