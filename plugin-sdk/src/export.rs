//! Turning a type into a plugin.

/// Makes a [`CredentialTemplate`](crate::CredentialTemplate) the plugin that this crate is.
///
/// It also writes the custom section `chancery:plugin` with the name, version and description
/// of `Cargo.toml`, from which a host knows the plugin without running it.
#[macro_export]
macro_rules! export {
    ($template:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            const MANIFEST: &str = ::core::concat!(
                r#"{"name":""#,
                ::core::env!("CARGO_PKG_NAME"),
                r#"","version":""#,
                ::core::env!("CARGO_PKG_VERSION"),
                r#"","description":""#,
                ::core::env!("CARGO_PKG_DESCRIPTION"),
                r#"","hook":"credential-template"}"#,
            );
            #[used]
            #[unsafe(link_section = "chancery:plugin")]
            static SECTION: [u8; MANIFEST.len()] = $crate::section(MANIFEST);

            type Guest = $crate::bindings::Exported<$template>;
    $crate::bindings::__export_credential_template!(Guest with_types_in $crate::bindings);
        };
    };
}

/// The bytes of a custom section, checked while compiling to be JSON with four members.
#[doc(hidden)]
#[expect(clippy::indexing_slicing, reason = "runs while compiling, where a panic is an error message")]
pub const fn section<const N: usize>(manifest: &str) -> [u8; N] {
    let bytes = manifest.as_bytes();
    let mut section = [0; N];
    let mut quotes = 0;
    let mut index = 0;
    while index < N {
        let byte = bytes[index];
        assert!(
            byte >= b' ' && byte != b'\\',
            "name, version and description have no control character or backslash"
        );
        if byte == b'"' {
            quotes += 1;
        }
        section[index] = byte;
        index += 1;
    }
    assert!(quotes == 16, "name, version and description have no quotation mark");
    section
}
