//! `bench-load`: the harness's load generator as a program, for instructions.sh and for a look by hand. Prints one line of JSON.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::Parser;
use purser_tests::load::{Length, Load, Pace, Target, quantile, run};

#[path = "compare/prompt.rs"]
mod prompt;

#[derive(Parser)]
struct Args {
    /// Who is called.
    #[arg(long)]
    address: SocketAddr,
    /// The key to call with.
    #[arg(long)]
    key: String,
    /// The model to ask for; `bench-claude` is one that is translated.
    #[arg(long, default_value = "bench-model")]
    model: String,
    /// Bytes of the request's body.
    #[arg(long, default_value_t = 1024)]
    size: usize,
    /// Ask for streams.
    #[arg(long)]
    stream: bool,
    /// Connections.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// So many calls.
    #[arg(long, default_value_t = 1000)]
    calls: u64,
    /// Or: calls for so many seconds.
    #[arg(long)]
    seconds: Option<f64>,
    /// Open loop with so many calls each second; without it, closed loop.
    #[arg(long)]
    rate: Option<f64>,
    /// First wait up to so many seconds for an answer 200; the call that got it is not in the report.
    #[arg(long, default_value_t = 0.0)]
    ready_within: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let call = prompt::chat(&prompt::Prompt {
        key: &args.key,
        model: &args.model,
        size: args.size,
        stream: args.stream,
    });
    let target = Target {
        address: args.address,
        request: call.bytes(args.address),
        stream: args.stream,
    };
    if args.ready_within > 0.0 {
        wait(&target, Duration::from_secs_f64(args.ready_within)).await?;
    }
    let pace = args
        .rate
        .map_or(Pace::Closed, |per_second| Pace::Open { per_second });
    let length = args.seconds.map_or(Length::Calls(args.calls), |seconds| {
        Length::Time(Duration::from_secs_f64(seconds))
    });
    let report = run(
        &target,
        &Load {
            connections: args.connections,
            pace,
            length,
        },
    )
    .await?;
    let line = serde_json::json!({
        "good": report.good(), "failed": report.failed(), "outcomes": report.outcomes, "chunks": report.chunks,
        "seconds": report.elapsed.as_secs_f64(), "p50_ns": quantile(&report.latency, 0.5), "p99_ns": quantile(&report.latency, 0.99),
        "first_chunk_p50_ns": quantile(&report.first_chunk, 0.5),
    });
    println!("{line}");
    anyhow::ensure!(
        report.failed() == 0,
        "{} calls failed: {:?}",
        report.failed(),
        report.outcomes
    );
    Ok(())
}

async fn wait(target: &Target, patience: Duration) -> anyhow::Result<()> {
    let begun = Instant::now();
    let once = Load {
        connections: 1,
        pace: Pace::Closed,
        length: Length::Calls(1),
    };
    loop {
        let report = run(target, &once).await?;
        if report.good() == 1 {
            return Ok(());
        }
        anyhow::ensure!(
            begun.elapsed() < patience,
            "{} gave no good answer within {patience:?}: {:?}",
            target.address,
            report.outcomes
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
