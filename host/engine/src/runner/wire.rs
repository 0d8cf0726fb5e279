//! What a server and its runner say to each other, and how it is received: documents of JSON, each after its length. A
//! file comes along with the first byte of its order.

use std::{
    collections::VecDeque,
    io::{self, IoSliceMut},
    mem::MaybeUninit,
    os::fd::OwnedFd,
};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{
    io::Interest,
    net::{UnixStream, unix::OwnedReadHalf},
};

use super::Wanted;
use crate::{measured::Measured, question::Reply, report::Resources};

/// The longest document: an answer in JSON, every character of it escaped.
pub(super) const LONGEST: usize = 8 << 20;

/// What the server wants.
#[derive(Serialize, Deserialize)]
pub(super) enum Order<Q> {
    /// To load the code that comes along.
    Load { call: u64, wanted: Wanted },
    /// An answer.
    Ask { call: u64, component: [u8; 32], question: Q },
    /// To forget a component.
    Forget { component: [u8; 32] },
}

/// What the runner says.
#[derive(Serialize, Deserialize)]
pub(super) enum Said {
    Loaded { call: u64, loaded: Result<Option<Resources>, String> },
    Answered { call: u64, answer: Box<Option<Measured<Reply>>> },
}

/// Receives letters.
pub(super) struct Mailbox {
    from: OwnedReadHalf,
    /// What one receipt fills, at most.
    buffer: Box<[u8]>,
    bytes: Vec<u8>,
    /// The files that came and were not taken yet; none if no file is accepted.
    files: Option<VecDeque<OwnedFd>>,
}

impl Mailbox {
    /// The runner's: the server sends it code in files.
    pub(super) fn new(from: OwnedReadHalf) -> Self {
        Self { files: Some(VecDeque::new()), ..Self::without_files(from) }
    }

    /// The server's: a runner has no file to send, but one that was broken into could send what it was sent, again and
    /// again, until the server can open nothing more.
    pub(super) fn without_files(from: OwnedReadHalf) -> Self {
        let buffer = vec![0; 64 << 10].into_boxed_slice();
        Self { from, buffer, bytes: Vec::new(), files: None }
    }

    /// The next document; none when the other side is gone.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        loop {
            if let Some(head) = self.bytes.first_chunk::<4>() {
                let length = u32::from_le_bytes(*head) as usize;
                if length > LONGEST {
                    return Err(io::Error::other("the message is too long"));
                }
                if let Some(document) = self.bytes.get(4..4 + length) {
                    let document = serde_json::from_slice(document)?;
                    self.bytes.drain(..4 + length);
                    return Ok(Some(document));
                }
            }
            if self.receive().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The file that came with the last document that has one.
    pub(super) fn file(&mut self) -> Option<OwnedFd> {
        self.files.as_mut()?.pop_front()
    }

    async fn receive(&mut self) -> io::Result<usize> {
        let (stream, buffer): (&UnixStream, _) = (self.from.as_ref(), &mut self.buffer);
        let count = match &mut self.files {
            Some(files) => {
                let (count, more) =
                    stream.async_io(Interest::READABLE, || receive_some(stream, buffer)).await?;
                files.extend(more);
                count
            }
            None => stream.async_io(Interest::READABLE, || receive_bytes(stream, buffer)).await?,
        };
        self.bytes.extend_from_slice(self.buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

fn receive_some(stream: &UnixStream, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(stream, &mut [IoSliceMut::new(buffer)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut files = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            files.extend(received);
        }
    }
    Ok((received.bytes, files))
}

/// Without room for files: the kernel closes them before anybody has them, and says so.
fn receive_bytes(stream: &UnixStream, buffer: &mut [u8]) -> io::Result<usize> {
    let mut none = RecvAncillaryBuffer::new(&mut []);
    let received = recvmsg(stream, &mut [IoSliceMut::new(buffer)], &mut none, RecvFlags::CMSG_CLOEXEC)?;
    if received.flags.contains(ReturnFlags::CTRUNC) {
        return Err(io::Error::other("a file came where none is accepted"));
    }
    Ok(received.bytes)
}
