//! From a dataset to a signed credential.

use chancery_domain::template::{Disclosure, REGISTERED_CLAIMS, SdJwtClaim, SdJwtProjection};
use chancery_domain::{Dataset, IssuanceToken, Random};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::disclosure::{Concealment, insert_digests};
use super::{ELLIPSIS, SD, SD_ALG, TYP};
use crate::jose::{self, Jwk};
use crate::keys::{SignError, Signer};
use crate::x509::{CertificateChain, key_header};

/// What one credential is to say.
#[derive(Debug, Clone, Copy)]
pub struct SdJwtVc<'a> {
    /// Where each field goes.
    pub projection: &'a SdJwtProjection,
    /// The fields.
    pub dataset: &'a Dataset,
    /// `iss`.
    pub issuer: &'a str,
    /// `cnf`.
    pub holder: &'a Jwk,
    /// `iat`, already rounded so that the copies of a batch cannot be linked by it.
    pub issued_at: OffsetDateTime,
    /// `exp`, likewise.
    pub expires_at: OffsetDateTime,
    /// Where the status list named by the token is published.
    pub status_list_uri: &'a str,
}

/// Why no credential was made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The template's projection cannot be carried out.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
    /// The signature.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// What is wrong with a projection, or with a value that it places.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    /// A claim or a member of a value has a name that only the host or the format uses.
    #[error("the claim name {0:?} is reserved")]
    Reserved(String),
    /// A path is empty, or leads through or onto another claim.
    #[error("the path {0:?} is empty or collides with another claim's")]
    Collision(Vec<String>),
}

/// Checks a projection without any data, as activation does.
pub fn check_projection(projection: &SdJwtProjection) -> Result<(), ProjectionError> {
    Branch::plan(projection, &Dataset::default()).map(|_| ())
}

/// Signs one credential. The token is spent, whatever comes of it: a status index is never used twice.
///
/// A claim whose field is absent leaves a decoy where it would be selective, so that the number of
/// digests is the template's and tells nothing about the subject.
pub async fn issue(
    token: IssuanceToken,
    vc: &SdJwtVc<'_>,
    signer: &dyn Signer,
    chain: Option<&CertificateChain>,
    random: &dyn Random,
) -> Result<String, IssueError> {
    let plan = Branch::plan(vc.projection, vc.dataset)?;
    let mut concealment = Concealment::new(random);
    let mut claims = Map::new();
    claims.insert("iss".into(), vc.issuer.into());
    claims.insert("iat".into(), vc.issued_at.unix_timestamp().into());
    claims.insert("exp".into(), vc.expires_at.unix_timestamp().into());
    claims.insert("vct".into(), vc.projection.vct_at(vc.issuer).into());
    claims.insert("cnf".into(), json!({ "jwk": vc.holder }));
    let reference = json!({ "idx": token.status().index, "uri": vc.status_list_uri });
    claims.insert("status".into(), json!({ "status_list": reference }));
    claims.append(&mut plan.conceal(&mut concealment));
    let disclosures = concealment.into_disclosures();
    if claims.contains_key(SD) || !disclosures.is_empty() {
        claims.insert(SD_ALG.0.into(), SD_ALG.1.into());
    }
    let mut compact = jose::sign(TYP, key_header(signer, chain)?, &claims, signer).await?;
    compact.push('~');
    for disclosure in disclosures {
        compact.push_str(&disclosure);
        compact.push('~');
    }
    Ok(compact)
}

/// An object of the credential in the making.
#[derive(Default)]
struct Branch<'a>(Vec<(&'a str, Node<'a>)>);

enum Node<'a> {
    Branch(Branch<'a>),
    /// One claim, with its value unless the dataset has none.
    Claim(&'a SdJwtClaim, Option<&'a Value>),
}

