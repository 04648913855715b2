//! A chat that is otherwise passed untouched, as its provider takes it: what it spells otherwise than OpenAI, and answers 400 or 422 to. A call
//! that falls from OpenAI to Mistral, DeepSeek or DashScope is as its caller wrote it for OpenAI; one that was written for Mistral falls to OpenAI.
//!
//! Called by the sidecar for a body, before a channel is chosen and before it is sent. Must never change what the provider takes as it is, nor
//! read a body of a provider that takes all of OpenAI's where it holds none of Mistral's words.

mod mistral;
mod openai;
mod parts;
mod turns;

use super::thinks::Thinking;
use super::{reasoning, says_nothing};
use crate::json::look::Look;
use crate::json::sift::{Keep, list, object};
use crate::json::{is_empty, members};
use crate::openai::models::{Whole, whole};
use crate::provider::Quirks;
use crate::talk::Ask;
use crate::translate::{Target, Unsayable};
use purser_config::Provider;

/// Whether anything is spelt otherwise there. Of others it is not known that they refuse it.
pub fn is_strict(provider: Provider) -> bool {
    matches!(
        provider,
        Provider::Mistral | Provider::DeepSeek | Provider::DashScope
    )
}

/// Whether what a chat says in Mistral's words is said there in OpenAI's, which refuses those: see `Says::has_mistrals_words`.
pub fn takes_mistrals_words(provider: Provider) -> bool {
    matches!(provider, Provider::OpenAI | Provider::AzureOpenAI)
}

/// A body as its provider takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suited {
    /// None: as it is.
    pub body: Option<Vec<u8>>,
    /// Whether thoughts were left out: the caller is told by a header.
    pub removed_state: bool,
}

/// Makes it so, for a model by the provider's name for it. What is no JSON is left for the provider to say so.
///
/// # Errors
/// What its API cannot say.
pub fn suited(body: &[u8], provider: Provider, model: &str) -> Result<Suited, Unsayable> {
    let Ok(text) = std::str::from_utf8(body) else {
        return Ok(Suited::default());
    };
    let mut removed_state = false;
    let sifted = match provider {
        Provider::Mistral => mistral::suited(text, model, &mut removed_state)?,
        Provider::DeepSeek => deepseek(text, model)?,
        Provider::DashScope => dashscope(text, model)?,
        provider if takes_mistrals_words(provider) => openai::suited(text),
        _ => None,
    };
    Ok(Suited {
        body: sifted.map(String::into_bytes),
        removed_state,
    })
}

/// It knows no role `developer`, and is told not to think by `thinking`.
fn deepseek(text: &str, model: &str) -> Result<Option<String>, Unsayable> {
    let holds = |mark: &[u8]| memchr::memmem::find(text.as_bytes(), mark).is_some();
    if !holds(b"\"developer\"") && !holds(b"\"reasoning") {
        return Ok(None);
    }
    let [effort, asked] = members(text, ["reasoning_effort", "reasoning"]).unwrap_or_default();
    let told = match effort == Some("\"none\"") || !is_empty(asked) {
        true => Told::of(text, (Provider::DeepSeek, model))?,
        false => None,
    };
    let sifted = object(text, |name, value| match name {
        "messages" => list(value, instructs).map_or(Keep::As, Keep::Instead),
        name if told.is_some() && Told::is_said_by(name) => Keep::Out,
        _ => Keep::As,
    });
    Ok(Told::add(told, sifted, text))
}

fn instructs(message: &str) -> Keep {
    let sifted = object(message, |name, value| match (name, value) {
        ("role", "\"developer\"") => Keep::Instead("\"system\"".to_owned()),
        _ => Keep::As,
    });
    sifted.map_or(Keep::As, Keep::Instead)
}

/// It is told how much to think in its own words, unless it was already; what its open models think comes in streams alone.
fn dashscope(text: &str, model: &str) -> Result<Option<String>, Unsayable> {
    let names = [
        "enable_thinking",
        "stream",
        "reasoning_effort",
        "reasoning",
        "thinking",
    ];
    let [own, stream, said @ ..] = members(text, names).unwrap_or_default();
    let says = said.into_iter().any(|said| !is_empty(said));
    let streams = stream == Some("true");
    if own.is_some() || (!says && (streams || whole(model) == Whole::Any)) {
        return Ok(None);
    }
    let told = Told::of(text, (Provider::DashScope, model))?;
    let sifted = object(text, |name, _| match Told::is_said_by(name) {
        true if told.is_some() => Keep::Out,
        _ => Keep::As,
    });
    Ok(Told::add(told, sifted, text))
}

/// How much to think, in the provider's words.
struct Told(String);

impl Told {
    /// None: what is said of it cannot be read, and is the provider's to refuse.
    fn of(text: &str, to: (Provider, &str)) -> Result<Option<Told>, Unsayable> {
        let (provider, model) = to;
        let Some(ask) = asked(text) else {
            return Ok(None);
        };
        let target = Target {
            quirks: Quirks::of(provider),
            model,
            most_output: None,
        };
        Thinking::of(&ask, &target).map(|thinks| Some(Told(thinks.members())))
    }

    /// OpenAI's, OpenRouter's and Anthropic's words for it, which chats come with.
    fn is_said_by(name: &str) -> bool {
        matches!(name, "reasoning_effort" | "reasoning" | "thinking")
    }

    /// Behind what is left of a body.
    fn add(told: Option<Told>, sifted: Option<String>, text: &str) -> Option<String> {
        let Some(Told(members)) = told.filter(|told| !told.0.is_empty()) else {
            return sifted;
        };
        let body = sifted.as_deref().unwrap_or(text).trim_end();
        Some(with(body, &members)).or(sifted)
    }
}

/// An object with more members.
fn with(object: &str, members: &str) -> String {
    let open = object.trim_end().strip_suffix('}').unwrap_or(object);
    let comma = if is_empty(Some(object)) { "" } else { "," };
    format!("{open}{comma}{members}}}")
}

fn asked(text: &str) -> Option<Ask> {
    let mut ask = Ask::default();
    let body = Look::body(text.as_bytes()).ok()?;
    let read = body.members(|name, value| match name {
        "stream" => {
            ask.stream = value.text() == "true";
            Ok(())
        }
        "reasoning_effort" => reasoning::effort(value, &mut ask),
        "reasoning" => reasoning::openrouter(value, &mut ask),
        "thinking" => reasoning::thinking(value, &mut ask),
        _ => Ok(()),
    });
    read.ok().map(|()| ask)
}
