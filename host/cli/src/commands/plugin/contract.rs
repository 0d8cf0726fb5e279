//! The contract that this program was built with: tools for other languages generate their bindings from it.

use std::path::Path;

use crate::failure::Failure;

/// A file of `wit/`, by its place there.
macro_rules! wit {
    ($file:literal) => {
        include_str!(concat!("../../../../../wit/0.1.0/", $file))
    };
}

/// A hook's package, as a plugin's manifest calls the hook; its world; and what it says.
const HOOKS: [(&str, &str, &str); 3] = [
    ("credential-template", "credential-template", wit!("credential-template/credential-template.wit")),
    ("onboarding-policy", "onboarding-policy", wit!("onboarding-policy/onboarding-policy.wit")),
    ("license", "license-plugin", wit!("license/license.wit")),
];

/// What every hook uses.
const SHARED: [(&str, &str); 2] = [("types", wit!("types/types.wit")), ("log", wit!("log/log.wit"))];

/// Writes the contract of a hook into a folder, as these tools read it: the hook's package, and below it those that
/// it uses. The answer is the name of its world.
pub(super) fn lay_out(hook: &str, folder: &Path) -> Result<&'static str, Failure> {
    let (name, world, text) =
        HOOKS.iter().find(|(name, ..)| *name == hook).ok_or_else(|| Failure::Usage {
            found: format!("there is no hook {hook:?}"),
            fix: format!(
                "write one of {} as \"hook\" in plugin.json",
                HOOKS.map(|(name, ..)| name).join(", ")
            ),
        })?;
    std::fs::write(folder.join(format!("{name}.wit")), text)?;
    for (package, text) in SHARED {
        let below = folder.join("deps").join(package);
        std::fs::create_dir_all(&below)?;
        std::fs::write(below.join(format!("{package}.wit")), text)?;
    }
    Ok(world)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_world_is_one_of_its_package() {
        for (name, world, text) in HOOKS {
            assert!(text.contains(&format!("package chancery:{name}@")), "{name}");
            assert!(text.contains(&format!("world {world} {{")), "{name}: {world}");
        }
    }
}
