//! One call, as the log shows it. Pure.

use crate::ids;
use purser_config::price::Tokens;
use purser_config::usage::{End, Failure, Record};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Whose a call is, of users.
pub(super) const USERNAME: &str = "";

/// One call.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Item {
    /// x-request-id.
    id: String,
    request_id: String,
    /// Empty: providers' ids are not kept.
    upstream_request_id: &'static str,
    /// Unix seconds.
    created_at: u64,
    /// RFC 3339.
    timestamp: String,
    /// 2: it succeeded; 5: it failed.
    #[serde(rename = "type")]
    kind: u8,
    /// Why it failed; empty: it did not.
    content: String,
    /// 0, as username is empty: a call has a key, and no user.
    user_id: u64,
    username: &'static str,
    namespace: String,
    /// namespace/name of its key.
    token_name: String,
    token_id: u64,
    plan: String,
    /// As plan.
    group: String,
    /// The model that was asked for.
    model_name: String,
    /// The model that the provider was asked for; empty: none was.
    served: String,
    /// The channel's id; 0: nobody served it.
    channel: u64,
    /// namespace/name of the channel, or nothing.
    channel_name: String,
    endpoint: String,
    /// Empty: callers' addresses are not kept.
    ip: &'static str,
    is_stream: bool,
    /// The answer's status; 0: none was given.
    status: u16,
    end: Ended,
    attempts: u32,
    /// Those that gave nothing, in their order.
    failures: Vec<Failed>,
    /// Micro-credits that were paid.
    quota: u64,
    /// Micro-credits that it was worth beyond that.
    unpaid: u64,
    /// What the provider charges, in millionths of its owner's currency.
    cost: u64,
    /// What attempts cost that served nobody.
    waste: u64,
    /// The same by channel.
    waste_by_channel: BTreeMap<String, u64>,
    prompt_tokens: u64,
    cached_tokens: u64,
    completion_tokens: u64,
    /// Whether tokens were counted here, because the provider did not say.
    estimated: bool,
    usage: Usage,
    /// Seconds.
    use_time: u64,
    latency_ms: u64,
    /// Until the first content; null: nobody knows.
    first_ms: Option<u64>,
    /// The caller's own labels.
    user_metadata: BTreeMap<String, String>,
    /// The pod whose sidecar carried it, or the gateway's; empty where there is none.
    pod: String,
    /// JSON, as text.
    other: &'static str,
}

/// An attempt that gave nothing.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Failed {
    /// namespace/name of the channel.
    channel: String,
    /// What was wrong: the outcome label of purser_attempts_total.
    fault: &'static str,
    /// The provider's status; null: it gave none.
    status: Option<u16>,
    /// When it began, in milliseconds after the call.
    at_ms: u64,
    /// Until it was given up.
    took_ms: u64,
}

/// Tokens, as OpenAI names them.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

/// How a call ended.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ended {
    Done,
    ClientLeft,
    Broken,
    Failed,
    Interrupted,
    Unconfirmed,
}

impl Item {
    pub(crate) fn of(record: &Record) -> Self {
        let content = why(record);
        let name = |channel: &purser_config::Name| channel.to_string();
        let (waste, channel) = (record.waste.iter(), record.channel.as_ref());
        let tokens = &record.tokens;
        Item {
            id: record.id.clone(),
            request_id: record.id.clone(),
            upstream_request_id: "",
            created_at: record.began_ms / 1000,
            timestamp: purser_config::calendar::moment(record.began_ms),
            kind: if content.is_empty() { 2 } else { 5 },
            content,
            user_id: 0,
            username: USERNAME,
            namespace: record.key.namespace().to_owned(),
            token_name: record.key.to_string(),
            token_id: ids::number("ApiKey", record.key.as_str()),
            plan: record.plan.clone(),
            group: record.plan.clone(),
            model_name: record.asked.clone(),
            served: record.served.clone(),
            channel: channel.map_or(0, |name| ids::number("ProviderChannel", name.as_str())),
            channel_name: channel.map(name).unwrap_or_default(),
            endpoint: format!("{:?}", record.endpoint),
            ip: "",
            is_stream: record.stream,
            status: record.status,
            end: end(record.end),
            attempts: record.attempts,
            failures: record.failures.iter().map(failed).collect(),
            quota: record.credits,
            unpaid: record.unpaid,
            cost: record.cost,
            waste: waste.clone().map(|(_, micros)| micros).sum(),
            waste_by_channel: waste
                .map(|(channel, micros)| (name(channel), *micros))
                .collect(),
            prompt_tokens: tokens.input,
            cached_tokens: tokens.cached,
            completion_tokens: tokens.output,
            estimated: record.estimated,
            usage: usage(tokens),
            use_time: record.latency_ms / 1000,
            latency_ms: record.latency_ms,
            first_ms: record.first_ms,
            user_metadata: record.user_metadata.clone(),
            pod: record.pod.clone(),
            other: "{}",
        }
    }
}

fn usage(tokens: &Tokens) -> Usage {
    Usage {
        prompt_tokens: tokens.input,
        completion_tokens: tokens.output,
        total_tokens: tokens.total(),
    }
}

fn failed(failure: &Failure) -> Failed {
    Failed {
        channel: failure.channel.to_string(),
        fault: failure.fault.as_str(),
        status: failure.status,
        at_ms: failure.at_ms,
        took_ms: failure.took_ms,
    }
}

fn end(end: End) -> Ended {
    match end {
        End::Done => Ended::Done,
        End::ClientLeft => Ended::ClientLeft,
        End::Broken => Ended::Broken,
        End::Failed => Ended::Failed,
        End::Interrupted => Ended::Interrupted,
        End::Unconfirmed => Ended::Unconfirmed,
    }
}

/// Why a call failed, in words; nothing: it did not.
fn why(record: &Record) -> String {
    let tried = match (record.attempts, &record.channel) {
        (0, _) => String::new(),
        (1, Some(channel)) => format!(" It was sent to {channel}."),
        (1, None) => " It was sent once.".to_owned(),
        (attempts, Some(channel)) => {
            format!(" It was sent {attempts} times, the last time to {channel}.")
        }
        (attempts, None) => format!(" It was sent {attempts} times."),
    };
    let status = record.status;
    let said = match record.end {
        End::Broken => "Its provider broke off after the first content.".to_owned(),
        End::Failed if status == 0 => "No channel gave content.".to_owned(),
        End::Failed => format!("No channel gave content; it was answered {status}."),
        End::Interrupted => "Its sidecar died meanwhile.".to_owned(),
        End::Unconfirmed => "Its sidecar died, and nobody knows how it ended.".to_owned(),
        End::Done | End::ClientLeft if status >= 400 => format!("It was answered {status}."),
        End::Done | End::ClientLeft => return String::new(),
    };
    said + &tried
}
