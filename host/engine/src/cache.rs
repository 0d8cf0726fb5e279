//! Compiled plugins on disk, authenticated.
//!
//! A compiled plugin is machine code: loading bytes that somebody else wrote is running their
//! code with all that the host may do. So a file is its MAC, then the code, and nothing reaches
//! [`wasmtime::component::Component::deserialize`] whose MAC does not verify under a key that is
//! not on this disk. The MAC covers the compiler's settings and the component's digest, so a
//! file can neither be used for another component nor survive an update of the compiler.

mod held;
mod tidy;

use std::{
    hash::{Hash, Hasher},
    io::{self, Read, Write},
};

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{Context, SHA256},
    hmac,
};
use cap_std::fs::{Dir, OpenOptions};
use held::Held;
use parking_lot::Mutex;
use wasmtime::{Engine, component::Component};

const MAC_BYTES: usize = 32;
/// Larger than what any accepted component compiles to.
const MAX_FILE: u64 = 128 << 20;

/// The directory of compiled plugins.
pub(crate) struct Cache {
    dir: Dir,
    key: hmac::Key,
    /// Digest of wasmtime's version, its settings and the processor's features.
    compatibility: [u8; 32],
    /// What could not be written.
    held: Mutex<Held>,
}

impl Cache {
    /// Uses `dir`, which nobody else should be able to write to.
    pub(crate) fn new(dir: Dir, key: &[u8; 32], engine: &Engine) -> Self {
        let mut hasher = Sha256(Context::new(&SHA256));
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let mut compatibility = [0; 32];
        compatibility.copy_from_slice(hasher.0.finish().as_ref());
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let cache = Self { dir, key, compatibility, held: Mutex::default() };
        cache.tidy(0);
        cache
    }

    /// The compiled form of the component with this digest, if there is one that is ours.
    pub(crate) fn load(&self, engine: &Engine, digest: &[u8; 32]) -> Option<Component> {
        let code = self.code(digest)?;
        #[expect(
            unsafe_code,
            reason = "the MAC just verified: these bytes are what `keep` wrote after compiling this component"
        )]
        // SAFETY: `code` was produced by `Component::serialize` of an engine with the same
        // compatibility digest; the MAC proves that and that nobody changed it since. It is a copy
        // in memory, so nobody can change it from here on either.
        let component = unsafe { Component::deserialize(engine, code) };
        component
            .inspect_err(|error| tracing::warn!(plugin = hex::encode(digest), %error, "a compiled plugin does not load; compiling again"))
            .ok()
    }

    /// Its machine code, which is ours: its MAC verified.
    pub(crate) fn code(&self, digest: &[u8; 32]) -> Option<Vec<u8>> {
        let held = self.held.lock().get(digest);
        if let Some(code) = held {
            // The disk may have room again.
            if self.write(&self.name(digest), self.mac(digest, &code).as_ref(), &code).is_ok() {
                self.held.lock().remove(digest);
            }
            return Some(code.to_vec());
        }
        let name = self.name(digest);
        let mut file = match self.read(&name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(file = name, %error, "a compiled plugin cannot be read; compiling again");
                return None;
            }
        };
        let Some((mac, code)) = file.split_at_checked(MAC_BYTES) else {
            tracing::warn!(file = name, "a compiled plugin is truncated; compiling again");
            return None;
        };
        if verify_slices_are_equal(self.mac(digest, code).as_ref(), mac).is_err() {
            tracing::warn!(file = name, "a compiled plugin was modified or is not ours; compiling again");
            return None;
        }
        file.drain(..MAC_BYTES);
        Some(file)
    }

    /// Keeps machine code that was just compiled. Where the disk does not, memory does, for a while.
    pub(crate) fn keep(&self, digest: &[u8; 32], code: &[u8]) {
        let name = self.name(digest);
        self.tidy(code.len() as u64);
        if let Err(error) = self.write(&name, self.mac(digest, code).as_ref(), code) {
            tracing::warn!(file = name, %error, "a compiled plugin was not kept; it is compiled again at the next start");
            self.held.lock().insert(digest, code);
        }
    }

    /// Nothing of the component is needed any more, whichever compiler it is of.
    pub(crate) fn forget(&self, digest: &[u8; 32]) {
        self.held.lock().remove(digest);
        self.remove_all_of(digest);
    }

    /// One file per component and compiler: replicas of two versions may share a directory.
    fn name(&self, digest: &[u8; 32]) -> String {
        format!("{}-{}.compiled", hex::encode(digest), self.compiler())
    }

    /// What files of this compiler have in their names.
    fn compiler(&self) -> String {
        hex::encode(self.compatibility.get(..8).unwrap_or_default())
    }

    /// Over the code where it lies: an interpreter's is many megabytes.
    fn mac(&self, digest: &[u8; 32], code: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [&self.compatibility, digest, code] {
            context.update(part);
        }
        context.sign()
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = self.dir.open(name)?;
        let length = usize::try_from(file.metadata()?.len().min(MAX_FILE)).unwrap_or_default();
        // As much as it is: a vector that grows has room for twice that.
        let mut bytes = Vec::with_capacity(length + 1);
        file.take(MAX_FILE).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes beside and renames, so that a reader sees all of a file or none.
    fn write(&self, name: &str, mac: &[u8], code: &[u8]) -> io::Result<()> {
        let beside = format!("{name}.{}", std::process::id());
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use cap_std::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let written = self.dir.open_with(&beside, &options).and_then(|mut file| {
            file.write_all(mac)?;
            file.write_all(code)?;
            drop(file);
            self.dir.rename(&beside, &self.dir, name)
        });
        // Half of a file takes the room that it was for want of.
        written.inspect_err(|_| drop(self.dir.remove_file(&beside)))
    }
}

/// wasmtime offers its settings as something to hash; this hashes them with SHA-256.
struct Sha256(Context);

impl Hasher for Sha256 {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Unused: the digest is read from the context.
    fn finish(&self) -> u64 {
        0
    }
}
