//! Files that mean no good, to be decided upon one after another.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use chancery_guests::{bombs, built, damaged, for_the_compiler, growths, loops};
use serde_json::{Value, json};
use tokio::task::LocalSet;
use tokio::time::sleep;

use crate::manager::Manager;
use crate::measure::{ms, rounded};

/// How many are uploaded at a time: as many as the host reads.
const AT_A_TIME: usize = 4;

/// What each is, and its bytes.
pub(super) type Files = VecDeque<(String, Vec<u8>)>;

/// What was decided.
pub(super) struct Decided {
    /// In seconds.
    pub(super) slowest: f64,
    pub(super) document: Value,
}

/// Uploads the largest that is accepted: a whole interpreter.
pub(super) async fn an_interpreter(operator: Manager) -> Result<Decided> {
    decide(vec![operator], [("an interpreter".to_owned(), built("library-card"))].into()).await
}

/// All that means no good. It is made before anything is measured.
pub(super) fn made(broken: usize) -> Files {
    let mut files = Files::new();
    files.extend(bombs().into_iter().chain(for_the_compiler()).map(|(what, wasm)| (what.to_owned(), wasm)));
    let crafted = loops().into_iter().chain(growths());
    files.extend(crafted.map(|(what, guest)| (what.to_owned(), guest.component())));
    let whole = built("employee-badge");
    let damaged = damaged(&whole, broken).enumerate();
    files.extend(damaged.map(|(number, wasm)| (format!("damaged {number}"), wasm)));
    files
}

/// Uploads files, as many at a time as the host reads.
pub(super) async fn let_loose(operator: Manager, files: Files) -> Result<Decided> {
    eprintln!("{} files", files.len());
    let mut operators = vec![operator];
    while operators.len() < AT_A_TIME {
        let another = operators.first().context("find an operator")?.another().await?;
        operators.push(another);
    }
    decide(operators, files).await
}

/// Has files decided upon, one after another by each of these.
async fn decide(operators: Vec<Manager>, files: Files) -> Result<Decided> {
    let (files, decided) = (Rc::new(RefCell::new(files)), Rc::<RefCell<Vec<Decision>>>::default());
    let tasks = LocalSet::new();
    let mut working = Vec::new();
    for operator in operators {
        working.push(tasks.spawn_local(upload(operator, Rc::clone(&files), Rc::clone(&decided))));
    }
    tasks.await;
    for work in working {
        work.await.context("wait for an upload")??;
    }
    let mut decided = decided.take();
    decided.sort_by_key(|decision| std::cmp::Reverse(decision.took));
    let count = |status| decided.iter().filter(|decision| decision.status == status).count();
    let slowest: Vec<_> = decided.iter().take(10).map(Decision::document).collect();
    Ok(Decided {
        slowest: decided.first().context("find a decision")?.took.as_secs_f64(),
        document: json!({
            "files": decided.len(),
            "accepted": count(201) + count(200),
            "refused": count(422),
            "answered_otherwise": decided.len() - count(201) - count(200) - count(422),
            "slowest": slowest,
        }),
    })
}

struct Decision {
    what: String,
    status: u16,
    took: Duration,
}

impl Decision {
    fn document(&self) -> Value {
        json!({ "what": self.what, "status": self.status, "ms": rounded(ms(self.took)) })
    }
}

async fn upload(
    mut operator: Manager,
    files: Rc<RefCell<Files>>,
    decided: Rc<RefCell<Vec<Decision>>>,
) -> Result<()> {
    loop {
        let Some((what, wasm)) = files.borrow_mut().pop_front() else { return Ok(()) };
        let began = Instant::now();
        let status = loop {
            let answer = operator.try_to_upload(&wasm).await.with_context(|| format!("upload {what}"))?;
            if answer.status != 429 {
                break answer.status;
            }
            sleep(Duration::from_millis(100)).await;
        };
        decided.borrow_mut().push(Decision { what, status, took: began.elapsed() });
    }
}
