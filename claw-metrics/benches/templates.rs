//! How many log lines a second the template miner takes: services that say the same with other numbers, and lines that
//! differ in a word.
//!
//! `cargo bench -p claw-metrics --bench templates`

use std::hint::black_box;

use claw_metrics::logs::templates::Miner;
use divan::counter::ItemsCount;

const LINES: usize = 20_000;

fn main() {
    divan::main();
}

/// Lines of a service: a dozen statements with numbers, addresses, ids, quoted text and paths.
fn service() -> Vec<String> {
    (0..LINES)
        .map(|n| match n % 12 {
            0 => format!("GET /api/orders/{n} 200 {}ms trace={n:032x}", n % 900),
            1 => format!(
                "accepted connection from 10.0.{}.{}:{}",
                n % 250,
                n % 199,
                30_000 + n % 30_000
            ),
            2 => format!("cache miss for key \"session:{n}\" on shard {}", n % 16),
            3 => format!(
                "level=warn msg=\"slow query\" duration={}ms rows={}",
                n % 5_000,
                n % 77
            ),
            4 => format!("user{} logged in from web", n % 4_000),
            5 => format!("read {} bytes from /var/lib/data/part-{n}/segment.bin", n * 37),
            6 => "heartbeat ok".to_owned(),
            7 => format!(
                "retry {} of 5: dial tcp 10.1.2.{}:5432: connect: connection refused",
                n % 5,
                n % 250
            ),
            8 => format!("published event order.created id={n:08x}-0000-4000-8000-{n:012x}"),
            9 => format!("gc pause {}.{}ms, heap {}MiB", n % 30, n % 10, n % 2048),
            10 => format!("config reloaded from /etc/app/config-{}.yaml", n % 3),
            _ => format!("worker {} finished job {n} in {}s", n % 32, n % 60),
        })
        .collect()
}

/// Lines whose words vary, so that templates are joined.
fn varied() -> Vec<String> {
    const WORDS: [&str; 8] = ["alpha", "bravo", "carol", "delta", "echo", "fox", "golf", "hotel"];
    let word = |n: usize| WORDS.get(n % WORDS.len()).copied().unwrap_or_default();
    (0..LINES)
        .map(|n| {
            format!(
                "{} task for tenant-{} moved {} from {} to {}",
                word(n / 64),
                n % 700,
                word(n / 8),
                word(n),
                word(n / 512)
            )
        })
        .collect()
}

fn mine(lines: &[String]) -> usize {
    let mut miner = Miner::new();
    for line in lines {
        miner.insert(line);
    }
    miner.templates().len()
}

#[divan::bench]
fn service_lines(bencher: divan::Bencher<'_, '_>) {
    let lines = service();
    bencher
        .counter(ItemsCount::new(LINES))
        .bench_local(|| mine(black_box(&lines)));
}

#[divan::bench]
fn varied_lines(bencher: divan::Bencher<'_, '_>) {
    let lines = varied();
    bencher
        .counter(ItemsCount::new(LINES))
        .bench_local(|| mine(black_box(&lines)));
}
