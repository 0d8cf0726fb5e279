//! Machine code that was never writable in this process: the pages of a sealed file in memory, mapped to be read and
//! executed.

use std::{
    fs::File,
    io::{self, Seek as _, SeekFrom},
    os::fd::OwnedFd,
    ptr::{NonNull, null_mut},
    sync::Arc,
};

use parking_lot::Mutex;
use rustix::{
    fs::{SealFlags, fcntl_get_seals},
    mm::{MapFlags, ProtFlags, mmap, munmap},
};
use wasmtime::{CustomCodeMemory, Engine, component::Component};

/// wasmtime lays the text out on this boundary, and files are mapped on it.
const PAGE: usize = 4096;

/// A file, mapped to be read.
pub(super) struct Mapping {
    base: NonNull<u8>,
    length: usize,
}

#[expect(unsafe_code, reason = "the mapping is memory that nobody writes, at an address that stays")]
// SAFETY: the pages are read-only and belong to no thread.
unsafe impl Send for Mapping {}
#[expect(unsafe_code, reason = "the mapping is memory that nobody writes, at an address that stays")]
// SAFETY: the pages are read-only and belong to no thread.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn of(file: &mut File) -> io::Result<Self> {
        let needed = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK;
        if !fcntl_get_seals(&*file)?.contains(needed) {
            return Err(io::Error::other("the code is not sealed"));
        }
        // Its length by way of its end: to ask for it by name is not permitted here.
        let length = usize::try_from(file.seek(SeekFrom::End(0))?).map_err(io::Error::other)?;
        #[expect(unsafe_code, reason = "a new mapping, at an address of the kernel's choice")]
        // SAFETY: nothing is mapped over; the file can neither change nor shrink, its seals say.
        let base = unsafe { mmap(null_mut(), length, ProtFlags::READ, MapFlags::PRIVATE, &*file, 0) }?;
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::other("mapped at nothing"))?;
        Ok(Self { base, length })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "what was mapped is unmapped, once")]
        // SAFETY: `Loaded` drops its component, which refers to these pages, before its mapping.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.length) };
    }
}

/// Makes text executable by mapping its pages of the file again, over themselves.
#[derive(Default)]
pub(super) struct Executable {
    /// What is being loaded: its file, and where it is mapped.
    loading: Mutex<Option<(Arc<OwnedFd>, usize, usize)>>,
}

impl Executable {
    /// Loads the component that the file is the machine code of.
    pub(super) fn load(&self, engine: &Engine, file: OwnedFd) -> io::Result<(Component, Mapping)> {
        let mut file = File::from(file);
        let mapping = Mapping::of(&mut file)?;
        let (base, length) = (mapping.base, mapping.length);
        let file = Arc::new(OwnedFd::from(file));
        let previous = self.loading.lock().replace((file, base.as_ptr() as usize, length));
        debug_assert!(previous.is_none(), "one component is loaded at a time");
        #[expect(
            unsafe_code,
            reason = "the server verified the MAC of these bytes, and sealed them, before it sent them"
        )]
        // SAFETY: the bytes are what `Engine::precompile_component` of the same program made: the server checked
        // their MAC. They are mapped for longer than the component lives, see `Mapping::drop`, and cannot change.
        let loaded =
            unsafe { Component::deserialize_raw(engine, NonNull::slice_from_raw_parts(base, length)) };
        *self.loading.lock() = None;
        Ok((loaded.map_err(|error| io::Error::other(format!("{error:#}")))?, mapping))
    }
}

impl CustomCodeMemory for Executable {
    fn required_alignment(&self) -> usize {
        PAGE
    }

    fn publish_executable(&self, ptr: *const u8, len: usize) -> wasmtime::Result<()> {
        let loading = self.loading.lock().clone();
        let (file, base, length) = loading.ok_or_else(|| wasmtime::Error::msg("nothing is being loaded"))?;
        let start = ptr as usize;
        let offset = start
            .checked_sub(base)
            .filter(|offset| offset % PAGE == 0 && offset.checked_add(len).is_some_and(|end| end <= length));
        let offset = offset.ok_or_else(|| wasmtime::Error::msg("the text lies outside of its file"))?;
        #[expect(unsafe_code, reason = "the same pages of the same sealed file, with another protection")]
        // SAFETY: the range was just mapped from this file at this offset and nobody wrote to it, since it is mapped
        // read-only; so what is read there stays the same, byte for byte.
        let mapped = unsafe {
            let protection = ProtFlags::READ | ProtFlags::EXEC;
            mmap(start as *mut _, len, protection, MapFlags::PRIVATE | MapFlags::FIXED, &*file, offset as u64)
        };
        mapped.map(drop).map_err(wasmtime::Error::new)
    }

    fn unpublish_executable(&self, _: *const u8, _: usize) -> wasmtime::Result<()> {
        Ok(())
    }
}
