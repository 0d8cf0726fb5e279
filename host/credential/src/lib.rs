//! Keys, JOSE, proofs, formats, status lists, DIDs.
