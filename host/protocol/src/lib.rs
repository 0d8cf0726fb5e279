//! The words on the wire: OpenID4VCI, OAuth, metadata.
