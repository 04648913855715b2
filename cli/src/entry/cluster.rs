//! Entries in a cluster: an annotation of the ApiKey, which the operator acts on and removes. Called by `entry`. Through kubectl, so that
//! whatever lets a person into the cluster lets this in too, and nothing of it has to be part of this program. It must never write anything
//! but that one annotation, and never over one that is there.
//!
//! ```text
//! get -> annotate -> get, until it is gone -> condition Credited: what came of it, status.creditsLeft
//! ```

use anyhow::Context;
use purser_config::Name;
use purser_crds::{ConditionType, CreditedReason};
use serde_json::Value;
use std::ffi::OsString;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long the operator has.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it has to say what came of an annotation that it removed.
const WORDS: Duration = Duration::from_secs(5);
const BETWEEN: Duration = Duration::from_millis(500);
/// A wait that is longer is told of.
const NOTICED: Duration = Duration::from_secs(1);

/// A cluster, with the caller's own credentials.
pub(super) struct Cluster {
    program: OsString,
    context: Option<String>,
    patience: Duration,
    words: Duration,
}

impl Cluster {
    /// The one that kubectl calls so, or its current one.
    pub(super) fn of(context: Option<&str>) -> Self {
        Cluster {
            program: "kubectl".into(),
            context: context.map(str::to_owned),
            patience: PATIENCE,
            words: WORDS,
        }
    }

    /// Makes an entry and waits for it; says what came of it. `plan`: the one that the key must be on.
    ///
    /// # Errors
    /// When it was not made, or nobody knows, with what to do.
    pub(super) fn enter(
        &self,
        key: &Name,
        (annotation, value): (&str, &str),
        plan: Option<&str>,
    ) -> anyhow::Result<String> {
        let before = self.look(key)?;
        let on = before["spec"]["plan"].as_str().unwrap_or_default();
        if let Some(plan) = plan
            && plan != on
        {
            anyhow::bail!(
                "renewing ApiKey {key}: it is on plan {on} and not on {plan}; give --plan {on}, or change its spec first"
            );
        }
        let before = self.annotate(key, (annotation, value), &before)?;
        let began = Instant::now();
        let (mut gone, mut told_to_wait) = (None, false);
        loop {
            let object = self.look(key)?;
            if object["metadata"]["annotations"].get(annotation).is_none() {
                gone.get_or_insert_with(Instant::now);
            }
            let silent = gone.is_some_and(|gone: Instant| gone.elapsed() >= self.words);
            let word = credited(&object, annotation);
            let fresh = word.filter(|word| silent || Some(*word) != before.as_ref());
            match fresh.map(|word| (word, judge(word, gone.is_some()))) {
                Some((word, Some(true))) => return Ok(told(word, &object)),
                Some((word, Some(false))) => anyhow::bail!("{}", message(word)),
                _ if silent => return Ok(unsaid(annotation, &object)),
                _ if gone.is_none() && began.elapsed() >= self.patience => {
                    let waited = self.patience.as_secs();
                    anyhow::bail!(
                        "the operator has not acted on annotation {annotation} of ApiKey {key} for {waited} s; it will when it runs again (kubectl get pods -A shows whether it does), or take the annotation away: {}",
                        taking(key, annotation)
                    );
                }
                _ => std::thread::sleep(BETWEEN),
            }
            if !told_to_wait && began.elapsed() >= NOTICED {
                told_to_wait = true;
                let most = self.patience.as_secs();
                eprintln!("waiting for the operator to act on ApiKey {key}, {most} s at most");
            }
        }
    }

    /// Writes the annotation, unless it is there; answers what is told of this entry and is not about this annotation.
    fn annotate(
        &self,
        key: &Name,
        (annotation, value): (&str, &str),
        before: &Value,
    ) -> anyhow::Result<Option<Value>> {
        match &before["metadata"]["annotations"][annotation] {
            Value::Null => {
                let (verb, entry) = (["annotate"], format!("{annotation}={value}"));
                self.run(key, &verb, &[&entry]).context(
                    "making an entry, which needs the verbs patch and credit on this apikey",
                )?;
                Ok(credited(before, annotation).cloned())
            }
            // From an earlier try: what is told is about this very annotation.
            there if there == value => Ok(None),
            there => anyhow::bail!(
                "annotating ApiKey {key}: {annotation} is there already, with {there}; choose another id, or take it away: {}",
                taking(key, annotation)
            ),
        }
    }

