//! What a person is shown: what is served, which keys were made, the line to paste, what is wrong. Called by `up` and `desk`. Values of
//! keys go to standard output only, once each: when they are made, and in the line to paste.

use super::Window;
use super::desk::Desk;
use crate::manifests::Manifests;
use anyhow::Context;
use purser_compile::{Compiled, ObjectRef};
use purser_config::calendar::moment;
use purser_config::{Channel, Endpoint, Key, Model, Standing, glob_matches};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;

/// Faults and warnings of files, to standard error.
pub(crate) fn faults(manifests: &Manifests) {
    manifests
        .faults
        .iter()
        .for_each(|fault| eprintln!("error: {fault}"));
    manifests
        .warnings
        .iter()
        .for_each(|warning| eprintln!("warning: {warning}"));
}

/// What `compile` said to whom, to standard error.
pub(crate) fn verdicts(compiled: &Compiled) {
    for (object, verdict) in &compiled.verdicts {
        let object = match object {
            ObjectRef::Plan(name) => format!("Plan {name}"),
            ObjectRef::ApiKey(name) => format!("ApiKey {name}"),
            ObjectRef::ProviderChannel(name) => format!("ProviderChannel {name}"),
        };
        if let Some((reason, message)) = &verdict.refused {
            eprintln!("error: {object}: {}: {message}", reason.as_str());
        }
        if !verdict.not_yet_enforced.is_empty() {
            eprintln!(
                "warning: {object}: this version does not enforce {}",
                verdict.not_yet_enforced.join(", ")
            );
        }
        verdict
            .warnings
            .iter()
            .for_each(|warning| eprintln!("warning: {object}: {warning}"));
    }
}

/// What is served, and how to try it, to standard output.
///
/// # Errors
/// When it cannot be printed.
pub(crate) fn serving(desk: &Desk, callers: SocketAddr, admin: SocketAddr) -> anyhow::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!("purser {version} serves http://{callers}/v1  (admin http://{admin})\n");
    let configuration = &desk.compiled().configuration;
    let models: Vec<&str> = models(configuration.channels.values()).collect();
    let _ = writeln!(text, "models    {}", listed(&models));
    for (name, channel) in &configuration.channels {
        let _ = writeln!(
            text,
            "channel   {name}  priority {}  {:?}  {}",
            channel.priority, channel.provider, channel.base_url
        );
    }
    for (name, key) in &configuration.keys {
        let facts = desk
            .compiled()
            .verdicts
            .get(&ObjectRef::ApiKey(name.clone()));
        let prefix = facts.and_then(|verdict| Some(verdict.key.as_ref()?.prefix.as_str()));
        let _ = write!(
            text,
            "key       {name}  {}  plan {}",
            prefix
                .filter(|prefix| !prefix.is_empty())
                .unwrap_or("(by hash)"),
            key.plan
        );
        match &key.standing {
            Standing::Good => text.push('\n'),
            Standing::Refused { code, .. } => drop(writeln!(text, "  refused: {}", code.code())),
        }
    }
    text.push_str(&made(desk));
    text.push_str(&paste(desk, callers));
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("printing what is served")
}

/// Where the console is, and how its first user is made, to standard output.
///
/// # Errors
/// When it cannot be printed, or nobody knows whether there is a user.
pub(crate) async fn console(window: &Window) -> anyhow::Result<()> {
    let address = window
        .listener
        .local_addr()
        .context("asking for the console's port")?;
    let mut text =
        format!("\nconsole   http://{address}/  (management API http://{address}/api/)\n");
    let token = window
        .console
        .setup_token()
        .await
        .map_err(anyhow::Error::msg)?;
    if let Some(token) = token {
        let _ = writeln!(
            text,
            "          no user exists yet; make the first administrator there with the one-time token {token}"
        );
    }
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("printing where the console is")
}

/// Keys that a reload made, to standard output.
pub(crate) fn new_keys(desk: &Desk) {
    let _ = std::io::stdout().write_all(made(desk).as_bytes());
}

fn made(desk: &Desk) -> String {
    let lines = desk.made().iter().map(|made| {
        let how = match made.previous_until_ms {
            None => "generated".to_owned(),
            Some(until) => format!("rotated; the one before works until {}", moment(until)),
        };
        let (key, value, kept) = (&made.key, &made.value, desk.kept());
        format!("key {key}: {value}  ({how}; {kept})\n")
    });
    lines.collect()
}

fn models<'a>(channels: impl Iterator<Item = &'a Channel>) -> impl Iterator<Item = &'a str> {
    let names: std::collections::BTreeSet<&str> = channels
        .flat_map(|channel| &channel.models)
        .map(|model| model.name.as_str())
        .collect();
    names.into_iter()
}

fn listed(names: &[&str]) -> String {
    const MOST: usize = 20;
    match names {
        [] => "none: no channel is accepted".to_owned(),
        names if names.len() > MOST => format!(
            "{} and {} more",
            names[..MOST].join(", "),
            names.len() - MOST
        ),
        names => names.join(", "),
    }
}

/// One line that works as it stands.
fn paste(desk: &Desk, callers: SocketAddr) -> String {
    let configuration = &desk.compiled().configuration;
    let made = desk.made().iter().map(|made| &made.key);
    let names = made.chain(configuration.keys.keys());
    let ready =
        names.filter_map(|name| Some((configuration.keys.get(name)?, desk.value_of(name)?)));
    let call = ready
        .filter_map(|(key, value)| Some((chat_model(desk, key)?, value)))
        .next();
    match call {
        Some((model, value)) => format!(
            "\ntry it:\ncurl -i http://{callers}/v1/chat/completions -H 'authorization: Bearer {value}' -H 'content-type: application/json' \
             -d '{{\"model\":\"{model}\",\"messages\":[{{\"role\":\"user\",\"content\":\"Say hello.\"}}]}}'\n"
        ),
        None => {
            "\nno key here can call a chat model yet; `purser check -f …` says what is missing\n"
                .to_owned()
        }
    }
}

/// A chat model that this key may call now.
fn chat_model(desk: &Desk, key: &Key) -> Option<String> {
    let configuration = &desk.compiled().configuration;
    let plan = configuration
        .plans
        .get(&key.plan)
        .filter(|_| key.standing == Standing::Good)?;
    let any = |globs: &[String], model: &str| globs.iter().any(|glob| glob_matches(glob, model));
    let may = |model: &str| {
        any(&plan.allow, model)
            && !any(&plan.deny, model)
            && (key.models.is_empty() || any(&key.models, model))
    };
    let chats =
        |model: &Model| model.endpoints.is_empty() || model.endpoints.contains(&Endpoint::Chat);
    let mut channels: Vec<&Channel> = key
        .channels
        .iter()
        .filter_map(|name| configuration.channels.get(name))
        .collect();
    channels.sort_by_key(|channel| channel.priority);
    let mut models = channels.into_iter().flat_map(|channel| &channel.models);
    models
        .find(|model| chats(model) && may(&model.name) && !model.name.contains(['\'', '"', '\\']))
        .map(|model| model.name.clone())
}
