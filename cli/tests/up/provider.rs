//! A provider that counts its calls, says how many tokens they used, and answers only while it is let.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

/// What it was asked and whether it answers.
#[derive(Default)]
struct Seen {
    calls: usize,
    is_held: bool,
}

/// Listens until the process ends.
pub(crate) struct Provider {
    pub(crate) address: String,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

impl Provider {
    pub(crate) fn start() -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::<(Mutex<Seen>, Condvar)>::default();
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || answer(stream, &shared));
            }
        });
        Provider { address, seen }
    }

    pub(crate) fn calls(&self) -> usize {
        self.seen.0.lock().unwrap().calls
    }

    /// Answers nobody, until it is let go.
    pub(crate) fn hold(&self, is_held: bool) {
        self.seen.0.lock().unwrap().is_held = is_held;
        self.seen.1.notify_all();
    }

    /// Returns once it was called so often.
    pub(crate) fn wait_for(&self, calls: usize) {
        let (seen, changed) = &*self.seen;
        let seen = seen.lock().unwrap();
        let (seen, waited) = changed
            .wait_timeout_while(seen, super::running::PATIENCE, |seen| seen.calls < calls)
            .unwrap();
        assert!(!waited.timed_out(), "{} of {calls} calls came", seen.calls);
    }
}

/// One request a connection.
fn answer(mut stream: TcpStream, (seen, changed): &(Mutex<Seen>, Condvar)) {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    while !is_whole(&bytes) {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
        }
    }
    let mut now = seen.lock().unwrap();
    now.calls += 1;
    changed.notify_all();
    drop(changed.wait_while(now, |seen| seen.is_held).unwrap());
    let body = r#"{"id":"c","object":"chat.completion","created":0,"model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Hello."}}],"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}"#;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
    let _ = write!(
        stream,
        "{head}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
}

fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    length.is_some_and(|length| body.len() >= length.trim().parse().unwrap())
}
