//! What the author of a Chancery plugin imports.
