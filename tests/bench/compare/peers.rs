//! The peers: where each is found on this machine, which version it is, and how it is configured to do as much of Purser's work as it
//! can. Called by `contender`; starts none but to ask for its version.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::contender::{Contender, Headers, KEY, MOCK, MODEL, TRANSLATED};

type Maker = fn(PathBuf) -> anyhow::Result<Contender>;

/// In the order of the tables.
pub(crate) const ALL: [(&str, Maker); 4] = [
    ("nginx", nginx),
    ("envoy", envoy),
    ("litellm", litellm),
    ("portkey", portkey),
];

fn nginx(program: PathBuf) -> anyhow::Result<Contender> {
    let nginx = Contender::new("nginx")?;
    let text = include_str!("nginx.conf")
        .replace("LISTEN", &nginx.address.to_string())
        .replace("MOCK", MOCK)
        .replace("KEY", KEY);
    let file = nginx.write("nginx.conf", &text)?;
    let prefix = nginx.folder();
    Ok(nginx.runs(&program, &["-e", "stderr", "-p", &prefix, "-c", &file]))
}

fn envoy(program: PathBuf) -> anyhow::Result<Contender> {
    let envoy = Contender::new("envoy")?;
    let port = envoy.address.port().to_string();
    let mock = MOCK.rsplit(':').next().unwrap_or_default();
    let text = include_str!("envoy.yaml")
        .replace("LISTEN_PORT", &port)
        .replace("MOCK_PORT", mock)
        .replace("KEY", KEY);
    let file = envoy.write("envoy.yaml", &text)?;
    Ok(envoy.runs(
        &program,
        &[
            "--concurrency",
            "1",
            "-c",
            &file,
            "--disable-hot-restart",
            "--log-level",
            "error",
        ],
    ))
}

/// Its master key only, no database, no log of calls: less than Purser does, which flatters it.
fn litellm(program: PathBuf) -> anyhow::Result<Contender> {
    let mut litellm = Contender::new("litellm")?;
    litellm.translating = Some(Headers::new());
    // Nothing is fetched at the start, and nothing is told to anybody.
    litellm.environment = vec![
        ("LITELLM_LOCAL_MODEL_COST_MAP", "True"),
        ("LITELLM_MODE", "PRODUCTION"),
        ("LITELLM_LOG", "ERROR"),
    ];
    let model = |name: &str, api: &str, base: String| {
        let parameters = serde_json::json!({"model": format!("{api}/{name}"), "api_base": base, "api_key": "sk-provider"});
        serde_json::json!({"model_name": name, "litellm_params": parameters})
    };
    let models = [
        model(MODEL, "openai", format!("http://{MOCK}/v1")),
        model(TRANSLATED, "anthropic", format!("http://{MOCK}")),
    ];
    let text = serde_json::json!({"model_list": models, "general_settings": {"master_key": KEY}});
    let file = litellm.write("litellm.yaml", &text.to_string())?;
    let port = litellm.address.port().to_string();
    let arguments = ["--config", &file, "--host", "127.0.0.1", "--port", &port];
    let quiet = ["--telemetry", "False"];
    Ok(litellm.runs(&program, &[&arguments[..], &quiet].concat()))
}

/// It checks no key: who calls brings the provider's, its API and its address.
fn portkey(program: PathBuf) -> anyhow::Result<Contender> {
    let mut portkey = Contender::new("portkey")?;
    let headers = |api: &str| {
        let host = format!("http://{MOCK}/v1");
        vec![
            ("x-portkey-provider", api.to_owned()),
            ("x-portkey-custom-host", host),
        ]
    };
    portkey.headers = headers("openai");
    portkey.translating = Some(headers("anthropic"));
    portkey.environment = vec![("NODE_ENV", "production")];
    let port = format!("--port={}", portkey.address.port());
    let program = program.display().to_string();
    Ok(portkey.runs(Path::new("node"), &[&program, "--headless", &port]))
}

/// A program on the PATH or where Debian keeps servers; Portkey is a script, named by `PORTKEY_SERVER`.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    if name == "portkey" {
        return std::env::var_os("PORTKEY_SERVER").map(PathBuf::from);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// What it says of itself, or its package of it; empty where that is nowhere to be seen.
pub(crate) fn version(name: &str, program: &Path) -> String {
    let said = match name {
        "portkey" => {
            let package = program
                .ancestors()
                .nth(2)
                .map(|root| root.join("package.json"));
            let text = package.and_then(|file| std::fs::read_to_string(file).ok());
            let field = text
                .as_deref()
                .and_then(|text| text.split("\"version\":").nth(1));
            field.unwrap_or_default().to_owned()
        }
        "nginx" => printed(program, "-v"),
        _ => printed(program, "--version"),
    };
    let words = said.split(|letter: char| !letter.is_ascii_digit() && letter != '.');
    let numbers = |word: &&str| word.split('.').filter(|part| !part.is_empty()).count() == 3;
    words
        .into_iter()
        .find(numbers)
        .unwrap_or_default()
        .to_owned()
}

fn printed(program: &Path, question: &str) -> String {
    let output = Command::new(program).arg(question).output();
    let bytes = output.map(|output| [output.stdout, output.stderr].concat());
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}
