//! What of a chat that is otherwise passed untouched its provider would answer 400 to, because it spells it otherwise: a call that falls from
//! OpenAI to Mistral or DeepSeek is as its caller wrote it for OpenAI.
//!
//! Called by `state` for each message and by the sidecar for a body. Must never change what the provider takes as it is.

use crate::json::decode;
use crate::json::sift::{Keep, list, object};
use crate::openai::output_limit::name_before;
use crate::openai::tool_id::short;
use crate::provider::Quirks;
use crate::splice::Edit;
use crate::walk::Walk;
use purser_config::Provider;

/// Whether anything is spelt otherwise there. Of others it is not known that they refuse it.
pub fn is_strict(provider: Provider) -> bool {
    matches!(provider, Provider::Mistral | Provider::DeepSeek)
}

/// A message as the provider takes it. Mistral's tool-call ids have nine characters, and it knows no member that its API does not have
/// (research, data-plane 3.7); neither knows the role `developer`.
pub(crate) fn suited(message: &str, provider: Provider) -> Keep {
    let quirks = Quirks::of(provider);
    let sifted = object(message, |name, value| match name {
        "role" if value == "\"developer\"" && !quirks.developer => {
            Keep::Instead("\"system\"".to_owned())
        }
        "tool_call_id" if quirks.short_tool_ids => id(value),
        "tool_calls" if quirks.short_tool_ids => list(value, call).map_or(Keep::As, Keep::Instead),
        "reasoning_content" if provider == Provider::Mistral => Keep::Out,
        _ => Keep::As,
    });
    sifted.map_or(Keep::As, Keep::Instead)
}

fn call(call: &str) -> Keep {
    let sifted = object(call, |name, value| match name {
        "id" => id(value),
        _ => Keep::As,
    });
    sifted.map_or(Keep::As, Keep::Instead)
}

fn id(value: &str) -> Keep {
    let Ok(id) = decode(value) else {
        return Keep::As;
    };
    let short = short(&id);
    match *short == id {
        true => Keep::As,
        false => Keep::Instead(format!("\"{short}\"")),
    }
}

/// The edit that calls a chat's seed by the provider's name for it.
pub fn rename_seed(body: &[u8], provider: Provider) -> Option<Edit> {
    let known = Quirks::of(provider).seed.filter(|name| *name != "seed")?;
    memchr::memmem::find(body, b"\"seed\"")?;
    let mut walk = Walk::open(body, b'{').ok()?;
    while let Some((spelt, value)) = walk.member().ok()? {
        if body.get(spelt.inner) == Some(b"seed".as_slice()) {
            let span = name_before(body, value.start, b"\"seed\"")?;
            let bytes = format!("\"{known}\"").into_bytes().into();
            return Some(Edit { span, bytes });
        }
    }
    None
}
