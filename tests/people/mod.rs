//! Who they are.

mod client;
mod deferral;
pub mod holder;
mod issuer;
mod operator;
mod plugin;
mod publisher;
pub mod registered;
mod stranger;
mod verifier;
pub mod wallet;

pub use client::Client;
pub use deferral::Transaction;
pub use holder::Holder;
pub use issuer::{Issuer, Offer, Request, badge, diploma, person};
pub use operator::Operator;
pub use plugin::Plugin;
pub use publisher::Publisher;
pub use registered::Registered;
pub use stranger::Stranger;
pub use verifier::Verifier;
pub use wallet::{Token, Wallet};

use serde_json::{Value, json};

use crate::{Acme, Platform};

impl Platform {
    /// Somebody who administers the deployment.
    pub fn operator(&self) -> Operator {
        Operator::new(self.clone(), self.key.clone())
    }

    /// The holder of any other key.
    pub fn holder_of(&self, key: &str) -> Operator {
        Operator::new(self.clone(), key.to_owned())
    }

    /// The tenant that administers the deployment, at the platform's own address.
    pub fn application(&self) -> Acme {
        let (identifier, base) = (self.base.clone(), self.base.clone());
        Acme { identifier, base, key: self.key.clone(), http: self.http.clone() }
    }

    /// A new tenant of a test's own.
    pub async fn newcomer(&self) -> Acme {
        self.operator().register(&crate::unique("t-").to_lowercase()).await
    }

    /// A new tenant for which a plugin is active under a configuration.
    pub async fn newcomer_with(&self, plugin: &Plugin, configuration: &Value) -> Acme {
        let acme = self.newcomer().await;
        self.activate_for(&acme, plugin, configuration).await;
        acme
    }

    /// Brings a plugin, if it is not there yet, and activates it for a tenant.
    pub async fn activate_for(&self, acme: &Acme, plugin: &Plugin, configuration: &Value) {
        let answer = self.operator().upload(plugin).await;
        assert!([200, 201].contains(&answer.status), "{answer}");
        let activation = json!({ "digest": plugin.digest(), "configuration": configuration });
        self.operator().activate_for(acme, &activation).await.is(201);
    }
}

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

    /// The person in front of the browser.
    pub fn holder(&self) -> Holder {
        Holder::new(self.clone())
    }

    /// Somebody who is shown a credential.
    pub fn verifier(&self) -> Verifier {
        Verifier::new(self.clone())
    }

    /// Somebody with no key and no token.
    pub fn stranger(&self) -> Stranger {
        Stranger::new(self.clone())
    }

    /// Asks for a path of the tenant, whatever it is, with the key of its owner.
    pub async fn issuer_asks(&self, path: &str) -> crate::Answer {
        crate::Answer::to(self.http.get(self.at(path)).bearer_auth(&self.key)).await
    }
}
