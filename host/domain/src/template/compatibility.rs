//! What may change between two versions of a credential type, and what needs a new type.
//!
//! Wallets and verifiers know a credential by its configuration id and its `vct` or doctype, and both outlive the
//! version of the plugin that shaped it. So new optional claims, labels and colours may come at any time; whatever
//! makes an earlier credential look wrong, or shows more of its holder, may not.

use super::{Definition, Disclosure, Field, Issue};

impl Definition {
    /// What keeps `next` from taking the place of this definition; nothing if it may. Pointers lead into the
    /// definition.
    pub fn incompatibilities(&self, next: &Self) -> Vec<Issue> {
        let mut found = Found::default();
        if self.configuration_id != next.configuration_id {
            found.say("/configuration_id", "renamed", "another id is another credential type");
        }
        for field in &self.fields {
            found.field(field, next.fields.iter().find(|next| next.name == field.name));
        }
        for field in &next.fields {
            if field.mandatory && !self.fields.iter().any(|field_before| field_before.name == field.name) {
                let message =
                    format!("the new field {} is mandatory, which earlier credentials lack", field.name);
                found.say(&at_field(&field.name), "new-mandatory", message);
            }
        }
        self.compare_sd_jwt(next, &mut found);
        self.compare_mdoc(next, &mut found);
        self.compare_w3c(next, &mut found);
        found.issues
    }

    /// What keeps `next` from coming after this definition, which was in force before the one that `next` takes the
    /// place of. What was taken back with it may stay away; what comes again is what it was.
    pub fn contradictions(&self, next: &Self) -> Vec<Issue> {
        let mut issues = self.incompatibilities(next);
        issues.retain(|issue| !["removed", "new-mandatory"].contains(&issue.code.as_str()));
        issues
    }

    fn compare_sd_jwt(&self, next: &Self, found: &mut Found) {
        let Some(before) = &self.sd_jwt else { return };
        let Some(after) = &next.sd_jwt else {
            return found.say("/sd_jwt", "removed", "the SD-JWT VC form is gone");
        };
        if before.vct != after.vct {
            let message = format!("the vct was {} and would be {}", before.vct, after.vct);
            found.say("/sd_jwt/vct", "changed", message);
        }
        for claim in &before.claims {
            let at = format!("/sd_jwt/claims/{}", claim.field);
            match after.claims.iter().find(|next| next.field == claim.field) {
                None => found.say(&at, "removed", format!("the claim of {} is gone", claim.field)),
                Some(next) if next.path != claim.path => {
                    found.say(&at, "moved", format!("the claim of {} is elsewhere", claim.field));
                }
                Some(next)
                    if exposes(claim.disclosure, next.disclosure) || (claim.elements && !next.elements) =>
                {
                    let message = format!("the holder could withhold {} and no longer may", claim.field);
                    found.say(&at, "weaker-disclosure", message);
                }
                Some(_) => {}
            }
        }
    }

    fn compare_mdoc(&self, next: &Self, found: &mut Found) {
        let Some(before) = &self.mdoc else { return };
        let Some(after) = &next.mdoc else {
            return found.say("/mdoc", "removed", "the mdoc form is gone");
        };
        if before.doctype != after.doctype {
            let message = format!("the doctype was {} and would be {}", before.doctype, after.doctype);
            found.say("/mdoc/doctype", "changed", message);
        }
        for element in &before.elements {
            let at = format!("/mdoc/elements/{}", element.element);
            match after.elements.iter().find(|next| next.field == element.field) {
                None => found.say(&at, "removed", format!("the element of {} is gone", element.field)),
                Some(next) if next != element => {
                    found.say(
                        &at,
                        "changed",
                        format!("the element of {} is elsewhere or of another type", element.field),
                    );
                }
                Some(_) => {}
            }
        }
    }

