//! `bench-compare`: Purser beside its peers, in one run. run.sh builds and starts it. Each load visits every contender before the next
//! load, and all this is repeated in rounds; whoever is not measured is stopped; ratios are taken within a round, and their median
//! counts (research/performance.md, "Method"). It judges nothing: the gate is instructions.sh, which noise does not move.

#[path = "compare/contender.rs"]
mod contender;
#[path = "compare/figures.rs"]
mod figures;
#[path = "compare/peers.rs"]
mod peers;
#[path = "compare/prompt.rs"]
mod prompt;
#[path = "compare/sidecar.rs"]
mod sidecar;
#[path = "compare/tables.rs"]
mod tables;
#[path = "compare/tree.rs"]
mod tree;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use purser_tests::load::{Length, Load, Pace, Target, quantile, run};
use purser_tests::process::{Process, binary};

use contender::{Contender, Headers, KEY, MOCK, MODEL};
use figures::{Figures, Loaded, Sample, Started};
use prompt::{Prompt, chat};

#[derive(Parser)]
// run.sh names defaults of its own; what stands later on the line counts.
#[command(args_override_self = true)]
struct Args {
    /// Rounds; the median of 12 resolves about 5% between like contenders.
    #[arg(long, default_value_t = 12)]
    rounds: usize,
    /// Seconds of each load.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Starts of each contender; the median counts.
    #[arg(long, default_value_t = 5)]
    starts: usize,
    /// Only these, beside direct and floor: purser, sidecar, nginx, envoy, litellm, portkey.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// What Purser serves.
    #[arg(long)]
    manifests: PathBuf,
    /// Where the figures are written; printed in any case.
    #[arg(long)]
    write: Option<PathBuf>,
}

/// Of one stream of bench-mock, with content.
const CHUNKS: u64 = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    // Leaving by a signal drops the bench, and with it ends every process that it started, stopped ones too.
    let text = tokio::select! {
        text = bench(&args) => text?,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
        _ = terminated.recv() => anyhow::bail!("terminated"),
    };
    println!("\n{text}");
    if let Some(path) = &args.write {
        std::fs::write(path, text)?;
        println!("written to {}", path.display());
    }
    Ok(())
}

/// The report.
async fn bench(args: &Args) -> anyhow::Result<String> {
    let mut mock = Process::start(
        "mock",
        Command::new(binary("bench-mock")?).args(["--listen", MOCK]),
    )?;
    mock.until_prints("listening ", Duration::from_secs(10))
        .await?;
    let mut contenders = contender::all(&args.only, &args.manifests)?;
    let mut figures = Figures::new(
        args.rounds,
        contenders.iter().map(|contender| contender.name).collect(),
    );
    for contender in &mut contenders {
        let started = start(contender, args.starts).await?;
        figures.started(contender.name, started);
        contender.stop();
    }
    for round in 0..args.rounds {
        for load in Loaded::ALL {
            for contender in &contenders {
                if let Some(headers) = contender.headers_for(load) {
                    let sample = measure(contender, (load, headers), args.seconds).await?;
                    figures.measured(contender.name, load, sample);
                }
            }
        }
        println!("round {} of {}", round + 1, args.rounds);
    }
    for contender in &mut contenders {
        if let Some(tree) = contender.tree() {
            figures.loaded(contender.name, tree.resident());
        }
        contender.end().await?;
    }
    Ok(tables::markdown(&figures, &versions(&contenders)))
}

fn versions(contenders: &[Contender]) -> String {
    let peers = contenders.iter().filter(|one| !one.version.is_empty());
    let peers: Vec<String> = peers
        .map(|one| format!("{} {}", one.name, one.version))
        .collect();
    match peers.is_empty() {
        true => String::new(),
        false => format!(" Peers: {}.", peers.join(", ")),
    }
}

/// Starts it several times; the last one stays.
async fn start(contender: &mut Contender, starts: usize) -> anyhow::Result<Started> {
    let call = with_headers(
        &contender.headers,
        &Prompt {
            key: KEY,
            model: MODEL,
            size: 1024,
            stream: false,
        },
    );
    let mut started = Started::default();
    for _ in 0..starts {
        contender.end().await?;
        let first_answer = contender.start(&call).await?;
        started.first_answer.push(first_answer.as_secs_f64() * 1e3);
        started
            .resident
            .extend(contender.tree().map(tree::Tree::resident));
    }
    println!(
        "{}: started, first answer after {:.0} ms",
        contender.name,
        started.first_answer.last().copied().unwrap_or(0.0)
    );
    Ok(started)
}

/// Wakes it, loads it, and stops it again.
async fn measure(
    contender: &Contender,
    load: (Loaded, &Headers),
    seconds: f64,
) -> anyhow::Result<Sample> {
    contender.wake();
    let sample = sample(contender, load, seconds).await;
    contender.stop();
    sample.with_context(|| format!("measuring {}", contender.name))
}

async fn sample(
    contender: &Contender,
    (load, headers): (Loaded, &Headers),
    seconds: f64,
) -> anyhow::Result<Sample> {
    let (prompt, mut calls) = what(load);
    let target = Target {
        address: contender.address,
        request: with_headers(headers, &prompt).bytes(contender.address),
        stream: prompt.stream,
    };
    // Caches, and the contender's own connections to the mock, are warmed outside the measure.
    run(&target, &calls).await?;
    let before = contender.tree().map(tree::Tree::cpu);
    calls.length = Length::Time(Duration::from_secs_f64(seconds));
    let report = run(&target, &calls).await?;
    let spent = contender.tree().zip(before);
    let spent = spent.map_or(0, |(tree, before)| tree.cpu().since(&before));
    let (good, failed) = (report.good(), report.failed());
    anyhow::ensure!(failed == 0, "{failed} calls failed: {:?}", report.outcomes);
    anyhow::ensure!(good > 0, "no call was answered");
    anyhow::ensure!(
        !prompt.stream || report.chunks >= good * CHUNKS,
        "{good} streams of {CHUNKS} chunks came as {} events: some were merged or lost",
        report.chunks
    );
    let (units, waits) = match prompt.stream {
        true => (report.chunks, &report.first_chunk),
        false => (good, &report.latency),
    };
    Ok(Sample {
        cpu: spent as f64 / 1e3 / units as f64,
        rate: good as f64 / report.elapsed.as_secs_f64(),
        wait: quantile(waits, 0.5) as f64 / 1e3,
    })
}

/// What each load asks, and how; its length is the warm-up's.
fn what(load: Loaded) -> (Prompt<'static>, Load) {
    let (size, connections, pace) = match load {
        Loaded::Small | Loaded::Translated => (1024, 32, Pace::Closed),
        Loaded::Large => (100 * 1024, 32, Pace::Closed),
        // 20 at once, 25 ms apart: begun together they would stay in step, and the first chunk would measure the crowd.
        Loaded::Streams | Loaded::TranslatedStreams => (1024, 24, Pace::Open { per_second: 40.0 }),
        Loaded::Paced => (1024, 16, Pace::Open { per_second: 500.0 }),
    };
    let length = Length::Time(Duration::from_millis(200));
    let prompt = Prompt {
        key: KEY,
        model: load.model(),
        size,
        stream: load.is_streamed(),
    };
    (
        prompt,
        Load {
            connections,
            pace,
            length,
        },
    )
}

fn with_headers(headers: &Headers, prompt: &Prompt<'_>) -> purser_tests::sse_client::Call {
    headers
        .iter()
        .fold(chat(prompt), |call, (name, value)| call.header(name, value))
}
