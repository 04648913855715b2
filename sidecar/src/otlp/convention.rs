//! The names and words of OpenTelemetry's conventions for generative AI, and which of a call's facts they are said with. Pure; part of `otlp`.
//! Labels of metrics come from closed sets: no id, no key, no word of a caller.

use super::trace::Trace;
use crate::snapshot::Serving;
use http::Uri;
use purser_config::usage::{End, Record};
use purser_config::{Endpoint, Provider};
use serde_json::{Value, json};

/// What a span or a point of a histogram is about, in the order it is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Attributes(Vec<(&'static str, Word)>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Word {
    Text(String),
    Number(u64),
}

impl Attributes {
    pub(super) fn text(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.push((name, Word::Text(value.into())));
    }

    pub(super) fn number(&mut self, name: &'static str, value: u64) {
        self.0.push((name, Word::Number(value)));
    }

    /// As OTLP's JSON has them: whole numbers are strings there.
    pub(super) fn json(&self) -> Value {
        let said = self.0.iter().map(|(name, word)| match word {
            Word::Text(text) => json!({"key": name, "value": {"stringValue": text}}),
            Word::Number(number) => json!({"key": name, "value": {"intValue": number.to_string()}}),
        });
        said.collect()
    }

    /// What spans and histograms say alike of a call: the models are those that an administrator named.
    pub(super) fn of_call(record: &Record, trace: &Trace) -> Self {
        let mut all = Attributes::default();
        all.text("gen_ai.operation.name", operation(record.endpoint));
        if let Some((serving, _)) = trace.attempts.last() {
            all.provider(serving);
            all.text("gen_ai.request.model", &serving.model().name);
            all.text("gen_ai.response.model", serving.upstream_name());
        }
        if let Some(why) = error(record, trace) {
            all.text("error.type", why);
        }
        all
    }

    /// A call's span says more: ids, and names of objects.
    pub(super) fn of_span(record: &Record, trace: &Trace) -> Self {
        let mut all = Self::of_call(record, trace);
        if record.endpoint.reports_tokens() && trace.refused.is_none() {
            all.number("gen_ai.usage.input_tokens", record.tokens.input);
            all.number("gen_ai.usage.output_tokens", record.tokens.output);
        }
        if record.status > 0 {
            all.number("http.response.status_code", record.status.into());
        }
        all.text("purser.request_id", &record.id);
        all.text("purser.key", record.key.to_string());
        all.text("purser.plan", &record.plan);
        all.number("purser.attempts", record.attempts.into());
        if let Some(channel) = &record.channel {
            all.text("purser.channel", channel.to_string());
        }
        all
    }

    /// An attempt's span: what was asked of whom, and what became of it. Tokens are the call's alone, so that sums count them once.
    pub(super) fn of_attempt(record: &Record, serving: &Serving) -> Self {
        let mut all = Attributes::default();
        all.text("gen_ai.operation.name", operation(record.endpoint));
        all.provider(serving);
        all.text("gen_ai.request.model", serving.upstream_name());
        all.text("purser.channel", serving.reach.lane.name.to_string());
        all
    }

    fn provider(&mut self, serving: &Serving) {
        let channel = &serving.reach.channel;
        self.text("gen_ai.provider.name", provider(channel.provider));
        let Ok(uri) = channel.base_url.parse::<Uri>() else {
            return;
        };
        self.text("server.address", uri.host().unwrap_or_default());
        let usual = if uri.scheme_str() == Some("http") {
            80
        } else {
            443
        };
        self.number("server.port", uri.port_u16().unwrap_or(usual).into());
    }
}

/// Why a call is no good one, in few words; none: it is whole.
pub(super) fn error(record: &Record, trace: &Trace) -> Option<String> {
    if let Some(code) = trace.refused {
        return Some(code.to_owned());
    }
    match record.end {
        End::Done if record.status < 400 => None,
        End::ClientLeft => Some("client_left".to_owned()),
        End::Broken => Some("broken".to_owned()),
        _ => Some(match record.status {
            0 => "failed".to_owned(),
            status => status.to_string(),
        }),
    }
}

/// Where the conventions have no word, the endpoint's own.
pub(super) fn operation(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Chat | Endpoint::Responses => "chat",
        Endpoint::Completions => "text_completion",
        Endpoint::Embeddings => "embeddings",
        Endpoint::Images => "image_generation",
        Endpoint::ImageEdits => "image_edit",
        Endpoint::Speech => "speech",
        Endpoint::Transcriptions => "transcription",
        Endpoint::Translations => "translation",
        Endpoint::Moderations => "moderation",
        Endpoint::CountTokens => "count_tokens",
    }
}

fn provider(provider: Provider) -> &'static str {
    match provider {
        Provider::OpenAI => "openai",
        Provider::AzureOpenAI => "azure.ai.openai",
        Provider::Anthropic => "anthropic",
        Provider::Gemini => "gcp.gemini",
        Provider::Mistral => "mistral_ai",
        Provider::DeepSeek => "deepseek",
        Provider::XAI => "x_ai",
        Provider::DashScope => "dashscope",
        Provider::OpenAICompatible => "openai_compatible",
    }
}
