//! A caller's `generateContent`, into `talk`. Called by `translate`. Each member is read by itself, so that a fault can say where it is.

use super::lenient::List;
use super::{config_in, tools_in, turns_in};
use crate::Wire;
use crate::json::is_empty;
use crate::json::look::HALF;
use crate::talk::{Ask, Beyond};
use crate::text::Text;
use crate::translate::{AskFault, Path};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow, default)]
    contents: Option<List<'a>>,
    #[serde(borrow, default, alias = "system_instruction")]
    system_instruction: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tools: Option<List<'a>>,
    #[serde(borrow, default, alias = "tool_config")]
    tool_config: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "generation_config")]
    generation_config: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "safety_settings")]
    safety_settings: Option<List<'a>>,
    #[serde(flatten, borrow)]
    rest: Rest<'a>,
}

/// Members that have no place in `talk`, and whether they say anything.
pub(super) type Rest<'a> = BTreeMap<Text<'a>, Says>;

/// How much a value says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// `null`.
    Null,
    /// `false`, `""`, `[]` or `{}`: nothing, but in a tool, which is asked for by an empty object.
    Empty,
    Something,
}

impl<'de> Deserialize<'de> for Says {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Says, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(match &value {
            serde_json::Value::Null => Says::Null,
            value if is_empty(Some(&value.to_string())) => Says::Empty,
            _ => Says::Something,
        })
    }
}

/// One member, or an element of it.
pub(super) fn part<'a, T: Deserialize<'a>>(path: &str, raw: &'a RawValue) -> Result<T, AskFault> {
    serde_json::from_str(raw.get()).map_err(|error| fault(path, &error))
}

pub(super) fn fault(path: &str, why: &dyn std::fmt::Display) -> AskFault {
    let why = why.to_string();
    // serde_json counts lines from the member's own beginning.
    let why = why.split(" at line ").next().unwrap_or_default();
    let message = match why {
        "unexpected end of hex escape" | "lone leading surrogate in hex escape" => {
            format!("{path} {HALF}")
        }
        why => format!("{path} cannot be read: {why}"),
    };
    AskFault {
        param: Some(path.to_owned()),
        message,
    }
}

/// Those that say something, but for hints.
pub(super) fn beyond(ask: &mut Ask, rest: &Rest<'_>, within: &str, hints: &[&str]) {
    let least = if within.starts_with("tools[") {
        Says::Null
    } else {
        Says::Empty
    };
    let saying = rest
        .iter()
        .filter(|(_, says)| **says != Says::Null && **says != least);
    for (name, _) in saying.filter(|(name, _)| !hints.contains(&&***name)) {
        let dot = if within.is_empty() { "" } else { "." };
        let param = format!("{within}{dot}{}", &**name);
        ask.beyond.push(Beyond { param });
    }
}

/// Cost and bookkeeping; and the model, which the path says.
const HINTS: [&str; 5] = ["labels", "serviceTier", "service_tier", "model", "stream"];

/// Reads a caller's request.
pub(crate) fn read_ask(body: &[u8], path: Path<'_>) -> Result<Ask, AskFault> {
    let request: Request<'_> = serde_json::from_slice(body).map_err(|error| AskFault {
        param: None,
        message: format!("the body is not a generateContent request: {error}"),
    })?;
    let mut ask = Ask {
        model: path.model.to_owned(),
        stream: path.stream,
        wants_usage: true,
        wire: Wire::Generate,
        ..Ask::default()
    };
    beyond(&mut ask, &request.rest, "", &HINTS);
    if let Some(raw) = request.system_instruction {
        turns_in::system(raw, &mut ask)?;
    }
    turns_in::read(&request.contents.unwrap_or_default().0, &mut ask)?;
    tools_in::read(&request.tools.unwrap_or_default().0, &mut ask)?;
    if let Some(raw) = request.tool_config {
        tools_in::choose(raw, &mut ask)?;
    }
    if let Some(raw) = request.generation_config {
        config_in::read(raw, &mut ask)?;
    }
    safety(&request.safety_settings.unwrap_or_default().0, &mut ask)?;
    Ok(ask)
}

#[derive(Deserialize)]
struct Setting<'a> {
    #[serde(borrow, default)]
    threshold: Option<Text<'a>>,
}

/// Other providers have no such filters: what asks for none of them is carried by that.
fn safety(settings: &[&RawValue], ask: &mut Ask) -> Result<(), AskFault> {
    for (index, raw) in settings.iter().enumerate() {
        let path = format!("safetySettings[{index}]");
        let setting: Setting<'_> = part(&path, raw)?;
        let threshold = setting.threshold.as_deref().unwrap_or_default();
        if !matches!(
            threshold,
            "BLOCK_NONE" | "OFF" | "HARM_BLOCK_THRESHOLD_UNSPECIFIED" | ""
        ) {
            let param = format!("{path}.threshold");
            ask.beyond.push(Beyond { param });
        }
    }
    Ok(())
}
