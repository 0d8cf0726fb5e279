//! How large a component is inside: counted in one walk, without compiling or validating it.

use wasmparser::{CanonicalOption, ComponentExternalKind, Encoding, Parser, Payload, TypeRef};

use crate::{hook::Class, limits::Limits, manifest, refused::Refused, settings, vectors};

/// Deeper ones are not walked.
const MAX_DEPTH: u64 = 20;
const WASM_PAGE: u64 = 64 << 10;

/// A component of this host's release: not compiled already, not a core module.
pub(super) fn preamble(wasm: &[u8]) -> Result<(), Refused> {
    if wasmtime::Engine::detect_precompiled(wasm).is_some() {
        return Err(Refused::Precompiled);
    }
    match wasm.first_chunk() {
        Some(b"\0asm\x0d\0\x01\0") => Ok(()),
        Some(b"\0asm\x01\0\0\0") => Err(Refused::CoreModule),
        _ => Err(Refused::NotWasm),
    }
}

/// How much of everything a component may have.
pub(super) struct Caps {
    bytes: usize,
    modules: u64,
    functions: u64,
    body: u64,
    locals: u64,
    imports: u64,
    types: u64,
    globals: u64,
    elements: u64,
    data: u64,
    memory: u64,
    table: u64,
}

impl Caps {
    /// An interpreter is larger than what it interprets.
    pub(super) fn of(class: Class, limits: &Limits) -> Self {
        let (memory, table) = (limits.memory as u64, limits.table_elements as u64);
        let compiled = Self {
            bytes: 2 << 20,
            modules: 30,
            functions: 20_000,
            body: 256 << 10,
            locals: 2_000,
            imports: 1_000,
            types: 20_000,
            globals: 1_000,
            elements: 1_000,
            data: 10_000,
            memory,
            table,
        };
        match class {
            Class::Compiled => compiled,
            // Python with its standard library: 38 modules, 13,000 functions, one of them of 427 KB.
            Class::Interpreted => Self {
                bytes: 32 << 20,
                modules: 60,
                functions: 40_000,
                body: 1 << 20,
                imports: 5_000,
                globals: 5_000,
                ..compiled
            },
        }
    }

    /// Accepts a file of so many bytes.
    pub(super) fn size(&self, found: usize) -> Result<(), Refused> {
        if found > self.bytes { Err(Refused::TooLarge { found, allowed: self.bytes }) } else { Ok(()) }
    }
}

/// What a walk finds.
#[derive(Default)]
pub(super) struct Sections<'a> {
    pub(super) manifest: Option<&'a [u8]>,
    pub(super) vectors: Option<&'a [u8]>,
    /// Of the outermost component.
    pub(super) imports: Vec<&'a str>,
    /// Of the outermost component.
    pub(super) exports: Vec<&'a str>,
    pub(super) totals: Totals,
}

/// Totals over all modules and components of a file; of single things, the largest.
#[derive(Default)]
pub(super) struct Totals {
    depth: u64,
    modules: u64,
    functions: u64,
    body: u64,
    locals: u64,
    imports: u64,
    types: u64,
    instances: u64,
    memories: u64,
    tables: u64,
    globals: u64,
    elements: u64,
    data: u64,
    memory: u64,
    table: u64,
}

