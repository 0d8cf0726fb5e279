//! What is refused before anything is compiled.
//!
//! A compiler is neither interruptible nor bounded in memory, so what reaches it is capped
//! here by size and structure. The order is: cheap structure, full validation, the contract.

use wasmparser::{CanonicalOption, ComponentExternalKind, Encoding, Parser, Payload, TypeRef, Validator};

use crate::{
    limits::Limits,
    manifest::{self, Manifest},
    settings,
};

/// Why a file is no plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The file is larger than a plugin may be.
    #[error("failed to accept the plugin: it has {found} bytes, at most {allowed} are accepted")]
    TooLarge {
        /// Its size.
        found: usize,
        /// The limit.
        allowed: usize,
    },
    /// The file is something else.
    #[error("failed to accept the plugin: it is not WebAssembly")]
    NotWasm,
    /// The file is compiled machine code, which is never accepted.
    #[error("failed to accept the plugin: it is precompiled; upload the component itself")]
    Precompiled,
    /// The file is a core module.
    #[error(
        "failed to accept the plugin: it is a core module, not a component; `chancery plugin build` makes one"
    )]
    CoreModule,
    /// The file is not valid under the features that the host allows.
    #[error("failed to accept the plugin: it is not valid: {0}")]
    Malformed(String),
    /// The file has more of something than a plugin may have.
    #[error("failed to accept the plugin: it has {found} {what}, at most {allowed} are accepted")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How much.
        found: u64,
        /// The limit.
        allowed: u64,
    },
    /// The file wants something that the host does not give to plugins.
    #[error("failed to accept the plugin: it imports `{import}`, {hint}")]
    Import {
        /// The import's name.
        import: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// The file implements no hook.
    #[error("failed to accept the plugin: it does not export `{0}`")]
    MissingExport(&'static str),
    /// The file does not say who it is, or not in the agreed form.
    #[error("failed to accept the plugin: its `chancery:plugin` section {0}")]
    Manifest(String),
    /// An import or export has another type than the contract says.
    #[error("failed to accept the plugin: it was built against another contract: {0}")]
    Contract(String),
    /// The compiler refused it.
    #[error("failed to compile the plugin: {0}")]
    Compile(String),
    /// The compiler broke on it.
    #[error("failed to compile the plugin: the compiler panicked on it")]
    CompilerPanicked,
}

/// The hook that a component must export.
pub(crate) const HOOK: &str = "chancery:credential-template/template@0.1.0";

const MAX_BYTES: usize = 5 << 20;
const MAX_DEPTH: u64 = 20;
const MAX_MODULES: u64 = 30;
const MAX_FUNCTIONS: u64 = 20_000;
const MAX_BODY: u64 = 256 << 10;
const MAX_LOCALS: u64 = 2_000;
const MAX_IMPORTS: u64 = 1_000;
const MAX_TYPES: u64 = 20_000;
const MAX_GLOBALS: u64 = 1_000;
const MAX_ELEMENT_SEGMENTS: u64 = 1_000;
const MAX_DATA_SEGMENTS: u64 = 10_000;
const WASM_PAGE: u64 = 64 << 10;

/// Checks a file; what it says about itself comes back.
pub(crate) fn check(wasm: &[u8], limits: &Limits) -> Result<Manifest, Refused> {
    if wasm.len() > MAX_BYTES {
        return Err(Refused::TooLarge { found: wasm.len(), allowed: MAX_BYTES });
    }
    preamble(wasm)?;
    let section = structure(wasm, limits)?;
    Validator::new_with_features(settings::features())
        .validate_all(wasm)
        .map_err(|error| Refused::Malformed(error.to_string()))?;
    let section =
        section.ok_or_else(|| Refused::Manifest("is missing; the SDK's `export!` writes it".into()))?;
    let manifest = Manifest::parse(section).map_err(Refused::Manifest)?;
    if manifest.hook != "credential-template" {
        return Err(Refused::Manifest(format!(
            "names the hook `{}`, which this host does not have",
            manifest.hook
        )));
    }
    Ok(manifest)
}

fn preamble(wasm: &[u8]) -> Result<(), Refused> {
    if wasmtime::Engine::detect_precompiled(wasm).is_some() {
        return Err(Refused::Precompiled);
    }
    match wasm.first_chunk() {
        Some(b"\0asm\x0d\0\x01\0") => Ok(()),
        Some(b"\0asm\x01\0\0\0") => Err(Refused::CoreModule),
        _ => Err(Refused::NotWasm),
    }
}

/// Running totals over all modules and components of a file.
#[derive(Default)]
struct Totals {
    depth: u64,
    modules: u64,
    functions: u64,
    imports: u64,
    types: u64,
    instances: u64,
    memories: u64,
    tables: u64,
    globals: u64,
    elements: u64,
    data: u64,
}

fn cap(what: &'static str, found: u64, allowed: u64) -> Result<(), Refused> {
    if found > allowed { Err(Refused::TooMuch { what, found, allowed }) } else { Ok(()) }
}

/// Walks the file once, without compiling or validating it; answers the manifest's bytes.
fn structure<'a>(wasm: &'a [u8], limits: &Limits) -> Result<Option<&'a [u8]>, Refused> {
    let malformed = |error: wasmparser::BinaryReaderError| Refused::Malformed(error.to_string());
    let mut totals = Totals::default();
    let mut exports_hook = false;
    let mut manifest = None;

    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(malformed)?;
        let outermost = totals.depth == 1;
        totals.count(&payload, limits)?;
        match payload {
            // The outermost section wins: tools that wrap a component can name the whole.
            Payload::CustomSection(section)
                if section.name() == manifest::SECTION && (outermost || manifest.is_none()) =>
            {
                manifest = Some(section.data());
            }
            Payload::ComponentImportSection(section) if outermost => {
                for import in section {
                    let import = import.map_err(malformed)?;
                    importable(import.name.name)?;
                }
            }
            Payload::ComponentExportSection(section) if outermost => {
                for export in section {
                    let export = export.map_err(malformed)?;
                    exports_hook |=
                        export.name.name == HOOK && export.kind == ComponentExternalKind::Instance;
                }
            }
            _ => {}
        }
    }
    if exports_hook { Ok(manifest) } else { Err(Refused::MissingExport(HOOK)) }
}

