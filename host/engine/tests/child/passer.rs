//! A runner that somebody broke into, and that sends the server files: more than it could ever have open.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::fd::AsFd as _,
};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// Says again and again what a runner might say, each time with four files, until nobody listens.
pub(crate) fn serve() -> io::Result<()> {
    let socket = io::stdin();
    let said = br#"{"Loaded":{"call":1000000,"loaded":{"Ok":null}}}"#;
    let mut letter = u32::try_from(said.len()).map_err(io::Error::other)?.to_le_bytes().to_vec();
    letter.extend_from_slice(said);
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let files = [socket.as_fd(); 4];
        control.push(SendAncillaryMessage::ScmRights(&files));
        if sendmsg(&socket, &[IoSlice::new(&letter)], &mut control, SendFlags::NOSIGNAL).is_err() {
            return Ok(());
        }
    }
}
