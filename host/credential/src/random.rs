//! The chance of the machine.

use chancery_domain::Random;

/// Randomness of the operating system, by way of the cryptographic library.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        if aws_lc_rs::rand::fill(bytes).is_err() {
            // Nothing here may go on with predictable bytes.
            std::process::abort();
        }
    }
}
