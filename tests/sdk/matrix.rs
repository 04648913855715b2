//! Every official SDK against a channel of every provider: what an SDK sees does not depend on whose model is behind. The providers are a
//! mock that no one here wrote (npm `@copilotkit/aimock`), and before it `quirks.mjs`, which refuses and writes what Azure, DeepSeek, xAI,
//! DashScope and Mistral do otherwise; callers are the programs in `matrix/`, one process an SDK, which print what they saw. What is right
//! is judged here, by one table; where it differs by the model behind, the table says why.

pub(super) mod expected;

use super::caller::tool;
use super::gateway::{Gateway, KEY};
use expected::{Dialect, NUMBERS, expected};
use purser_tests::process::Process;
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sdk/matrix");
/// The longest that all checks of one SDK may take.
const PATIENCE: Duration = Duration::from_secs(240);

/// One provider behind each: its model by our name, the provider, and the model by its own name.
const PROVIDERS: [(&str, &str, &str); 9] = [
    ("gpt", "OpenAI", "gpt-4o"),
    ("claude", "Anthropic", "claude-sonnet-4-5"),
    ("gemini", "Gemini", "gemini-2.5-flash"),
    ("azure", "AzureOpenAI", "our-deployment"),
    ("mistral", "Mistral", "mistral-large-latest"),
    ("deepseek", "DeepSeek", "deepseek-v4-pro"),
    ("grok", "XAI", "grok-4"),
    ("qwen", "DashScope", "qwen-plus"),
    ("local", "OpenAICompatible", "smollm2"),
];
const OPENAI: [(&str, Dialect); 2] = [
    ("openai_sdk.py", Dialect::OpenAI),
    ("openai_sdk.mjs", Dialect::OpenAI),
];
const ANTHROPIC: [(&str, Dialect); 2] = [
    ("anthropic_sdk.py", Dialect::Anthropic),
    ("anthropic_sdk.mjs", Dialect::Anthropic),
];
const GOOGLE: [(&str, Dialect); 2] = [
    ("google_sdk.py", Dialect::Gemini),
    ("google_sdk.mjs", Dialect::Gemini),
];
/// Those of which another channel is asked what it refuses as busy.
const BUSY: [&str; 8] = [
    "gpt", "claude", "gemini", "azure", "mistral", "deepseek", "grok", "qwen",
];
/// Those that are asked for completions: they have none of their own, and are asked for a chat.
const COMPLETES: [&str; 3] = ["claude", "gemini", "worded"];

/// The mock as a process.
pub(super) struct Mock {
    url: String,
    quirks: String,
    _process: Process,
}

impl Mock {
    pub(super) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// One that dies at this turn of an agent.
    pub(super) async fn that_dies_at(turn: usize) -> Self {
        Self::with(&[turn.to_string()]).await
    }

    async fn with(more: &[String]) -> Self {
        let mut command = Command::new("node");
        command.arg(Path::new(HERE).join("mock.mjs"));
        command.arg(tool("PURSER_TEST_NODE_DIR", "node"));
        command.args(more);
        let mut process = Process::start("aimock", &mut command).unwrap();
        let printed = async |process: &Process| {
            let out = process.stdout();
            let at = |name: &str| {
                out.lines()
                    .find_map(|line| Some(line.strip_prefix(name)?.to_owned()))
            };
            Some((at("mock at ")?, at("quirks at ")?))
        };
        let (url, quirks) = process
            .until("its addresses", Duration::from_secs(60), printed)
            .await
            .unwrap();
        Mock {
            url,
            quirks,
            _process: process,
        }
    }

    /// Where an API lives there, by its path.
    pub(super) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// A channel's `baseURL` for this provider, and what a channel of it says beside.
    fn place(&self, provider: &str) -> (String, &'static str) {
        let quirk = |path: &str| format!("{}{path}", self.quirks);
        match provider {
            "AzureOpenAI" => (quirk("/azure"), "  azure: {apiVersion: \"2024-10-21\"}\n"),
            "Mistral" => (quirk("/mistral/v1"), ""),
            "DeepSeek" => (quirk("/deepseek"), ""),
            "XAI" => (quirk("/xai/v1"), ""),
            "DashScope" => (quirk("/dashscope/compatible-mode/v1"), ""),
            "Gemini" => (self.at("/v1beta"), ""),
            _ => (self.at("/v1"), ""),
        }
    }

