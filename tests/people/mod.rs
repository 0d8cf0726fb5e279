//! Who they are.

mod issuer;
mod stranger;
mod verifier;
pub mod wallet;

pub use issuer::{Issuer, Offer, Request, badge, diploma};
pub use stranger::Stranger;
pub use verifier::Verifier;
pub use wallet::{Token, Wallet};

use crate::Acme;

impl Acme {
    /// Somebody who issues, with an API key that may do everything.
    pub fn issuer(&self) -> Issuer {
        Issuer::new(self.clone(), self.key.clone())
    }

    /// The holder of another API key.
    pub fn holder_of(&self, key: &str) -> Issuer {
        Issuer::new(self.clone(), key.to_owned())
    }

    /// A holder's wallet.
    pub fn wallet(&self) -> Wallet {
        Wallet::new(self.clone())
    }

    /// Somebody who is shown a credential.
    pub fn verifier(&self) -> Verifier {
        Verifier::new(self.clone())
    }

    /// Somebody with no key and no token.
    pub fn stranger(&self) -> Stranger {
        Stranger::new(self.clone())
    }
}
