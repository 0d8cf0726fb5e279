//! Check, compile and run plugins inside their limits.
