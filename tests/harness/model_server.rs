//! A real model: llama.cpp's server with SmolLM2 as a process. Used by the SDKs' tests and by the node's. It must never leave the server
//! running.

use crate::port::reserve_at;
use crate::process::Process;
use crate::sse_client::Call;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Loading the weights takes a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// The running server; dropping it ends it.
pub struct ModelServer {
    /// Where it listens, without TLS; its model is `smollm2`.
    pub address: SocketAddr,
    _process: Process,
}

impl ModelServer {
    /// Starts it at this address of the machine's and waits until it answers.
    ///
    /// # Errors
    /// When it is not installed, or does not answer in a minute and a half.
    pub async fn start(at: Ipv4Addr) -> anyhow::Result<Self> {
        let address = reserve_at(at)?;
        let weights = tool("PURSER_TEST_GGUF", "smollm2.gguf")?;
        let mut command = Command::new(tool("PURSER_TEST_PYTHON", "python/bin/python")?);
        command.args(["-m", "llama_cpp.server", "--host", &at.to_string()]);
        command.args(["--port", &address.port().to_string()]);
        command
            // Otherwise a stream ends, without a word, when another call comes.
            .args(["--interrupt_requests", "False"])
            .args(["--model_alias", "smollm2", "--n_ctx", "512", "--model"])
            .arg(weights);
        let mut process = Process::start("llama_cpp.server", &mut command)?;
        let models = Call::get("/v1/models");
        process.until_answers(address, &models, PATIENCE).await?;
        Ok(ModelServer {
            address,
            _process: process,
        })
    }
}

/// What tests/toolchain.sh installs: where the variable says, else in target/toolchain.
///
/// # Errors
/// When it is not there.
pub fn tool(variable: &str, place: &str) -> anyhow::Result<PathBuf> {
    let installed = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/toolchain");
    let path =
        std::env::var_os(variable).map_or_else(|| Path::new(installed).join(place), PathBuf::from);
    anyhow::ensure!(
        path.exists(),
        "{} is missing; run tests/toolchain.sh first, or set {variable}",
        path.display()
    );
    Ok(path)
}

/// Whether a text has a few letters at least, as what a model says has.
pub fn is_speech(text: &str) -> bool {
    text.chars().filter(|letter| letter.is_alphabetic()).count() > 5
}
