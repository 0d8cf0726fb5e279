//! One signature, one verification, one plugin call: processor time of each, by themselves.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};

use crate::cost;
use crate::flow::CONFIGURATION;
use crate::plugin::{Bench, subject_request};

/// As long as a credential's signing input.
const MESSAGE: [u8; 1_500] = [0x61; 1_500];
const SIGNATURES: u32 = 5_000;
const CALLS: u32 = 10_000;

/// Processor time of each.
pub(crate) struct Primitives {
    pub(crate) signature: Duration,
    pub(crate) verification: Duration,
    pub(crate) plugin_call: Duration,
}

/// Measures all three in this process.
pub(crate) async fn primitives(plugins: &Path, cache: &Path) -> Result<Primitives> {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok().context("generate a key")?;
    let mut signature = key.sign(&random, &MESSAGE).ok().context("sign")?;
    let began = cost::own();
    for _ in 0..SIGNATURES {
        signature = key.sign(&random, &MESSAGE).ok().context("sign")?;
    }
    let signing = cost::own().saturating_sub(began) / SIGNATURES;

    // Every wallet has another key, so the key is parsed each time.
    let began = cost::own();
    for _ in 0..SIGNATURES {
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().as_ref());
        public.verify(&MESSAGE, signature.as_ref()).ok().context("verify")?;
    }
    let verifying = cost::own().saturating_sub(began) / SIGNATURES;

    let bench = Bench::start(cache)?;
    let template = bench.template(&plugins.join(format!("{CONFIGURATION}.wasm"))).await?;
    let subject = crate::flow::subject();
    let request = subject_request(&subject);
    for _ in 0..CALLS / 10 {
        template.prepare(&request).await?;
    }
    let began = cost::own();
    for _ in 0..CALLS {
        template.prepare(&request).await?;
    }
    let calling = cost::own().saturating_sub(began) / CALLS;
    Ok(Primitives { signature: signing, verification: verifying, plugin_call: calling })
}
