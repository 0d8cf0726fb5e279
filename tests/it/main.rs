//! The whole host as people meet it, one folder for each part of its URLs.
#![cfg(test)]

mod author;
mod cli;
mod conformance;
mod hostile;
mod issuers;
mod manage;
mod ops;
mod platform;
mod replicas;
mod requests;
mod restart;
mod restores;
mod secrets;
mod strangers;
mod tidy;
mod wallet;
mod wire;