    fn compare_w3c(&self, next: &Self, found: &mut Found) {
        let Some(before) = &self.w3c else { return };
        let Some(after) = &next.w3c else {
            return found.say("/w3c", "removed", "the W3C forms are gone");
        };
        for gone in lacking(&before.types, &after.types) {
            found.say("/w3c/types", "removed", format!("the type {gone} is gone"));
        }
        for gone in lacking(&before.contexts, &after.contexts) {
            found.say("/w3c/contexts", "removed", format!("the context {gone} is gone"));
        }
        // A later context may give a word of an earlier one another meaning.
        if after.contexts.len() >= before.contexts.len() && !after.contexts.starts_with(&before.contexts) {
            found.say("/w3c/contexts", "changed", "the contexts are in another order");
        }
        for claim in &before.claims {
            let at = format!("/w3c/claims/{}", claim.field);
            match after.claims.iter().find(|next| next.field == claim.field) {
                None => found.say(&at, "removed", format!("the claim of {} is gone", claim.field)),
                Some(next) if next.path != claim.path => {
                    found.say(&at, "moved", format!("the claim of {} is elsewhere", claim.field));
                }
                Some(_) => {}
            }
        }
    }
}

/// The members that one list has and another lacks.
fn lacking<'a>(before: &'a [String], after: &[String]) -> Vec<&'a str> {
    before.iter().filter(|name| !after.contains(name)).map(String::as_str).collect()
}

/// Whether what could be withheld no longer can.
fn exposes(before: Disclosure, after: Disclosure) -> bool {
    before == Disclosure::Selective && after == Disclosure::Always
}

fn at_field(name: &str) -> String {
    format!("/fields/{name}")
}

#[derive(Default)]
struct Found {
    issues: Vec<Issue>,
}

impl Found {
    fn say(&mut self, pointer: &str, code: &str, message: impl Into<String>) {
        self.issues.push(Issue {
            pointer: pointer.to_owned(),
            code: code.to_owned(),
            message: message.into(),
        });
    }