    /// How many requests reached it whose body holds these words.
    async fn heard(&self, words: &str) -> usize {
        let address = self.url.trim_start_matches("http://").parse().unwrap();
        let journal = Call::get("/__aimock/journal?limit=10000");
        let journal = journal.send(address).await.unwrap().json().await.unwrap();
        let entries = journal.as_array().or(journal["entries"].as_array());
        let holds = |entry: &&Value| entry.to_string().contains(words);
        entries.unwrap().iter().filter(holds).count()
    }
}

/// A channel of any family.
pub(super) fn family(name: &str, provider: &str, url: &str, model: &str) -> String {
    format!(
        "apiVersion: purser.dev/v1alpha1\nkind: ProviderChannel\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  \
         provider: {provider}\n  baseURL: {url}\n  credentials: [{{secretRef: {{name: account}}}}]\n  models: [{model}]\n"
    )
}

/// What all of those channels are paid with.
pub(super) const ACCOUNT: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: account, namespace: shop, labels: {purser.dev/credential: \"true\"}}\n\
     stringData: {apiKey: sk-provider-11111111111111111111}\n";

/// Two vectors each with everything that any SDK wants to read there; ours, because the mock leaves out the `id` that Mistral's demands, and
/// has no batches of Google's.
async fn embedders() -> [Provider; 2] {
    let one = |index| json!({"object": "embedding", "index": index, "embedding": NUMBERS});
    let openai = json!({"object": "list", "id": "emb-1", "model": "embed", "data": [one(0), one(1)],
        "usage": {"prompt_tokens": 2, "total_tokens": 2, "completion_tokens": 0}});
    let google = json!({"embeddings": [{"values": NUMBERS}, {"values": NUMBERS}]});
    [
        Provider::start(Behaviour::json(200, openai.to_string()))
            .await
            .unwrap(),
        Provider::start(Behaviour::json(200, google.to_string()))
            .await
            .unwrap(),
    ]
}

async fn world() -> (Mock, [Provider; 2], Gateway) {
    let mock = Mock::start().await;
    let embedders = embedders().await;
    let mut channels = Vec::new();
    for (name, provider, upstream) in PROVIDERS {
        let (url, more) = mock.place(provider);
        // DeepSeek reads texts alone, and knows no JSON schema.
        let can = match provider {
            "DeepSeek" => "Tools, Reasoning",
            _ => "Tools, Vision, JsonSchema, Audio, Reasoning",
        };
        // What is refused as busy rests a while: it is another channel.
        let busy = BUSY.contains(&name).then(|| format!("{name}-busy"));
        for name in [Some(name.to_owned()), busy].into_iter().flatten() {
            let model = format!(
                "{{name: {name}, upstreamName: {upstream}, capabilities: [{can}], contextLength: 128000}}"
            );
            channels.push(family(&name, provider, &url, &model) + more);
        }
    }
    let embeds = |name: &str| format!("{{name: {name}, endpoints: [Embeddings]}}");
    for (name, provider, url) in [
        ("embed", "OpenAI", embedders[0].url()),
        ("embed-gemini", "Gemini", embedders[1].url()),
    ] {
        channels.push(family(name, provider, &url, &embeds(name)));
    }
    let chats = "{name: worded, upstreamName: gpt-4o, endpoints: [Chat]}";
    channels.push(family("worded", "OpenAI", &mock.at("/v1"), chats));
    channels.push(ACCOUNT.to_owned());
    let gateway = Gateway::start(&channels).await;
    (mock, embedders, gateway)
}

/// One line of a caller.
#[derive(Debug)]
struct Seen {
    check: String,
    model: String,
    saw: Value,
}

/// All checks of one program, by one process; where `argument` says `earlier`, with an SDK of an earlier major.
pub(super) async fn run(program: &str, argument: &Value) -> Vec<Value> {
    let mut command = if program.ends_with(".py") {
        Command::new(tool("PURSER_TEST_PYTHON", "python/bin/python"))
    } else {
        Command::new("node")
    };
    command
        .arg(Path::new(HERE).join(program))
        .arg(argument.to_string())
        .arg(tool("PURSER_TEST_NODE_DIR", "node"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    if argument["earlier"] == true {
        let earlier = tool("PURSER_TEST_PYTHON_EARLIER", "python-earlier");
        command.env("PYTHONPATH", earlier);
    }
    // Neither the developer's own account nor a proxy on the way to loopback.
    for (name, _) in std::env::vars_os() {
        let upper = name.to_string_lossy().to_ascii_uppercase();
        let own = [
            "OPENAI_",
            "ANTHROPIC_",
            "GOOGLE_",
            "GEMINI_",
            "MISTRAL_",
            "LANGCHAIN_",
            "LANGSMITH_",
            "LITELLM_",
        ];
        if own.iter().any(|prefix| upper.starts_with(prefix)) || upper.ends_with("_PROXY") {
            command.env_remove(name);
        }
    }
    let mut process = Process::start(program, &mut command).unwrap();
    let status = process.until_ended(PATIENCE).await.unwrap();
    let (out, err) = (process.stdout(), process.stderr());
    assert!(status.success(), "{program} failed: {status}\n{out}\n{err}");
    out.lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Which release of an SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Major {
    /// The registry's newest.
    Newest,
    /// The oldest that many programs still use (`earlier.txt`, package.json).
    Earlier,
}

/// Runs SDKs on all families and compares with the table; every difference is told.
async fn check(major: Major, programs: &[(&str, Dialect)]) {
    let (mock, _embedders, gateway) = world().await;
    let models = PROVIDERS.map(|(name, ..)| name);
    let argument = json!({"base": gateway.root(), "key": KEY, "models": models, "earlier": major == Major::Earlier,
        "busy": BUSY.map(|name| format!("{name}-busy")), "completes": COMPLETES});
    let mut wrong = Vec::new();
    let mut pictures = 0;
    for (program, dialect) in programs {
        let lines = run(program, &argument).await;
        assert!(lines.len() > models.len(), "{program} printed {lines:?}");
        let mut counted: BTreeMap<String, usize> = BTreeMap::new();
        for line in lines {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            let seen = Seen {
                check: text("check"),
                model: text("model"),
                saw: line.get("saw").cloned().unwrap_or_else(|| line.clone()),
            };
            pictures += usize::from(seen.check == "vision");
            *counted.entry(seen.check.clone()).or_default() += 1;
            let right = expected(program, *dialect, &seen.check, &seen.model);
            if !expected::agrees(&seen.saw, &right) {
                wrong.push(format!("{program}: {seen:?}\n    expected {right}"));
            }
        }
        for (check, count) in counted {
            let whole = count == 1 || count == models.len();
            assert!(whole, "{program}: {check} ran {count} times");
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    // No picture was lost on the way; of what Anthropic and Gemini are asked the mock remembers only the words, and DeepSeek reads none.
    let remembered = pictures / PROVIDERS.len() * (PROVIDERS.len() - 3);
    assert_eq!(mock.heard("iVBORw0KGgo").await, remembered);
    gateway.end().await;
}

#[tokio::test]
async fn openai_s_sdks_see_every_family_alike() {
    check(Major::Newest, &OPENAI).await;
}

#[tokio::test]
async fn anthropic_s_sdks_see_every_family_alike() {
    check(Major::Newest, &ANTHROPIC).await;
}

#[tokio::test]
async fn google_s_sdks_see_every_family_alike() {
    check(Major::Newest, &GOOGLE).await;
}

#[tokio::test]
async fn mistral_s_langchain_s_and_litellm_s_clients_see_every_family_alike() {
    let programs = ["mistral_sdk.py", "langchain_sdk.py", "litellm_sdk.py"];
    check(
        Major::Newest,
        &programs.map(|program| (program, Dialect::OpenAI)),
    )
    .await;
}

#[tokio::test]
async fn sdks_of_an_earlier_major_see_every_family_alike_too() {
    let programs = [OPENAI, ANTHROPIC, GOOGLE].concat();
    check(Major::Earlier, &programs).await;
}
