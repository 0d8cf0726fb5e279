//! What a schema may cost.
//!
//! Schemas come from plugins, so from strangers, and are compiled and evaluated by the host
//! itself, where neither fuel nor deadline reach. A reference stands for everything it leads to:
//! a few of them make a schema that takes for ever. So what a schema amounts to is counted with
//! its references followed.

use std::collections::HashMap;

use serde_json::Value;

/// Schemas and other values in a schema, references followed.
const MAX_NODES: u64 = 20_000;
/// Each is compiled on its own, to more than a hundred times its length at worst.
const MAX_PATTERNS: usize = 100;
const MAX_DEPTH: usize = 64;

/// Refuses what could take long or much.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    let patterns = patterns(schema, 0)?;
    if patterns > MAX_PATTERNS {
        return Err(format!("it has {patterns} patterns, at most {MAX_PATTERNS} are accepted"));
    }
    let mut walk = Walk { root: schema, sizes: HashMap::new() };
    let Size { nodes, height } = walk.size(schema, 0)?;
    if height > MAX_DEPTH {
        return Err(format!(
            "it is nested more than {MAX_DEPTH} levels deep when its references are followed"
        ));
    }
    if nodes > MAX_NODES {
        return Err(format!("it amounts to more than {MAX_NODES} values when its references are followed"));
    }
    Ok(())
}

fn patterns(value: &Value, depth: usize) -> Result<usize, String> {
    if depth > MAX_DEPTH {
        return Err(format!("it is nested more than {MAX_DEPTH} levels deep"));
    }
    match value {
        Value::Array(elements) => elements.iter().map(|element| patterns(element, depth + 1)).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                let own = match (&**name, value) {
                    ("pattern", Value::String(_)) => 1,
                    ("patternProperties", Value::Object(patterns)) => patterns.len(),
                    _ => 0,
                };
                Ok(own + patterns(value, depth + 1)?)
            })
            .sum(),
        _ => Ok(0),
    }
}

/// What a value amounts to, references followed.
#[derive(Clone, Copy)]
struct Size {
    /// Values in it, itself included; saturates instead of counting on for ever.
    nodes: u64,
    /// Levels below it.
    height: usize,
}

impl Size {
    const LEAF: Self = Self { nodes: 1, height: 0 };

    fn with(self, child: Self) -> Self {
        Self { nodes: self.nodes.saturating_add(child.nodes), height: self.height.max(child.height + 1) }
    }
}

struct Walk<'a> {
    root: &'a Value,
    /// What each reference amounts to; none while it is being followed.
    sizes: HashMap<&'a str, Option<Size>>,
}

impl<'a> Walk<'a> {
    /// `depth` keeps the walk itself from going too deep.
    fn size(&mut self, value: &'a Value, depth: usize) -> Result<Size, String> {
        if depth > MAX_DEPTH {
            return Err(format!("its references lead more than {MAX_DEPTH} levels deep"));
        }
        let mut size = Size::LEAF;
        match value {
            Value::Array(elements) => {
                for element in elements {
                    size = size.with(self.size(element, depth + 1)?);
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    size = size.with(match (&**name, value) {
                        ("$ref", Value::String(reference)) => self.reference(reference, depth)?,
                        ("$dynamicRef" | "$recursiveRef" | "$anchor" | "$dynamicAnchor", _) => {
                            return Err(format!("it uses `{name}`; only `$ref` to `#/$defs/…` is accepted"));
                        }
                        ("$id", _) if depth > 0 => {
                            return Err("it contains a schema with an `$id` of its own".into());
                        }
                        _ => self.size(value, depth + 1)?,
                    });
                }
            }
            _ => {}
        }
        Ok(size)
    }

    fn reference(&mut self, reference: &'a str, depth: usize) -> Result<Size, String> {
        match self.sizes.get(reference) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => return Err("one of its references leads back to itself".into()),
            None => {}
        }
        let target = reference
            .strip_prefix('#')
            .filter(|pointer| pointer.is_empty() || pointer.starts_with('/'))
            .and_then(|pointer| self.root.pointer(pointer))
            .ok_or_else(|| "it refers to something that is not in it".to_owned())?;
        self.sizes.insert(reference, None);
        let size = self.size(target, depth + 1)?;
        self.sizes.insert(reference, Some(size));
        Ok(size)
    }
}
