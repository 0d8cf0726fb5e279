//! Halts: what must not be signed for now, whoever asks.

use crate::{HaltId, TenantId};

/// An order to issue nothing for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    /// Names the order.
    pub id: HaltId,
    /// What it stops.
    pub scope: HaltScope,
    /// Whether an operator gave it; then nobody else lifts it.
    pub by_operator: bool,
    /// Why, for people.
    pub reason: String,
}

/// What a halt stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HaltScope {
    /// Every signature of the deployment.
    Global,
    /// Every signature of a tenant.
    Tenant(TenantId),
    /// What a plugin made, by its digest: everywhere, or at one tenant.
    Plugin {
        /// SHA-256 of the component.
        component: [u8; 32],
        /// The tenant; none: every one.
        tenant: Option<TenantId>,
    },
    /// What a key would sign.
    Key {
        /// Whose it is.
        tenant: TenantId,
        /// Its version, among the keys that sign credentials.
        version: u32,
        /// Its thumbprint, for people.
        kid: String,
    },
}

impl HaltScope {
    /// The word that the API uses.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Tenant(_) => "tenant",
            Self::Plugin { .. } => "plugin",
            Self::Key { .. } => "key",
        }
    }

    /// The one tenant that it concerns; none: every one.
    pub const fn tenant(&self) -> Option<TenantId> {
        match self {
            Self::Global => None,
            Self::Tenant(tenant) | Self::Key { tenant, .. } => Some(*tenant),
            Self::Plugin { tenant, .. } => *tenant,
        }
    }

    /// Whether a tenant's key of that version signs nothing of that component; the statement that permits
    /// signatures decides by the same rule.
    pub fn stops(&self, of: TenantId, key_version: u32, of_component: &[u8; 32]) -> bool {
        self.tenant().is_none_or(|tenant| tenant == of)
            && match self {
                Self::Global | Self::Tenant(_) => true,
                Self::Plugin { component, .. } => component == of_component,
                Self::Key { version, .. } => *version == key_version,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_halt_stops_what_it_names_and_nothing_else() {
        let tenant = |number| TenantId::new(time::OffsetDateTime::UNIX_EPOCH, [number; 10]);
        let (mine, other) = (tenant(1), tenant(2));
        let stops = |scope: HaltScope| {
            [(mine, 1, [1; 32]), (mine, 2, [2; 32]), (other, 1, [1; 32])]
                .map(|(tenant, version, component)| scope.stops(tenant, version, &component))
        };
        assert_eq!(stops(HaltScope::Global), [true, true, true]);
        assert_eq!(stops(HaltScope::Tenant(mine)), [true, true, false]);
        assert_eq!(stops(HaltScope::Plugin { component: [1; 32], tenant: None }), [true, false, true]);
        assert_eq!(stops(HaltScope::Plugin { component: [1; 32], tenant: Some(mine) }), [true, false, false]);
        let key = HaltScope::Key { tenant: mine, version: 1, kid: "a".to_owned() };
        assert_eq!(stops(key), [true, false, false]);
    }
}
