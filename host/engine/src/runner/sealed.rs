//! Machine code on its way to the runners.

use std::{
    fs::File,
    io::{self, Write as _},
    os::fd::OwnedFd,
    sync::OnceLock,
};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use super::NotLoaded;
use crate::cache::Cache;

/// The machine code of one component: read from the cache if a runner lacks it, and once for all of them.
pub(super) struct Code<'cache> {
    cache: &'cache Cache,
    digest: &'cache [u8; 32],
    file: OnceLock<OwnedFd>,
}

impl<'cache> Code<'cache> {
    pub(super) fn of(digest: &'cache [u8; 32], cache: &'cache Cache) -> Self {
        Self { cache, digest, file: OnceLock::new() }
    }

    /// The file, to be given away.
    pub(super) fn file(&self) -> Result<OwnedFd, NotLoaded> {
        if let Some(file) = self.file.get() {
            return Ok(file.try_clone()?);
        }
        let code = self.cache.code(self.digest).ok_or(NotLoaded::Uncached)?;
        let file = sealed(&code)?;
        Ok(self.file.get_or_init(|| file).try_clone()?)
    }
}

/// The code as a file in memory that nobody can change, whoever holds it.
fn sealed(code: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 know no such flag, and let every such file be mapped for execution.
    let file = memfd_create("plugin", flags | MemfdFlags::EXEC).or_else(|_| memfd_create("plugin", flags))?;
    let mut file = File::from(file);
    file.write_all(code)?;
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
    Ok(file.into())
}
