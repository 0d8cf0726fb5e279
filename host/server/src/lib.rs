//! Listen, resolve, authenticate, translate, orchestrate.
