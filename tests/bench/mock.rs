//! `bench-mock`: the provider behind every contender of the bench, in OpenAI's API and, at `/v1/messages`, in Anthropic's. Fixed bytes, no
//! log, no parsing beyond the framing, so that it costs as little as possible of the core it shares with the load generator. Faults are `harness/provider`'s business.

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

/// What is sent in each API, made once.
struct Scripts {
    openai: Script,
    anthropic: Script,
    chunks: usize,
    interval: Duration,
}

/// What is sent in one.
struct Script {
    plain: Vec<u8>,
    stream_head: Vec<u8>,
    chunk: Vec<u8>,
    ending: Vec<u8>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let listener = TcpListener::bind(args.listen).await?;
    println!("listening {}", listener.local_addr()?);
    // For the life of the program.
    let scripts: &'static Scripts = Box::leak(Box::new(Scripts {
        openai: openai(args.answer),
        anthropic: anthropic(args.answer),
        chunks: args.chunks,
        interval: Duration::from_millis(args.interval),
    }));
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(converse(socket, scripts));
    }
}

impl Script {
    /// Of a whole answer, of a stream's chunk that comes again and again, and of what stands before and after those.
    fn new(body: &str, opening: &str, event: &str, ending: &str) -> Self {
        let mut plain = String::from("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n");
        let _ = write!(plain, "content-length: {}\r\n\r\n{body}", body.len());
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut stream_head = head.to_vec();
        if !opening.is_empty() {
            stream_head.extend(chunk(opening.as_bytes()));
        }
        Self {
            plain: plain.into_bytes(),
            stream_head,
            chunk: chunk(event.as_bytes()),
            ending: [chunk(ending.as_bytes()), LAST_CHUNK.to_vec()].concat(),
        }
    }
}

/// Room for so many bytes of an answer beside its names and numbers.
fn text(answer: usize) -> String {
    "x".repeat(answer.saturating_sub(280))
}

fn openai(answer: usize) -> Script {
    let text = text(answer);
    let body = format!(
        r#"{{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"bench-model","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":250,"completion_tokens":250,"total_tokens":500}}}}"#
    );
    let event = |delta: &str, finish: &str| {
        format!(
            r#"data: {{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench-model","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#
        ) + "\n\n"
    };
    let usage = r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench-model","choices":[],"usage":{"prompt_tokens":250,"completion_tokens":100,"total_tokens":350}}"#;
    let ending = event("{}", r#""stop""#) + usage + "\n\ndata: [DONE]\n\n";
    let content = event(r#"{"content":"some thirty bytes of an answer"}"#, "null");
    Script::new(&body, "", &content, &ending)
}

fn anthropic(answer: usize) -> Script {
    let text = text(answer);
    let body = format!(
        r#"{{"id":"msg_bench","type":"message","role":"assistant","model":"bench-claude","content":[{{"type":"text","text":"{text}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":250,"output_tokens":250}}}}"#
    );
    let event = |name: &str, members: &str| {
        format!("event: {name}\ndata: {{\"type\":\"{name}\",{members}}}\n\n")
    };
    let message = r#""message":{"id":"msg_bench","type":"message","role":"assistant","model":"bench-claude","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":250,"output_tokens":1}}"#;
    let block = r#""index":0,"content_block":{"type":"text","text":""}"#;
    let opening = event("message_start", message) + &event("content_block_start", block);
    let content = event(
        "content_block_delta",
        r#""index":0,"delta":{"type":"text_delta","text":"some thirty bytes of an answer"}"#,
    );
    let stop =
        r#""delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":100}"#;
    let ending = event("content_block_stop", r#""index":0"#)
        + &event("message_delta", stop)
        + "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    Script::new(&body, &opening, &content, &ending)
}

async fn converse(socket: TcpStream, scripts: &'static Scripts) {
    // A caller that leaves is the end of its connection and no fault of ours.
    let _ = answer(socket, scripts).await;
}

async fn answer(socket: TcpStream, scripts: &Scripts) -> std::io::Result<()> {
    let mut wire = Wire::new(socket)?;
    while let Some(head) = wire.head().await? {
        let body = wire.body(head.rest()).await?;
        let is_anthropic = head.first_line().starts_with("POST /v1/messages");
        // OpenAI's bodies of the bench end with the flag, and a search from the end does not read 100 KB.
        let (script, place) = match is_anthropic {
            true => (&scripts.anthropic, &body[..]),
            false => (&scripts.openai, &body[body.len().saturating_sub(100)..]),
        };
        if !is_streamed(place) {
            wire.send(&script.plain).await?;
            continue;
        }
        wire.send(&script.stream_head).await?;
        // Due times, not pauses: the work of writing must not stretch the stream.
        let mut due = tokio::time::interval(scripts.interval);
        for _ in 0..scripts.chunks {
            due.tick().await;
            wire.send(&script.chunk).await?;
        }
        wire.send(&script.ending).await?;
    }
    Ok(())
}

/// Python's `json.dumps` writes a space: LiteLLM does to Anthropic.
fn is_streamed(body: &[u8]) -> bool {
    let found = |flag: &[u8]| memchr::memmem::find(body, flag).is_some();
    found(br#""stream":true"#) || found(br#""stream": true"#)
}
