//! What was found out about a file on its way to becoming a plugin: for its author, and for whoever
//! is to approve it.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::{hook::Hook, manifest::Manifest, measured::Usage, refused::Refused, self_test::SelfTest};

/// The stages, in the order in which they are cheap to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// How many bytes it has.
    Size,
    /// Whether it is a component, and how much of everything it has.
    Structure,
    /// Whether it is valid under the features that the host allows.
    Validation,
    /// Who it says it is.
    Manifest,
    /// What it wants from the host.
    Imports,
    /// Whether it implements its hook and nothing else.
    Exports,
    /// Whether the examples that it carries can be read.
    Vectors,
    /// Making machine code of it.
    Compile,
    /// Whether an instance fits into what a call has.
    Resources,
    /// Whether the types are those of the contract.
    Link,
    /// What it says about itself under the empty configuration.
    Describe,
    /// Whether it does what its examples say, twice.
    SelfTest,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Size,
        Self::Structure,
        Self::Validation,
        Self::Manifest,
        Self::Imports,
        Self::Exports,
        Self::Vectors,
        Self::Compile,
        Self::Resources,
        Self::Link,
        Self::Describe,
        Self::SelfTest,
    ];
}

/// What came of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum StageResult {
    /// Nothing is wrong.
    Passed,
    /// It ends here.
    Failed {
        /// A stable word.
        code: String,
        /// What is wrong.
        cause: String,
        /// What the author can do.
        fix: String,
    },
    /// An earlier stage failed.
    NotReached,
}

impl From<&Refused> for StageResult {
    fn from(refused: &Refused) -> Self {
        Self::Failed { code: refused.code().into(), cause: refused.to_string(), fix: refused.fix().into() }
    }
}

/// One stage, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stepped {
    /// Which.
    pub stage: Stage,
    /// What came of it.
    #[serde(flatten)]
    pub result: StageResult,
    /// How long it took.
    pub microseconds: u64,
}

/// What an instance needs before it was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Linear memories.
    pub memories: u32,
    /// Bytes that the largest of them begins with.
    pub memory: u64,
    /// Tables.
    pub tables: u32,
    /// Elements that the largest of them begins with.
    pub table_elements: u64,
}

impl Resources {
    /// Of a compiled component, where that can be told before there is an instance.
    pub(crate) fn of(compiled: &wasmtime::component::Component) -> Option<Self> {
        let needed = compiled.resources_required()?;
        Some(Self {
            memories: needed.num_memories,
            memory: needed.max_initial_memory_size.unwrap_or_default(),
            tables: needed.num_tables,
            table_elements: needed.max_initial_table_size.unwrap_or_default(),
        })
    }
}

/// Everything that was found out about one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// SHA-256 of the file, in hexadecimal digits.
    pub digest: String,
    /// Its bytes.
    pub size: u64,
    /// What it says about itself.
    pub manifest: Option<Manifest>,
    /// What it imports, by name.
    pub imports: Vec<String>,
    /// What it exports, by name.
    pub exports: Vec<String>,
    /// What an instance needs.
    pub resources: Option<Resources>,
    /// Whether its machine code was at hand already.
    pub compiled_before: bool,
    /// What describing itself cost.
    pub description: Option<Usage>,
    /// What its examples showed.
    pub self_test: Option<SelfTest>,
    /// Every stage, in order.
    pub stages: Vec<Stepped>,
}

impl Report {
    /// Of a file that was not looked at yet.
    pub(crate) fn new(digest: &[u8; 32], size: usize) -> Self {
        let step = |stage| Stepped { stage, result: StageResult::NotReached, microseconds: 0 };
        Self {
            digest: hex::encode(digest),
            size: size as u64,
            manifest: None,
            imports: Vec::new(),
            exports: Vec::new(),
            resources: None,
            compiled_before: false,
            description: None,
            self_test: None,
            stages: Stage::ALL.map(step).into(),
        }
    }

    /// Whether every stage passed.
    pub fn passed(&self) -> bool {
        self.stages.iter().all(|step| step.result == StageResult::Passed)
    }

    /// The stages that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Stepped> {
        self.stages.iter().filter(|step| matches!(step.result, StageResult::Failed { .. }))
    }

    /// The hook that it says it implements.
    pub fn hook(&self) -> Option<Hook> {
        self.manifest.as_ref().map(|manifest| manifest.hook)
    }

    /// Notes what comes of a part of a stage.
    pub(crate) fn attempt<T>(
        &mut self,
        stage: Stage,
        part: impl FnOnce() -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let started = Instant::now();
        let result = part();
        let took = started.elapsed();
        match &result {
            Ok(_) => self.note(stage, StageResult::Passed, took),
            Err(refused) => self.note(stage, refused.into(), took),
        }
        result
    }

    /// Notes what came of a stage.
    pub(crate) fn note(&mut self, stage: Stage, result: StageResult, took: Duration) {
        if let Some(step) = self.stages.iter_mut().find(|step| step.stage == stage) {
            step.result = result;
            step.microseconds += u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        }
    }
}
