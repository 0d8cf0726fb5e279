//! The only module that opens connections to the outside.

pub(crate) mod dns;