/// Walks the file once.
pub(super) fn walk(wasm: &[u8]) -> Result<Sections<'_>, Refused> {
    let mut sections = Sections::default();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(malformed)?;
        let outermost = sections.totals.depth == 1;
        sections.totals.count(&payload)?;
        match payload {
            Payload::CustomSection(section) => {
                // The outermost section wins: tools that wrap a component can name the whole.
                let place = match section.name() {
                    manifest::SECTION => &mut sections.manifest,
                    vectors::SECTION => &mut sections.vectors,
                    _ => continue,
                };
                if outermost || place.is_none() {
                    *place = Some(section.data());
                }
            }
            Payload::ComponentImportSection(section) if outermost => {
                for import in section {
                    sections.imports.push(import.map_err(malformed)?.name.name);
                }
            }
            Payload::ComponentExportSection(section) if outermost => {
                for export in section {
                    let export = export.map_err(malformed)?;
                    // Tools leave things such as `init` behind; what has no package is no interface, and nobody
                    // calls it.
                    if export.kind == ComponentExternalKind::Instance && export.name.name.contains(':') {
                        sections.exports.push(export.name.name);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(sections)
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn malformed(error: wasmparser::BinaryReaderError) -> Refused {
    Refused::Malformed(error.to_string())
}

fn cap(what: &str, found: u64, allowed: u64) -> Result<(), Refused> {
    if found > allowed { Err(Refused::TooMuch { what: what.to_owned(), found, allowed }) } else { Ok(()) }
}

impl Totals {
    /// Accepts what stays within the caps.
    pub(super) fn within(&self, caps: &Caps) -> Result<(), Refused> {
        for (what, found, allowed) in [
            ("modules", self.modules, caps.modules),
            ("functions", self.functions, caps.functions),
            ("bytes in one function", self.body, caps.body),
            ("locals in one function", self.locals, caps.locals),
            ("imports", self.imports, caps.imports),
            ("types", self.types, caps.types),
            // Instances made of other instances' exports cost nothing at run time.
            ("core instances", self.instances, 8 * u64::from(settings::CORE_INSTANCES)),
            ("memories", self.memories, settings::MEMORIES.into()),
            ("tables", self.tables, settings::TABLES.into()),
            ("globals", self.globals, caps.globals),
            ("element segments", self.elements, caps.elements),
            ("data segments", self.data, caps.data),
            ("bytes of initial memory", self.memory, caps.memory),
            ("elements in a table", self.table, caps.table),
        ] {
            cap(what, found, allowed)?;
        }
        Ok(())
    }

    fn count(&mut self, payload: &Payload<'_>) -> Result<(), Refused> {
        match payload {
            Payload::Version { encoding, .. } => {
                self.depth += 1;
                cap("levels of nesting", self.depth, MAX_DEPTH)?;
                self.modules += u64::from(*encoding == Encoding::Module);
            }
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::TypeSection(section) => self.types += u64::from(section.count()),
            Payload::CoreTypeSection(section) => self.types += u64::from(section.count()),
            Payload::ComponentTypeSection(section) => self.types += u64::from(section.count()),
            Payload::ImportSection(section) => {
                self.imports += u64::from(section.count());
                for import in section.clone().into_imports() {
                    match import.map_err(malformed)?.ty {
                        TypeRef::Memory(memory) => self.memory(memory.initial),
                        TypeRef::Table(table) => self.table = self.table.max(table.initial),
                        _ => {}
                    }
                }
            }
            Payload::ComponentImportSection(section) => self.imports += u64::from(section.count()),
            Payload::FunctionSection(section) => self.functions += u64::from(section.count()),
            Payload::InstanceSection(section) => self.instances += u64::from(section.count()),
            Payload::MemorySection(section) => {
                self.memories += u64::from(section.count());
                for memory in section.clone() {
                    self.memory(memory.map_err(malformed)?.initial);
                }
            }
            Payload::TableSection(section) => {
                self.tables += u64::from(section.count());
                for table in section.clone() {
                    self.table = self.table.max(table.map_err(malformed)?.ty.initial);
                }
            }
            Payload::GlobalSection(section) => self.globals += u64::from(section.count()),
            Payload::ElementSection(section) => self.elements += u64::from(section.count()),
            Payload::DataSection(section) => self.data += u64::from(section.count()),
            Payload::CodeSectionEntry(body) => {
                let bytes = body.range();
                self.body = self.body.max((bytes.end - bytes.start) as u64);
                let mut locals = 0_u64;
                for group in body.get_locals_reader().map_err(malformed)? {
                    locals += u64::from(group.map_err(malformed)?.0);
                }
                self.locals = self.locals.max(locals);
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

    fn memory(&mut self, pages: u64) {
        self.memory = self.memory.max(pages.saturating_mul(WASM_PAGE));
    }
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
