//! The whole host as people meet it, one folder for each part of its URLs.

mod wallet;
