//! `bench-mock`: the provider behind every contender of the bench. Fixed bytes, no log, no parsing beyond the framing,
//! so that it costs as little as possible of the core it shares with the load generator. Faults are `harness/provider`'s business.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use purser_tests::wire::{LAST_CHUNK, Wire, chunk};
use tokio::net::{TcpListener, TcpStream};

#[derive(Parser)]
struct Args {
    /// Where to listen; port 0 lets the system choose. Printed as `listening ADDRESS`.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Bytes of a plain answer's content.
    #[arg(long, default_value_t = 1024)]
    answer: usize,
    /// Chunks of a stream.
    #[arg(long, default_value_t = 100)]
    chunks: usize,
    /// Milliseconds between two chunks.
    #[arg(long, default_value_t = 5)]
    interval: u64,
}

/// What is sent, made once.
struct Script {
    plain: Vec<u8>,
    stream_head: Vec<u8>,
    chunk: Vec<u8>,
    ending: Vec<u8>,
    chunks: usize,
    interval: Duration,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let listener = TcpListener::bind(args.listen).await?;
    println!("listening {}", listener.local_addr()?);
    // One script for the life of the program.
    let script: &'static Script = Box::leak(Box::new(Script::new(&args)));
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(converse(socket, script));
    }
}

impl Script {
    fn new(args: &Args) -> Self {
        let text = "x".repeat(args.answer.saturating_sub(280));
        let body = format!(
            r#"{{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"bench-model","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":250,"completion_tokens":250,"total_tokens":500}}}}"#
        );
        let mut plain = String::from("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n");
        let _ = write!(plain, "content-length: {}\r\n\r\n{body}", body.len());
        let event = |delta: &str, finish: &str| {
            format!(
                r#"data: {{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench-model","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#
            ) + "\n\n"
        };
        let usage = r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench-model","choices":[],"usage":{"prompt_tokens":250,"completion_tokens":100,"total_tokens":350}}"#;
        let ending = event("{}", r#""stop""#) + usage + "\n\ndata: [DONE]\n\n";
        Self {
            plain: plain.into_bytes(),
            stream_head: b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
            chunk: chunk(event(r#"{"content":"some thirty bytes of an answer"}"#, "null").as_bytes()),
            ending: [chunk(ending.as_bytes()), LAST_CHUNK.to_vec()].concat(),
            chunks: args.chunks,
            interval: Duration::from_millis(args.interval),
        }
    }
}

async fn converse(socket: TcpStream, script: &'static Script) {
    // A caller that leaves is the end of its connection and no fault of ours.
    let _ = answer(socket, script).await;
}

async fn answer(socket: TcpStream, script: &Script) -> std::io::Result<()> {
    let mut wire = Wire::new(socket)?;
    while let Some(head) = wire.head().await? {
        let body = wire.body(head.rest()).await?;
        // The bodies of the bench end with the flag, and a search from the end does not read 100 KB.
        let tail = &body[body.len().saturating_sub(100)..];
        if memchr::memmem::find(tail, br#""stream":true"#).is_none() {
            wire.send(&script.plain).await?;
            continue;
        }
        wire.send(&script.stream_head).await?;
        // Due times, not pauses: the work of writing must not stretch the stream.
        let mut due = tokio::time::interval(script.interval);
        for _ in 0..script.chunks {
            due.tick().await;
            wire.send(&script.chunk).await?;
        }
        wire.send(&script.ending).await?;
    }
    Ok(())
}
