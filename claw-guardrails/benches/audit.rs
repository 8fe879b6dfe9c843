//! What the audit log costs: records that wait for the disk together (group commit) and one at a time, beside the rate at
//! which the disk takes bare forced writes of the same size; the check of a whole log; and a proof.
//!
//! Wanted: 20,000 records a second together; singly 95 % of the rate of bare forced writes; a million records checked in 10
//! seconds. Disks vary from one moment to the next, so that `singly_beside_bare` measures both in turns and prints the ratio.
//!
//! `cargo bench --workspace --bench audit`; `-- verify` for some of it.

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use claw_core::audit::{AuditError, AuditEvent, AuditKind, AuditLog as _, Observed};
use claw_core::clock::SystemClock;
use claw_guardrails::audit::{FileAuditLog, prove, verify_file};
use divan::counter::ItemsCount;
use jiff::Timestamp;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Records of one measurement, and callers that record at a time.
const RECORDS: usize = 4_000;
const CALLERS: usize = 64;
/// Records that are awaited one by one, in one measurement.
const SINGLY: usize = 50;
/// Records of the large log.
const MILLION: usize = 1_000_000;
/// Turns in which records and bare writes are compared.
const TURNS: usize = 20;

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
        requests: None,
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

/// Records awaited one by one and bare forced writes of as many bytes, in turns, on files of one disk. Besides, bare writes by a
/// thread of their own that is asked through the channels that the log has: what is lost there is what waking threads takes,
/// and no fault of what is written.
#[divan::bench(sample_count = 1, sample_size = 1)]
fn singly_beside_bare(bencher: divan::Bencher<'_, '_>) {
    bencher.bench_local(|| told(compare()));
}

type Asked = (Vec<u8>, oneshot::Sender<std::io::Result<()>>);

/// Writes what it is asked to.
fn write_for(mut file: File, mut queue: mpsc::Receiver<Asked>) {
    while let Some((line, reply)) = queue.blocking_recv() {
        let _ = reply.send(file.write_all(&line).and_then(|()| file.sync_data()));
    }
}

#[allow(clippy::disallowed_methods)] // a measurement is of real time
fn compare() -> Result<(), Box<dyn std::error::Error>> {
    let (runtime, folder) = (Runtime::new()?, tempfile::tempdir()?);
    let path = folder.path().join("audit.jsonl");
    let log = runtime.block_on(open(&path))?;
    let mut bare = File::create(folder.path().join("bare"))?;
    let asked = File::create(folder.path().join("asked"))?;
    let (queue, requests) = mpsc::channel(64);
    let writer = std::thread::spawn(move || write_for(asked, requests));
    let (mut singly, mut written, mut handed) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for _ in 0..TURNS {
        let before = std::fs::metadata(&path)?.len();
        let start = Instant::now();
        runtime.block_on(async {
            for number in 0..SINGLY {
                log.append(event(number)).await?;
            }
            Ok::<(), AuditError>(())
        })?;
        singly += start.elapsed();
        let bytes = usize::try_from(std::fs::metadata(&path)?.len() - before)?;
        let line = vec![b'x'; bytes / SINGLY];
        let start = Instant::now();
        for _ in 0..SINGLY {
            bare.write_all(&line)?;
            bare.sync_data()?;
        }
        written += start.elapsed();
        let start = Instant::now();
        runtime.block_on(async {
            for _ in 0..SINGLY {
                let (reply, answer) = oneshot::channel();
                queue.send((line.clone(), reply)).await?;
                answer.await??;
            }
            Ok::<(), Box<dyn std::error::Error>>(())
        })?;
        handed += start.elapsed();
    }
    drop(queue);
    let _ = writer.join();
    let count = (TURNS * SINGLY) as f64;
    let share = |of: Duration| 100.0 * of.as_secs_f64() / singly.as_secs_f64();
    eprintln!(
        "singly {:.0}/s; bare forced writes {:.0}/s: {:.1} % of them; bare, by another thread, {:.0}/s: {:.1} %",
        count / singly.as_secs_f64(),
        count / written.as_secs_f64(),
        share(written),
        count / handed.as_secs_f64(),
        share(handed),
    );
    Ok(())
}

/// A log of a million records, in some ten segments, with a thousand checkpoints.
fn million(runtime: &Runtime, path: &Path) -> Result<(), AuditError> {
    runtime.block_on(async {
        let log = open(path).await?;
        for _ in 0..MILLION / RECORDS {
            together(&log).await?;
        }
        log.close().await
    })
}

#[divan::bench(sample_count = 1, sample_size = 1)]
fn verify_a_million(bencher: divan::Bencher<'_, '_>) {
    let (Some(runtime), Some(folder)) = (told(Runtime::new()), told(tempfile::tempdir())) else {
        return;
    };
    let path = folder.path().join("audit.jsonl");
    if told(million(&runtime, &path)).is_none() {
        return;
    }
    bencher.counter(ItemsCount::new(MILLION)).bench_local(|| {
        let verification = told(verify_file(black_box(&path)));
        assert!(verification.is_some_and(|verification| verification.is_intact()));
    });
}

#[divan::bench(sample_count = 20)]
fn prove_a_record(bencher: divan::Bencher<'_, '_>) {
    let (Some(runtime), Some(folder)) = (told(Runtime::new()), told(tempfile::tempdir())) else {
        return;
    };
    let path = folder.path().join("audit.jsonl");
    let written = runtime.block_on(async {
        let log = open(&path).await?;
        together(&log).await?;
        log.close().await
    });
    if told(written).is_none() {
        return;
    }
    bencher
        .counter(ItemsCount::new(RECORDS))
        .bench_local(|| told(prove(black_box(&path), 1_234, None, true)));
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
