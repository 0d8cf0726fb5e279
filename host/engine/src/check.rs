//! What is refused before anything is compiled.
//!
//! A compiler is neither interruptible nor bounded in memory, so what reaches it is capped here
//! by size and structure. The order is: cheap structure, full validation, the contract. Of the
//! contract everything is looked at, so that a report names all that is wrong.

mod contract;
mod structure;

use wasmparser::Validator;

use self::structure::Caps;
use crate::{
    hook::Class,
    limits::Limits,
    manifest::Manifest,
    refused::Refused,
    report::{Report, Stage},
    settings,
    vectors::{self, Vector},
};

/// What a file says about itself, once it was accepted.
pub(crate) struct Accepted {
    pub(crate) manifest: Manifest,
    pub(crate) vectors: Vec<Vector>,
    pub(crate) limits: Limits,
}

/// Checks a file. Every stage is noted in the report; the first refusal comes back.
pub(crate) fn check(wasm: &[u8], limits: &Limits, report: &mut Report) -> Result<Accepted, Refused> {
    // Whatever it turns out to be, it is no larger than the largest class.
    report.attempt(Stage::Size, || Caps::of(Class::Interpreted, limits).size(wasm.len()))?;
    let sections = report
        .attempt(Stage::Structure, || structure::preamble(wasm).and_then(|()| structure::walk(wasm)))?;
    let manifest = contract::manifest(sections.manifest);
    let class = manifest.as_ref().map(|manifest| manifest.class).unwrap_or_default();
    let limits = limits.of(class);
    let caps = Caps::of(class, &limits);
    report.attempt(Stage::Size, || caps.size(wasm.len()))?;
    report.attempt(Stage::Structure, || sections.totals.within(&caps))?;
    report.attempt(Stage::Validation, || {
        let validated = Validator::new_with_features(settings::features()).validate_all(wasm);
        validated.map(drop).map_err(|error| Refused::Malformed(error.to_string()))
    })?;

    report.imports = contract::names(&sections.imports);
    report.exports = contract::names(&sections.exports);
    let manifest = report.attempt(Stage::Manifest, || manifest);
    let hook = manifest.as_ref().ok().map(|manifest| manifest.hook);
    let imports = report.attempt(Stage::Imports, || contract::imports(&sections.imports));
    let exports = report.attempt(Stage::Exports, || contract::exports(&sections.exports, hook));
    let manifest = manifest?;
    report.manifest = Some(manifest.clone());
    let vectors = report.attempt(Stage::Vectors, || {
        let read = sections.vectors.map(|section| vectors::read(section, manifest.hook));
        read.transpose().map(Option::unwrap_or_default).map_err(Refused::Vectors)
    });
    imports?;
    exports?;
    Ok(Accepted { manifest, vectors: vectors?, limits })
}
