//! How documents are sent: by whoever has one, at once, as long as the socket has room.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, IoSlice},
    mem::MaybeUninit,
    os::fd::{AsFd as _, OwnedFd},
};

use parking_lot::Mutex;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde::Serialize;
use tokio::{
    io::Interest,
    net::{UnixStream, unix::OwnedWriteHalf},
    sync::Notify,
};

use super::wire::LONGEST;

/// A document, ready to go, and the file that goes with it.
pub(super) struct Letter {
    bytes: Vec<u8>,
    sent: usize,
    file: Option<OwnedFd>,
}

impl Letter {
    pub(super) fn new(document: &impl Serialize, file: Option<OwnedFd>) -> io::Result<Self> {
        let mut bytes = vec![0; 4];
        serde_json::to_writer(&mut bytes, document)?;
        let length = bytes.len() - 4;
        let announced = u32::try_from(length).ok().filter(|_| length <= LONGEST);
        let announced = announced.ok_or_else(|| io::Error::other("the message is too long"))?;
        if let Some(head) = bytes.first_chunk_mut() {
            *head = announced.to_le_bytes();
        }
        Ok(Self { bytes, sent: 0, file })
    }

    /// Sends all that there is room for. The file is gone with the first byte.
    fn send(&mut self, to: &UnixStream) -> io::Result<()> {
        while let Some(rest) = self.bytes.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            let files = self.file.as_ref().map(|file| [file.as_fd()]);
            if let Some(files) = &files {
                control.push(SendAncillaryMessage::ScmRights(files));
            }
            self.sent += sendmsg(to, &[IoSlice::new(rest)], &mut control, SendFlags::NOSIGNAL)?;
            self.file = None;
        }
        Ok(())
    }
}

/// What is to be sent, in its order.
pub(super) struct Outbox {
    to: OwnedWriteHalf,
    letters: Mutex<VecDeque<Letter>>,
    found_no_room: Notify,
}

impl Outbox {
    pub(super) fn new(to: OwnedWriteHalf) -> Self {
        Self { to, letters: Mutex::default(), found_no_room: Notify::new() }
    }

    /// Sends the letter now, or leaves it to [`Self::deliver`] if there is no room.
    pub(super) fn post(&self, letter: Letter) -> io::Result<()> {
        let mut letters = self.letters.lock();
        letters.push_back(letter);
        if letters.len() == 1 && !self.empty(&mut letters)? {
            self.found_no_room.notify_one();
        }
        Ok(())
    }

    /// Sends what found no room; returns when the other side is gone.
    pub(super) async fn deliver(&self) -> io::Result<()> {
        let to: &UnixStream = self.to.as_ref();
        loop {
            self.found_no_room.notified().await;
            while !self.empty(&mut self.letters.lock())? {
                to.writable().await?;
            }
        }
    }

    /// Whether all letters were sent.
    fn empty(&self, letters: &mut VecDeque<Letter>) -> io::Result<bool> {
        let to: &UnixStream = self.to.as_ref();
        while let Some(letter) = letters.front_mut() {
            match to.try_io(Interest::WRITABLE, || letter.send(to)) {
                Ok(()) => drop(letters.pop_front()),
                Err(full) if full.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(gone) => return Err(gone),
            }
        }
        Ok(true)
    }
}
