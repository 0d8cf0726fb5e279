//! Turning a type into a plugin.

/// Makes a type the plugin that this crate is: a [`CredentialTemplate`](crate::CredentialTemplate), or
/// what comes after `as`, an [`OnboardingPolicy`](crate::policy::OnboardingPolicy) or a
/// [`License`](crate::license::License).
///
/// It also writes the custom section `chancery:plugin` with the name, version and description
/// of `Cargo.toml`, from which a host knows the plugin without running it.
///
/// `vectors` names examples, files in `vectors/` without their `.json`. The component carries them,
/// so that a host can see for itself that it does what its author says; `cargo test` runs them
/// natively, and fails when the folder holds one that is not named.
///
/// ```ignore
/// chancery_plugin_sdk::export!(MembershipCard, vectors: ["everything", "only-what-is-required"]);
/// chancery_plugin_sdk::export!(NoDigits as OnboardingPolicy, vectors: ["a-digit"]);
/// ```
#[macro_export]
macro_rules! export {
    ($plugin:ty as OnboardingPolicy $(, vectors: [$($vector:literal),+ $(,)?])? $(,)?) => {
        $($crate::__vectors!($crate::vector::policy::<$plugin>, $($vector),+);)?
        $crate::__manifest!("onboarding-policy");
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Guest = $crate::bindings::Exported<$plugin>;
            $crate::bindings::policy::__export_onboarding_policy!(Guest with_types_in $crate::bindings::policy);
        };
    };
    ($plugin:ty as License $(, vectors: [$($vector:literal),+ $(,)?])? $(,)?) => {
        $($crate::__vectors!($crate::vector::license::<$plugin>, $($vector),+);)?
        $crate::__manifest!("license");
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Guest = $crate::bindings::Exported<$plugin>;
            $crate::bindings::license::__export_license!(Guest with_types_in $crate::bindings::license);
        };
    };
    ($plugin:ty $(, vectors: [$($vector:literal),+ $(,)?])? $(,)?) => {
        $($crate::__vectors!($crate::vector::template::<$plugin>, $($vector),+);)?
        $crate::__manifest!("credential-template");
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Guest = $crate::bindings::Exported<$plugin>;
            $crate::bindings::template::__export_credential_template!(
                Guest with_types_in $crate::bindings::template
            );
        };
    };
}

/// Who the plugin is: a custom section of the component.
#[doc(hidden)]
#[macro_export]
macro_rules! __manifest {
    ($hook:literal) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            const MANIFEST: &str = ::core::concat!(
                r#"{"name":""#,
                ::core::env!("CARGO_PKG_NAME"),
                r#"","version":""#,
                ::core::env!("CARGO_PKG_VERSION"),
                r#"","description":""#,
                ::core::env!("CARGO_PKG_DESCRIPTION"),
                r#"","hook":""#,
                $hook,
                r#""}"#,
            );
            #[used]
            #[unsafe(link_section = "chancery:plugin")]
            static SECTION: [u8; MANIFEST.len()] = $crate::section(MANIFEST);
        };
    };
}

/// The examples of a plugin: a custom section of the component, and a native test.
#[doc(hidden)]
#[macro_export]
macro_rules! __vectors {
    ($check:path, $first:literal $(, $more:literal)*) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            const VECTORS: &str = ::core::concat!(
                "[", $crate::__vector!($first), $(",", $crate::__vector!($more),)* "]",
            );
            #[used]
            #[unsafe(link_section = "chancery:vectors")]
            static SECTION: [u8; VECTORS.len()] = $crate::bytes(VECTORS);
        };

        #[cfg(test)]
        #[test]
        fn the_vectors_hold() {
            let folder = ::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/vectors");
            $crate::vector::check_all(folder, &[$first $(, $more)*], $check);
        }
    };
}

/// The text of one example.
#[doc(hidden)]
#[macro_export]
macro_rules! __vector {
    ($name:literal) => {
        ::core::include_str!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/vectors/", $name, ".json"))
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

/// The bytes of a text.
#[doc(hidden)]
#[expect(clippy::indexing_slicing, reason = "runs while compiling, where a panic is an error message")]
pub const fn bytes<const N: usize>(text: &str) -> [u8; N] {
    let text = text.as_bytes();
    let mut bytes = [0; N];
    let mut index = 0;
    while index < N {
        bytes[index] = text[index];
        index += 1;
    }
    bytes
}
