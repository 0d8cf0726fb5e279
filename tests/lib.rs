//! People who use Chancery.
