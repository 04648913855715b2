//! One case: `ask.json` becomes `sent.json`, or `refused.json` with `removed_state` noted in `case.md`; `answer.json` becomes
//! `given.json`, or `unusable.json` where another channel is tried instead, `stream.txt` becomes `given.txt`. What is absent is not asked
//! of it.
//!
//! `case.md` is one sentence, and lines of `name: value`: `source` (once for each wire fact; required), and what the ask alone does not
//! say: `target` (the provider's model), `most_output`, `model`, `stream` and `as_array` (what a Gemini path says), `removed_state`.

use crate::ordered::pretty;
use purser_config::Provider;
use purser_dialects::Wire;
use purser_dialects::provider::Quirks;
use purser_dialects::talk::Ask;
use purser_dialects::translate::{
    AskFault, Asked, Echo, Path as AskedPath, Target, Unreadable, Unsayable, read_ask, read_reply,
    write_ask, write_reply,
};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) struct Case {
    folder: PathBuf,
    notes: String,
    pub(crate) caller: Wire,
    provider: &'static Quirks,
}

pub(crate) fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let picked = std::env::var("GOLDEN").unwrap_or_default();
    let mut cases: Vec<_> = folders(&folder)
        .iter()
        .flat_map(|pair| folders(pair))
        .collect();
    cases.retain(|case| case.to_str().unwrap().contains(&picked));
    cases.sort();
    cases.into_iter().map(Case::open).collect()
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(of).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_dir()).collect()
}

fn wire(name: &str) -> Wire {
    match name {
        "chat" => Wire::Chat,
        "completions" => Wire::Completions,
        "responses" => Wire::Responses,
        "messages" => Wire::Messages,
        "generate" => Wire::Generate,
        other => panic!("no caller's API is called {other}"),
    }
}

fn provider(name: &str) -> &'static Quirks {
    /// Where OpenAI is spoken to by its newer API.
    static RESPONSES: std::sync::LazyLock<Quirks> = std::sync::LazyLock::new(|| Quirks {
        wire: Wire::Responses,
        ..*Quirks::of(Provider::OpenAI)
    });
    Quirks::of(match name {
        "responses" => return &RESPONSES,
        "openai" => Provider::OpenAI,
        "azure" => Provider::AzureOpenAI,
        "anthropic" => Provider::Anthropic,
        "gemini" => Provider::Gemini,
        "mistral" => Provider::Mistral,
        "deepseek" => Provider::DeepSeek,
        "xai" => Provider::XAI,
        "dashscope" => Provider::DashScope,
        "compatible" => Provider::OpenAICompatible,
        other => panic!("no provider is called {other}"),
    })
}

impl Case {
    fn open(folder: PathBuf) -> Case {
        let pair = folder.parent().unwrap().file_name().unwrap();
        let (from, to) = pair.to_str().unwrap().split_once("-to-").unwrap();
        let notes = fs::read_to_string(folder.join("case.md")).unwrap_or_default();
        let (caller, provider) = (wire(from), provider(to));
        Case {
            folder,
            notes,
            caller,
            provider,
        }
    }

    /// All that `case.md` says under a name.
    pub(crate) fn notes(&self, name: &str) -> Vec<&str> {
        let lines = self.notes.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(is, _)| *is == name)
            .map(|(_, value)| value.trim())
            .collect()
    }

    fn note(&self, name: &str) -> Option<&str> {
        self.notes(name).pop()
    }

    pub(crate) fn name(&self, file: &str) -> String {
        self.folder.join(file).display().to_string()
    }

    pub(crate) fn target(&self) -> Target<'_> {
        Target {
            quirks: self.provider,
            model: self.note("target").unwrap_or("provider-model"),
            most_output: self.note("most_output").map(|most| most.parse().unwrap()),
        }
    }

    pub(crate) fn pair(&self) -> String {
        let pair = self.folder.parent().unwrap().file_name().unwrap();
        pair.to_str().unwrap().to_owned()
    }

    pub(crate) fn has(&self, file: &str) -> bool {
        self.folder.join(file).exists()
    }

    fn file(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.join(name)).ok()
    }

    pub(crate) fn stream(&self) -> Option<Vec<u8>> {
        self.file("stream.txt")
    }

    fn ask(&self) -> Option<Result<Ask, AskFault>> {
        let path = AskedPath {
            model: self.note("model").unwrap_or("public-model"),
            stream: self.note("stream") == Some("true"),
        };
        Some(read_ask(self.caller, &self.file("ask.json")?, path))
    }

    /// What of the ask shapes its answer. Without an ask usage is wanted.
    pub(crate) fn asked(&self) -> Asked {
        let ask = self.ask().and_then(Result::ok);
        Asked {
            model: ask
                .as_ref()
                .map_or("public-model".into(), |ask| ask.model.clone()),
            request_id: "req_0123456789abcdef".into(),
            now: 1_767_225_600,
            wants_usage: ask.as_ref().is_none_or(|ask| ask.wants_usage),
            as_array: self.note("as_array") == Some("true"),
            names_calls: self.note("names_calls") == Some("true"),
            one_call: ask.is_some_and(|ask| ask.parallel_tools == Some(false)),
            echo: match self.caller {
                Wire::Responses => Echo::of(&self.file("ask.json").unwrap_or_default()),
                _ => Echo::default(),
            },
        }
    }

    pub(crate) fn asked_and_sent(&self) -> Vec<String> {
        let Some(ask) = self.ask() else {
            return Vec::new();
        };
        let written = match ask {
            Err(AskFault { param, message }) => Err(json!({"param": param, "message": message})),
            Ok(ask) => write_ask(&ask, &self.target())
                .map_err(|Unsayable { param, why }| json!({"param": param, "why": why})),
        };
        match written {
            Err(refused) => {
                let text = pretty(refused.to_string().as_bytes());
                self.same("refused.json", text).into_iter().collect()
            }
            Ok(written) => {
                let noted = self.note("removed_state") == Some("true");
                let wrong = noted != written.removed_state;
                let mut found: Vec<_> = self
                    .same("sent.json", pretty(&written.body))
                    .into_iter()
                    .collect();
                found.extend(wrong.then(|| {
                    format!(
                        "{}: removed_state is {}",
                        self.name("case.md"),
                        written.removed_state
                    )
                }));
                found
            }
        }
    }

    pub(crate) fn answered_and_given(&self) -> Option<String> {
        let answer = self.file("answer.json")?;
        let read = read_reply(self.provider.wire, &answer);
        match read.and_then(|reply| write_reply(self.caller, &reply, &self.asked())) {
            Ok(given) => self.same("given.json", pretty(&given)),
            Err(Unreadable(why)) => {
                let text = json!({"why": why}).to_string();
                self.same("unusable.json", pretty(text.as_bytes()))
            }
        }
    }

    pub(crate) fn streamed_and_given(&self) -> Option<String> {
        let stream = self.stream()?;
        self.same("given.txt", crate::interpret(self, [stream.as_slice()]))
    }

    fn same(&self, file: &str, text: Vec<u8>) -> Option<String> {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(self.folder.join(file), &text).unwrap();
            let other = match file {
                "sent.json" => "refused.json",
                "refused.json" => "sent.json",
                "given.json" => "unusable.json",
                "unusable.json" => "given.json",
                _ => return None,
            };
            let _ = fs::remove_file(self.folder.join(other));
            return None;
        }
        (self.file(file).as_deref() != Some(&text)).then(|| {
            let text = String::from_utf8_lossy(&text);
            format!("{} differs; now it is\n{text}", self.name(file))
        })
    }
}