    fn look(&self, key: &Name) -> anyhow::Result<Value> {
        let text = self.run(key, &["get"], &["--output=json"])?;
        serde_json::from_slice(&text).with_context(|| format!("reading ApiKey {key} from kubectl"))
    }

    fn run(&self, key: &Name, verb: &[&str], rest: &[&str]) -> anyhow::Result<Vec<u8>> {
        let mut command = Command::new(&self.program);
        command.args(verb);
        // As one word each, so that no name can be taken for an option.
        command.arg(format!("apikeys.purser.dev/{}", key.name()));
        command.arg(format!("--namespace={}", key.namespace()));
        command.arg("--request-timeout=10s").args(rest);
        let context = self.context.as_ref();
        command.args(context.map(|context| format!("--context={context}")));
        let output = command.output().context(
            "starting kubectl, which credits in a cluster are entered with; install it, or give --data-dir for a `purser up`",
        )?;
        let said = String::from_utf8_lossy(&output.stderr);
        let said: Vec<&str> = said.lines().filter(|line| !is_log(line)).collect();
        anyhow::ensure!(
            output.status.success(),
            "kubectl {} ApiKey {key}: {}",
            verb.join(" "),
            said.join("\n").trim()
        );
        Ok(output.stdout)
    }
}

fn taking(key: &Name, annotation: &str) -> String {
    let (name, namespace) = (key.name(), key.namespace());
    format!("kubectl annotate apikey {name} -n {namespace} {annotation}-")
}

/// A line of kubectl's own log, such as `E1122 23:45:13.614052 ...`; what it says to people comes after.
fn is_log(line: &str) -> bool {
    let digits = line.as_bytes().get(1..5);
    line.starts_with(['E', 'W', 'I', 'F'])
        && digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
}

/// The condition that tells of this entry.
fn credited<'a>(object: &'a Value, annotation: &str) -> Option<&'a Value> {
    let kind = ConditionType::Credited.as_str();
    let conditions = object["status"]["conditions"].as_array()?;
    let word = conditions.iter().find(|word| word["type"] == kind)?;
    let is_about = message(word).contains(&id(annotation))
        || message(word).split([' ', ':']).next() == Some(annotation);
    is_about.then_some(word)
}

/// As the operator writes it behind what it did.
fn id(annotation: &str) -> String {
    let id = annotation
        .split_once('/')
        .map_or(annotation, |parts| parts.1);
    match annotation.starts_with(purser_crds::RENEW_ANNOTATION) {
        true => format!("(renew/{id})"),
        false => format!("({id})"),
    }
}

/// Whether it was made; `None`: that is not said yet.
fn judge(word: &Value, is_gone: bool) -> Option<bool> {
    if word["status"] == "True" {
        return is_gone.then_some(true);
    }
    // What is refused is left where it is, for its author to see.
    let stays = word["reason"] == CreditedReason::Refused.as_str();
    (is_gone || stays).then_some(false)
}

fn message(word: &Value) -> &str {
    word["message"].as_str().unwrap_or_default()
}

/// Statuses are not written with every call.
fn left(object: &Value) -> String {
    match object["status"]["creditsLeft"].as_str() {
        Some(left) => format!("status.creditsLeft, which follows within 30 s: {left}"),
        None => "status.creditsLeft is not written yet".to_owned(),
    }
}

fn told(word: &Value, object: &Value) -> String {
    format!("{}\n{}", message(word), left(object))
}

/// Another entry may have been told of meanwhile: there is one condition for all.
fn unsaid(annotation: &str, object: &Value) -> String {
    format!(
        "the operator took annotation {annotation}; its events say what came of it\n{}",
        left(object)
    )
}

#[cfg(test)]
mod tests;
