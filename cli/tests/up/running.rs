//! A `purser up` as a person runs it, and a folder with the files that it follows. Used by every test of `up`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running `purser up`. Dropping it kills.
pub(crate) struct Up {
    child: Child,
    lines: Receiver<String>,
    pub(crate) seen: Vec<String>,
    pub(crate) address: String,
}

impl Up {
    pub(crate) fn start(args: &[&str]) -> Up {
        let mut command = Command::new(env!("CARGO_BIN_EXE_purser"));
        command
            .args([
                "up",
                "--listen",
                "127.0.0.1:0",
                "--admin",
                "127.0.0.1:0",
                "--poll-ms",
                "20",
            ])
            .args(args);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (say, lines) = channel();
        let follow = |stream: Box<dyn Read + Send>, say: std::sync::mpsc::Sender<String>| {
            std::thread::spawn(move || {
                BufReader::new(stream)
                    .lines()
                    .map_while(Result::ok)
                    .try_for_each(|line| say.send(line))
            })
        };
        follow(Box::new(child.stdout.take().unwrap()), say.clone());
        follow(Box::new(child.stderr.take().unwrap()), say);
        let mut up = Up {
            child,
            lines,
            seen: Vec::new(),
            address: String::new(),
        };
        let line = up.wait_for(" serves http://");
        up.address = line
            .split("http://")
            .nth(1)
            .unwrap()
            .split("/v1")
            .next()
            .unwrap()
            .to_owned();
        up
    }

    /// The next line, printed or logged, that contains this.
    pub(crate) fn wait_for(&mut self, what: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let Ok(line) = self
                .lines
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            else {
                panic!("{what:?} was never printed:\n{}", self.seen.join("\n"));
            };
            self.seen.push(line.clone());
            if line.contains(what) {
                return line;
            }
        }
    }

    /// The pasted line: its key and its body.
    pub(crate) fn pasted(&mut self) -> (String, String) {
        let line = self.wait_for("curl -i http://");
        let part = |before: &str| {
            line.split(before)
                .nth(1)
                .unwrap()
                .split('\'')
                .next()
                .unwrap()
                .to_owned()
        };
        (part("Bearer "), part("-d '"))
    }

    pub(crate) fn call(&self, key: &str, body: &str) -> String {
        call(&self.address, key, body)
    }

    /// How many lines so far contain this.
    pub(crate) fn count(&mut self, what: &str) -> usize {
        self.seen.extend(self.lines.try_iter());
        let with = self.seen.iter().filter(|line| line.contains(what));
        with.count()
    }

    /// As when the power fails.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Calls until the answer has this status: what another process or a clock does is seen soon, not at once.
    pub(crate) fn call_until(&self, wanted: &str, key: &str, body: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = self.call(key, body);
            if status(&answer) == wanted {
                return answer;
            }
            assert!(Instant::now() < until, "never {wanted}: {answer}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end:\n{}", self.seen.join("\n"));
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One call on a connection of its own.
pub(crate) fn call(address: &str, key: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: purser\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(crate) fn header(answer: &str, name: &str) -> String {
    let head = answer.split("\r\n\r\n").next().unwrap();
    let line = head
        .lines()
        .find(|line| line.to_lowercase().starts_with(&format!("{name}:")));
    line.unwrap_or_else(|| panic!("no {name} in {answer}"))
        .split_once(':')
        .unwrap()
        .1
        .trim()
        .to_owned()
}

pub(crate) fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

/// Whole at once, as an editor does: a half-written file is another test's business.
pub(crate) fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(".draft"), text).unwrap();
    std::fs::rename(folder.join(".draft"), folder.join(name)).unwrap();
}

/// A folder with manifests and a data directory, over which processes come and go.
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    /// One channel to this provider, and key `default/a` on plan `p` of this spec.
    pub(crate) fn new(provider: &str, plan: &str) -> Home {
        let home = Home {
            folder: tempfile::tempdir().unwrap(),
        };
        let channel = format!(
            "apiVersion: purser.dev/v1alpha1\nkind: ProviderChannel\nmetadata: {{name: only}}\nspec:\n  provider: OpenAICompatible\n  \
             baseURL: http://{provider}/v1\n  models: [{{name: m, contextLength: 1000}}]\n"
        );
        write(home.folder.path(), "channel.yaml", &channel);
        home.plan(plan, "");
        home
    }

    /// Writes the plan, and what the key's spec has beside it.
    pub(crate) fn plan(&self, plan: &str, key: &str) {
        let text = format!(
            "apiVersion: purser.dev/v1alpha1\nkind: Plan\nmetadata: {{name: p}}\nspec:\n  models: {{allow: [\"*\"]}}\n{plan}\n---\n\
             apiVersion: purser.dev/v1alpha1\nkind: ApiKey\nmetadata: {{name: a}}\nspec:\n  plan: p\n{key}\n"
        );
        write(self.folder.path(), "plan.yaml", &text);
    }

    /// Writes another file.
    pub(crate) fn write(&self, name: &str, text: &str) {
        write(self.folder.path(), name, text);
    }

    pub(crate) fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    /// A process, with its data directory, and the value of the key.
    pub(crate) fn up(&self) -> (Up, String) {
        let files = self.folder.path().display().to_string();
        let mut up = Up::start(&["-f", &files, "--data-dir", &self.data()]);
        let (key, _) = up.pasted();
        (up, key)
    }

    /// What `purser credit` or `purser renew` says to this data directory: whether it was done, and its words.
    pub(crate) fn enter(&self, args: &[&str]) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_purser"));
        let output = command.args(args).args(["--data-dir", &self.data()]);
        let output = output.output().unwrap();
        let said = if output.status.success() {
            output.stdout
        } else {
            output.stderr
        };
        (output.status.success(), String::from_utf8(said).unwrap())
    }
}