impl Totals {
    fn count(&mut self, payload: &Payload<'_>, limits: &Limits) -> Result<(), Refused> {
        let malformed = |error: wasmparser::BinaryReaderError| Refused::Malformed(error.to_string());
        match payload {
            Payload::Version { encoding, .. } => {
                self.depth += 1;
                cap("levels of nesting", self.depth, MAX_DEPTH)?;
                if *encoding == Encoding::Module {
                    self.modules += 1;
                    cap("modules", self.modules, MAX_MODULES)?;
                }
            }
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::TypeSection(section) => self.types(section.count())?,
            Payload::CoreTypeSection(section) => self.types(section.count())?,
            Payload::ComponentTypeSection(section) => self.types(section.count())?,
            Payload::ImportSection(section) => {
                self.imports(section.count())?;
                for import in section.clone().into_imports() {
                    match import.map_err(malformed)?.ty {
                        TypeRef::Memory(memory) => initial_memory(memory.initial, limits)?,
                        TypeRef::Table(table) => initial_table(table.initial, limits)?,
                        _ => {}
                    }
                }
            }
            Payload::ComponentImportSection(section) => self.imports(section.count())?,
            Payload::FunctionSection(section) => {
                self.functions += u64::from(section.count());
                cap("functions", self.functions, MAX_FUNCTIONS)?;
            }
            Payload::InstanceSection(section) => {
                self.instances += u64::from(section.count());
                // Instances made of other instances' exports cost nothing at run time.
                cap("core instances", self.instances, 8 * u64::from(settings::CORE_INSTANCES))?;
            }
            Payload::MemorySection(section) => {
                self.memories += u64::from(section.count());
                cap("memories", self.memories, settings::MEMORIES.into())?;
                for memory in section.clone() {
                    initial_memory(memory.map_err(malformed)?.initial, limits)?;
                }
            }
            Payload::TableSection(section) => {
                self.tables += u64::from(section.count());
                cap("tables", self.tables, settings::TABLES.into())?;
                for table in section.clone() {
                    initial_table(table.map_err(malformed)?.ty.initial, limits)?;
                }
            }
            Payload::GlobalSection(section) => {
                self.globals += u64::from(section.count());
                cap("globals", self.globals, MAX_GLOBALS)?;
            }
            Payload::ElementSection(section) => {
                self.elements += u64::from(section.count());
                cap("element segments", self.elements, MAX_ELEMENT_SEGMENTS)?;
            }
            Payload::DataSection(section) => {
                self.data += u64::from(section.count());
                cap("data segments", self.data, MAX_DATA_SEGMENTS)?;
            }
            Payload::CodeSectionEntry(body) => {
                let bytes = body.range();
                cap("bytes in one function", (bytes.end - bytes.start) as u64, MAX_BODY)?;
                let mut locals = 0_u64;
                for group in body.get_locals_reader().map_err(malformed)? {
                    let (count, _) = group.map_err(malformed)?;
                    locals += u64::from(count);
                    cap("locals in one function", locals, MAX_LOCALS)?;
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section.clone() {
                    utf8_only(&function.map_err(malformed)?)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn types(&mut self, count: u32) -> Result<(), Refused> {
        self.types += u64::from(count);
        cap("types", self.types, MAX_TYPES)
    }

    fn imports(&mut self, count: u32) -> Result<(), Refused> {
        self.imports += u64::from(count);
        cap("imports", self.imports, MAX_IMPORTS)
    }
}

fn initial_memory(pages: u64, limits: &Limits) -> Result<(), Refused> {
    cap("bytes of initial memory", pages.saturating_mul(WASM_PAGE), limits.memory as u64)
}

fn initial_table(elements: u64, limits: &Limits) -> Result<(), Refused> {
    cap("elements in a table", elements, limits.table_elements as u64)
}

/// Transcoding between encodings is rare in guests and was where runtimes had their faults.
fn utf8_only(function: &wasmparser::CanonicalFunction) -> Result<(), Refused> {
    use wasmparser::CanonicalFunction::{Lift, Lower};
    let (Lift { options, .. } | Lower { options, .. }) = function else { return Ok(()) };
    if options.iter().any(|option| matches!(option, CanonicalOption::UTF16 | CanonicalOption::CompactUTF16)) {
        return Err(Refused::Malformed("it encodes strings as UTF-16; only UTF-8 is accepted".into()));
    }
    Ok(())
}

/// What a component may import by name; whether the types fit is checked when it is linked.
fn importable(import: &str) -> Result<(), Refused> {
    const OURS: [&str; 2] = ["chancery:types/types@0.1.0", "chancery:log/log@0.1.0"];
    const WASI: [&str; 17] = [
        "wasi:cli/environment",
        "wasi:cli/exit",
        "wasi:cli/stdin",
        "wasi:cli/stdout",
        "wasi:cli/stderr",
        "wasi:cli/terminal-input",
        "wasi:cli/terminal-output",
        "wasi:cli/terminal-stdin",
        "wasi:cli/terminal-stdout",
        "wasi:cli/terminal-stderr",
        "wasi:clocks/monotonic-clock",
        "wasi:clocks/wall-clock",
        "wasi:io/error",
        "wasi:io/poll",
        "wasi:io/streams",
        "wasi:random/random",
        "wasi:random/insecure-seed",
    ];
    let hint = match import.split_once('@') {
        _ if OURS.contains(&import) => return Ok(()),
        Some((name, version)) if WASI.contains(&name) => {
            if version.starts_with("0.2.") {
                return Ok(());
            }
            "but only WASI 0.2 is linked"
        }
        Some((name, _)) if name.starts_with("wasi:filesystem/") => {
            "but plugins have no files; build without what opens them"
        }
        Some((name, _)) if name.starts_with("wasi:sockets/") || name.starts_with("wasi:http/") => {
            "but plugins have no network; answer `need` and let the host look it up"
        }
        Some((name, _)) if name.starts_with("chancery:") => "but this host does not have that version of it",
        _ => "but plugins import nothing beside `chancery:log` and the closed part of WASI 0.2",
    };
    Err(Refused::Import { import: import.to_owned(), hint })
}
