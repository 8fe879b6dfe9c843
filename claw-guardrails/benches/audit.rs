//! What the audit log costs: records that wait for the disk together (group commit) and one at a time, beside the rate at
//! which the disk takes bare forced writes of the same size; and the check of a whole log.
//!
//! `cargo bench -p claw-guardrails --bench audit`

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use claw_core::audit::{AuditError, AuditEvent, AuditKind, AuditLog as _, Observed};
use claw_core::clock::SystemClock;
use claw_guardrails::audit::{FileAuditLog, verify_file};
use divan::counter::ItemsCount;
use jiff::Timestamp;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Records of one measurement, and callers that record at a time.
const RECORDS: usize = 4_000;
const CALLERS: usize = 64;
/// Records that are awaited one by one, in one measurement.
const SINGLY: usize = 50;

fn main() {
    divan::main();
}

fn event(number: usize) -> AuditEvent {
    AuditEvent {
        time: Timestamp::UNIX_EPOCH,
        run: "run-7".to_owned(),
        step: Some("gather_context".to_owned()),
        actor: "claw".to_owned(),
        kind: AuditKind::Observe,
        subject: "get_pods".to_owned(),
        input: json!({"namespace": "shop", "label_selector": format!("app=cart-{number}")}),
        observed: Some(Observed {
            digest: "0f".repeat(32),
            bytes: 2048,
            excerpt: "{\"pods\":[{\"name\":\"cart-7d9f8b6c5d-x\"}]}".to_owned(),
        }),
        reasoned: None,
        decided: Some("allowed by reads.allowed".to_owned()),
        why: "to see which pods run".to_owned(),
        error: None,
    }
}

async fn open(path: &Path) -> Result<Arc<FileAuditLog>, AuditError> {
    FileAuditLog::open(path, Arc::new(SystemClock))
        .await
        .map(Arc::new)
}

/// Appends `RECORDS` records, `CALLERS` at a time.
async fn together(log: &Arc<FileAuditLog>) -> Result<(), AuditError> {
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let log = Arc::clone(log);
        callers.spawn(async move {
            for number in (caller..RECORDS).step_by(CALLERS) {
                log.append(event(number)).await?;
            }
            Ok(())
        });
    }
    callers.join_all().await.into_iter().collect()
}

/// A measurement that failed would be fast, and the figure worthless.
fn told<T, E: std::fmt::Display>(result: Result<T, E>) -> Option<T> {
    result
        .inspect_err(|error| eprintln!("the measurement failed: {error}"))
        .ok()
}

#[divan::bench(sample_count = 20)]
fn group_commit(bencher: divan::Bencher<'_, '_>) {
    let (Some(runtime), Some(folder)) = (told(Runtime::new()), told(tempfile::tempdir())) else {
        return;
    };
    let Some(log) = told(runtime.block_on(open(&folder.path().join("audit.jsonl")))) else {
        return;
    };
    bencher
        .counter(ItemsCount::new(RECORDS))
        .bench_local(|| told(runtime.block_on(together(&log))));
}

#[divan::bench(sample_count = 20)]
fn awaited_singly(bencher: divan::Bencher<'_, '_>) {
    let (Some(runtime), Some(folder)) = (told(Runtime::new()), told(tempfile::tempdir())) else {
        return;
    };
    let Some(log) = told(runtime.block_on(open(&folder.path().join("audit.jsonl")))) else {
        return;
    };
    bencher.counter(ItemsCount::new(SINGLY)).bench_local(|| {
        told(runtime.block_on(async {
            for number in 0..SINGLY {
                log.append(event(number)).await?;
            }
            Ok::<(), AuditError>(())
        }))
    });
}

/// The bound for [`awaited_singly`]: as many bytes, forced to disk as often.
#[divan::bench(sample_count = 20)]
fn bare_forced_writes(bencher: divan::Bencher<'_, '_>) {
    let Some(folder) = told(tempfile::tempdir()) else {
        return;
    };
    let Some(mut file) = told(File::create(folder.path().join("bare"))) else {
        return;
    };
    let line = vec![b'x'; 700];
    bencher.counter(ItemsCount::new(SINGLY)).bench_local(|| {
        told((0..SINGLY).try_for_each(|_| {
            file.write_all(&line)?;
            file.sync_data()
        }))
    });
}

#[divan::bench(sample_count = 20)]
fn verify_a_log(bencher: divan::Bencher<'_, '_>) {
    let (Some(runtime), Some(folder)) = (told(Runtime::new()), told(tempfile::tempdir())) else {
        return;
    };
    let path = folder.path().join("audit.jsonl");
    let written = runtime.block_on(async {
        let log = open(&path).await?;
        together(&log).await
    });
    if told(written).is_none() {
        return;
    }
    bencher
        .counter(ItemsCount::new(RECORDS))
        .bench_local(|| told(verify_file(black_box(&path))));
}