impl<'a> Branch<'a> {
    fn plan(projection: &'a SdJwtProjection, dataset: &'a Dataset) -> Result<Self, ProjectionError> {
        let mut root = Self::default();
        for claim in &projection.claims {
            if let Some(first) = claim.path.first()
                && REGISTERED_CLAIMS.contains(&first.as_str())
            {
                return Err(ProjectionError::Reserved(first.clone()));
            }
            let value = dataset.values.get(&claim.field);
            if let Some(value) = value {
                check_names(value)?;
            }
            root.place(&claim.path, claim, value)?;
        }
        Ok(root)
    }

    fn place(
        &mut self,
        path: &'a [String],
        claim: &'a SdJwtClaim,
        value: Option<&'a Value>,
    ) -> Result<(), ProjectionError> {
        let collision = || ProjectionError::Collision(claim.path.clone());
        let (name, rest) = path.split_first().ok_or_else(collision)?;
        check_name(name)?;
        let position = self.0.iter().position(|(other, _)| other == name);
        let node = position.and_then(|position| self.0.get_mut(position)).map(|(_, node)| node);
        match (node, rest) {
            (Some(Node::Branch(branch)), [_, ..]) => branch.place(rest, claim, value),
            (None, []) => {
                self.0.push((name, Node::Claim(claim, value)));
                Ok(())
            }
            (None, _) => {
                let mut branch = Branch::default();
                branch.place(rest, claim, value)?;
                self.0.push((name, Node::Branch(branch)));
                Ok(())
            }
            (Some(_), _) => Err(collision()),
        }
    }

    /// An object all of whose members are selective is itself withheld (RFC 9901 §6.3):
    /// what remained open would be an empty shell.
    fn is_selective(&self) -> bool {
        self.0.iter().all(|(_, node)| match node {
            Node::Branch(branch) => branch.is_selective(),
            Node::Claim(claim, _) => claim.disclosure == Disclosure::Selective,
        })
    }

    fn is_absent(&self) -> bool {
        self.0.iter().all(|(_, node)| match node {
            Node::Branch(branch) => branch.is_absent(),
            Node::Claim(_, value) => value.is_none(),
        })
    }

    fn conceal(self, concealment: &mut Concealment<'_>) -> Map<String, Value> {
        let (mut open, mut digests) = (Map::new(), Vec::new());
        for (name, node) in self.0 {
            let (selective, value) = match node {
                Node::Branch(branch) => {
                    let value = (!branch.is_absent()).then_some(());
                    let selective = branch.is_selective();
                    (selective, value.map(|()| Value::Object(branch.conceal(concealment))))
                }
                Node::Claim(claim, value) => {
                    let selective = claim.disclosure == Disclosure::Selective;
                    (selective, value.map(|value| claim_value(claim, value, concealment)))
                }
            };
            match (selective, value) {
                (true, Some(value)) => digests.push(concealment.member(name, value)),
                (true, None) => digests.push(concealment.decoy()),
                (false, Some(value)) => {
                    open.insert(name.to_owned(), value);
                }
                (false, None) => {}
            }
        }
        insert_digests(&mut open, digests);
        open
    }
}

/// The value as it appears in its place: an array's elements one by one withheld, if so declared.
fn claim_value(claim: &SdJwtClaim, value: &Value, concealment: &mut Concealment<'_>) -> Value {
    match value {
        Value::Array(elements) if claim.elements => {
            elements.iter().map(|element| concealment.element(element.clone())).collect()
        }
        _ => value.clone(),
    }
}

/// RFC 9901 §4.1: no object of the payload may have these names for anything else.
fn check_name(name: &str) -> Result<(), ProjectionError> {
    if [SD, ELLIPSIS].contains(&name) { Err(ProjectionError::Reserved(name.to_owned())) } else { Ok(()) }
}

fn check_names(value: &Value) -> Result<(), ProjectionError> {
    match value {
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            check_name(name)?;
            check_names(value)
        }),
        Value::Array(elements) => elements.iter().try_for_each(check_names),
        _ => Ok(()),
    }
}
