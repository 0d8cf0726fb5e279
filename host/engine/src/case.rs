//! An example that an author keeps beside the component instead of in it: the same document, run the same way.

use serde_json::{Value, json};

use crate::{
    component::Component,
    hook::Hook,
    self_test::{Judged, TestCase},
    vectors,
};

/// What a case showed.
#[derive(Debug, Clone)]
pub struct Tried {
    /// Whether it showed what it was to show.
    pub case: TestCase,
    /// The case as it would have to be for that. None where the component said nothing that could be expected.
    pub updated: Option<Value>,
}

impl Component {
    /// Runs a case of that name. What it expects may be missing: then it shows nothing yet.
    ///
    /// The error says in which way the document is no case.
    pub async fn try_case(&self, name: &str, document: &Value) -> Result<Tried, String> {
        let mut document = document.clone();
        let members = document.as_object_mut().ok_or("it is no JSON object")?;
        members.entry("claim").or_insert_with(|| name.into());
        let has = |member: &str| members.contains_key(member);
        let expected = match self.hook() {
            Hook::CredentialTemplate => "outcome",
            Hook::OnboardingPolicy => "decision",
            Hook::License if has("operation") || has("permission") => "permission",
            Hook::License => "entitlements",
        };
        members.entry(expected).or_insert_with(|| json!("whatever it says"));
        let vector = vectors::one(document, self.hook())?;
        let Judged { verdict, usage, said } = self.judged(&vector).await;
        let mut updated = vector.document;
        let mut is_updated = false;
        for (member, said) in said {
            // Of a licence, what is not asked for is not written either.
            if let Some(expected) = updated.get_mut(&member) {
                (*expected, is_updated) = (said, true);
            }
        }
        let updated = is_updated.then_some(updated);
        Ok(Tried { case: TestCase { claim: vector.claim, verdict, usage }, updated })
    }
}