    fn field(&mut self, before: &Field, after: Option<&Field>) {
        let (name, at) = (&before.name, at_field(&before.name));
        let Some(after) = after else {
            return self.say(&at, "removed", format!("the field {name} is gone"));
        };
        if before.kind != after.kind {
            self.say(&at, "retyped", format!("the field {name} holds another kind of value"));
        }
        if before.mandatory != after.mandatory {
            self.say(&at, "mandatory", format!("whether the field {name} is mandatory may not change"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        CborType, MdocElement, MdocProjection, SdJwtClaim, SdJwtProjection, ValueKind, W3cClaim,
        W3cProjection,
    };
    use super::*;

    fn field(name: &str, mandatory: bool) -> Field {
        Field { name: name.into(), kind: ValueKind::Text, mandatory, display: Vec::new() }
    }

    fn claim(field: &str) -> SdJwtClaim {
        let path = vec![field.to_owned()];
        SdJwtClaim { field: field.into(), path, disclosure: Disclosure::Selective, elements: false }
    }

    fn element(field: &str) -> MdocElement {
        let (field, element) = (field.to_owned(), field.to_owned());
        MdocElement { field, namespace: "test.1".into(), element, cbor: CborType::Plain }
    }

    fn definition() -> Definition {
        Definition {
            configuration_id: "test".into(),
            fields: vec![field("name", true), field("nickname", false)],
            sd_jwt: Some(SdJwtProjection {
                vct: "urn:test:1".into(),
                claims: vec![claim("name"), claim("nickname")],
            }),
            mdoc: Some(MdocProjection { doctype: "test.1".into(), elements: vec![element("name")] }),
            w3c: Some(W3cProjection {
                types: vec!["Test".into()],
                contexts: vec!["https://test.example/1".into(), "https://test.example/2".into()],
                claims: vec![W3cClaim { field: "name".into(), path: vec!["name".into()] }],
            }),
            ..Definition::default()
        }
    }

    fn codes(change: impl FnOnce(&mut Definition)) -> Vec<(String, String)> {
        let mut next = definition();
        change(&mut next);
        let issues = definition().incompatibilities(&next).into_iter();
        issues.map(|issue| (issue.pointer, issue.code)).collect()
    }

    #[test]
    fn what_earlier_credentials_may_lack_may_be_added() {
        let added = codes(|next| {
            next.fields.push(field("title", false));
            if let Some(form) = &mut next.sd_jwt {
                form.claims.push(claim("title"));
            }
            if let Some(form) = &mut next.w3c {
                form.types.push("Titled".into());
                form.contexts.push("https://test.example/3".into());
            }
            next.validity_days = 1;
        });
        assert_eq!(added, []);
    }

    #[test]
    fn more_may_be_withheld_than_before() {
        let mut before = definition();
        if let Some(form) = &mut before.sd_jwt {
            form.claims[0].disclosure = Disclosure::Always;
        }
        assert_eq!(before.incompatibilities(&definition()), []);
    }

    #[test]
    fn what_breaks_earlier_credentials_or_their_holders_is_named() {
        type Change = fn(&mut Definition);
        let cases: [(Change, &str, &str); 19] = [
            (|next| next.configuration_id = "other".into(), "/configuration_id", "renamed"),
            (|next| drop(next.fields.remove(1)), "/fields/nickname", "removed"),
            (|next| next.fields[1].name = "alias".into(), "/fields/nickname", "removed"),
            (|next| next.fields[1].kind = ValueKind::Integer, "/fields/nickname", "retyped"),
            (|next| next.fields[1].mandatory = true, "/fields/nickname", "mandatory"),
            (|next| next.fields.push(field("title", true)), "/fields/title", "new-mandatory"),
            (|next| next.sd_jwt = None, "/sd_jwt", "removed"),
            (|next| next.sd_jwt.as_mut().unwrap().vct = "urn:test:2".into(), "/sd_jwt/vct", "changed"),
            (|next| drop(next.sd_jwt.as_mut().unwrap().claims.remove(0)), "/sd_jwt/claims/name", "removed"),
            (
                |next| next.sd_jwt.as_mut().unwrap().claims[0].path = vec!["names".into()],
                "/sd_jwt/claims/name",
                "moved",
            ),
            (
                |next| next.sd_jwt.as_mut().unwrap().claims[0].disclosure = Disclosure::Always,
                "/sd_jwt/claims/name",
                "weaker-disclosure",
            ),
            (|next| next.mdoc = None, "/mdoc", "removed"),
            (|next| next.mdoc.as_mut().unwrap().doctype = "test.2".into(), "/mdoc/doctype", "changed"),
            (
                |next| next.mdoc.as_mut().unwrap().elements[0].cbor = CborType::Bytes,
                "/mdoc/elements/name",
                "changed",
            ),
            (|next| next.w3c = None, "/w3c", "removed"),
            (|next| next.w3c.as_mut().unwrap().types = vec!["Other".into()], "/w3c/types", "removed"),
            (|next| next.w3c.as_mut().unwrap().contexts.truncate(1), "/w3c/contexts", "removed"),
            (|next| next.w3c.as_mut().unwrap().contexts.reverse(), "/w3c/contexts", "changed"),
            (
                |next| next.w3c.as_mut().unwrap().claims[0].path = vec!["called".into()],
                "/w3c/claims/name",
                "moved",
            ),
        ];
        for (change, pointer, code) in cases {
            let found = codes(change);
            assert!(found.contains(&(pointer.to_owned(), code.to_owned())), "{pointer} {code}: {found:?}");
        }
    }

    #[test]
    fn what_was_taken_back_may_stay_away_and_comes_again_as_what_it_was() {
        let with_title = |kind| {
            let title = Field { kind, ..field("title", false) };
            Definition { fields: [definition().fields, vec![title]].concat(), ..definition() }
        };
        let taken_back = with_title(ValueKind::Text);
        assert_eq!(taken_back.contradictions(&definition()), []);
        assert_eq!(taken_back.contradictions(&with_title(ValueKind::Text)), []);
        let again = taken_back.contradictions(&with_title(ValueKind::Integer));
        assert_eq!(again.len(), 1, "{again:?}");
        assert_eq!((again[0].pointer.as_str(), again[0].code.as_str()), ("/fields/title", "retyped"));
    }

    #[test]
    fn what_is_kept_of_a_definition_is_what_later_ones_are_compared_with() {
        let shown = Definition { validity_days: 7, subject_schema: true.into(), ..definition() };
        let kept = serde_json::to_value(&shown).unwrap();
        assert!(kept.get("subject_schema").is_none() && kept["fields"][0].get("display").is_none());
        assert_eq!(serde_json::from_value::<Definition>(kept).unwrap(), definition());
        // By another program, with members of which this one knows nothing.
        let other = serde_json::json!({ "configuration_id": "test", "fields": [], "extra": 1 });
        assert_eq!(serde_json::from_value::<Definition>(other).unwrap().configuration_id, "test");
    }
}
