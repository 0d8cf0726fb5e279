//! What answers under one configuration id: the active revision and, while there are trials, those beside it.

use chancery_domain::Random;
use chancery_domain::plugin::Part;
use chancery_domain::random_bytes;
use chancery_engine::Template;

/// The revisions under one configuration id.
pub(crate) struct ActiveTemplate {
    /// The active one: metadata tells of this.
    pub(crate) current: Template,
    /// One that answers for so many of a hundred new offers.
    pub(crate) canary: Option<(u8, Template)>,
    /// One that is asked as well, to be compared.
    pub(crate) shadow: Option<Template>,
}

impl ActiveTemplate {
    pub(crate) fn new(current: Template) -> Self {
        Self { current, canary: None, shadow: None }
    }

    /// Sets a trial beside the active revision.
    pub(crate) fn try_beside(&mut self, template: Template, part: Part) {
        match part {
            Part::Active => {}
            Part::Canary { share } => self.canary = Some((share, template)),
            Part::Shadow => self.shadow = Some(template),
        }
    }

    /// The revision that a new offer is made with.
    pub(crate) fn for_new_offer(&self, random: &dyn Random) -> &Template {
        match &self.canary {
            Some((share, canary)) if percentile(random) < *share => canary,
            _ => &self.current,
        }
    }
}

/// 0 to 99, each equally likely.
fn percentile(random: &dyn Random) -> u8 {
    loop {
        let [byte] = random_bytes(random);
        // 200 is the largest multiple of a hundred in a byte; the rest would favour low numbers.
        if byte < 200 {
            return byte % 100;
        }
    }
}
