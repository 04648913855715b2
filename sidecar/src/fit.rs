//! Whether a model can do what a call asks of it, before anything is sent: capabilities, context, output. Called by `gateway`, which
//! passes over the channels whose model cannot and refuses the call when none can. Pure.
//!
//! What a model does not say of itself is not checked. Tokens are estimates (docs/tokens.md): a model's own context is refused by the
//! least that the call can have, since the provider counts exactly; a plan's share of it by what it has about.

use crate::call::Call;
use crate::reject::{Fault, Reject};
use crate::snapshot::Serving;
use purser_config::{Capability, Endpoint, Model};
use purser_dialects::{
    Dialect, Medium, Needs, Wire, check_tools, estimate, is_plain, media_beside, needs,
};

/// A call's room at those who can carry it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// What it shows at an address; these are to be looked at.
    pub media: Vec<Medium>,
    /// The most tokens of one answer that the plan's share of the context leaves.
    pub most_output: Option<u64>,
    /// Whether its body is known to be text alone, see [`is_plain`].
    pub plain: bool,
    /// What it gives that lies at a provider: the member, and the provider's own name for it.
    pub file: Option<(String, String)>,
}

/// What a call asks for, in numbers.
struct Asked<'a> {
    needs: &'a Needs,
    body: &'a [u8],
    /// What an answer may have, as far as caller and plan say.
    output: Option<u64>,
    /// The plan's share of a context, below 100.
    percent: Option<u64>,
}

/// What a model lacks for it.
#[derive(Debug, PartialEq, Eq)]
enum Lack {
    Capability(Capability, String),
    /// Its provider's API knows no JSON schema, whatever is said of the model.
    Schemas(String),
    /// The tokens that the call has at least, and those that there is room for, of the plan or the model.
    Context {
        has: u64,
        room: u64,
        of_plan: bool,
    },
    Output {
        asked: u64,
        most: u64,
    },
}

/// Leaves of `serving` those whose model can.
///
/// # Errors
/// 400 that names the member at fault when none can, or when a tool's parameters are no JSON Schema.
pub fn fit(call: &Call, serving: &mut Vec<Serving>) -> Result<Room, Reject> {
    let Some(wire) = Wire::of(call.dialect, call.endpoint) else {
        let mut media = media_beside(call.dialect, call.endpoint, &call.body);
        media.retain(|medium| medium.url.is_some());
        return Ok(Room {
            media,
            ..Room::default()
        });
    };
    if call.scan.says.has_tools() {
        check_tools(wire, &call.body).map_err(|fault| Reject::Invalid {
            code: Fault::Value,
            param: fault.param,
            message: fault.message,
        })?;
    }
    let plain = is_plain(wire, &call.body, &call.scan);
    let needs = match plain && call.scan.says.is_plain() {
        true => Needs::default(),
        false => needs(wire, &call.body, call.scan.says),
    };
    let plan = call.caller.plan.as_deref();
    let most = plan.and_then(|plan| plan.max_output_tokens);
    let asked = Asked {
        needs: &needs,
        body: &call.body,
        output: lower(call.output_limit(), most),
        percent: plan
            .and_then(|plan| plan.context_percent)
            .filter(|percent| *percent < 100)
            .map(u64::from),
    };
    asked
        .leave(wire, serving)
        .map_err(|(lack, model)| lack.reject(&model, call))?;
    let most_output = asked.room(serving.iter().map(Serving::model));
    let mut media = needs.media;
    let lying = |medium: &Medium| Some((medium.path.clone(), medium.file.clone()?));
    let file = media.iter().find_map(lying);
    media.retain(|medium| medium.url.is_some());
    Ok(Room {
        media,
        most_output,
        plain,
        file,
    })
}

/// The lower of what the caller asks and the plan allows.
fn lower(asked: Option<u64>, most: Option<u64>) -> Option<u64> {
    let asked = asked?;
    Some(most.map_or(asked, |most| asked.min(most)))
}

impl Asked<'_> {
    /// Leaves those who can; where none can, what the first one lacks.
    fn leave(&self, wire: Wire, serving: &mut Vec<Serving>) -> Result<(), (Lack, String)> {
        let mut lack = None;
        serving.retain(|one| {
            let found = self.lacks(one.model()).or_else(|| self.unknown(one, wire));
            let can = found.is_none();
            lack = lack
                .take()
                .or(found.map(|found| (found, one.model().name.clone())));
            can
        });
        match lack {
            Some(lack) if serving.is_empty() => Err(lack),
            _ => Ok(()),
        }
    }

    fn lacks(&self, model: &Model) -> Option<Lack> {
        if let Some(can) = &model.capabilities {
            let lacking = self.needs.of.iter().find(|(what, _)| !can.contains(what));
            if let Some((what, param)) = lacking {
                return Some(Lack::Capability(*what, param.clone()));
            }
        }
        if let (Some(asked), Some(most)) = (self.output, model.max_output_tokens)
            && asked > most
        {
            return Some(Lack::Output { asked, most });
        }
        self.too_long(model)
    }

    /// What the provider's API does not have, whatever is said of its models: a channel of the caller's own API is sent what it wrote.
    fn unknown(&self, serving: &Serving, wire: Wire) -> Option<Lack> {
        let has_schemas = wire != Wire::Chat || serving.quirks().json_schema;
        let mut needs = self.needs.of.iter();
        let (_, param) = needs.find(|(what, _)| *what == Capability::JsonSchema && !has_schemas)?;
        Some(Lack::Schemas(param.clone()))
    }

    fn too_long(&self, model: &Model) -> Option<Lack> {
        let context = model.context_length?;
        let short = self.needs.media.is_empty();
        let share = self.share(context);
        // Nothing has more tokens than bytes, unless it shows something.
        if short && (self.body.len() as u64) < share {
            return None;
        }
        if let Some(room) = self.percent.map(|_| share) {
            let has = estimate::about(self.body);
            let of_plan = true;
            return (has >= room).then_some(Lack::Context { has, room, of_plan });
        }
        let (has, room) = (estimate::at_least(self.body), context);
        let of_plan = false;
        (has >= room).then_some(Lack::Context { has, room, of_plan })
    }

    fn share(&self, context: u64) -> u64 {
        let percent = self.percent.unwrap_or(100);
        (context.saturating_mul(percent) / 100).max(1)
    }

    /// What the plan's share of the smallest context leaves for an answer.
    fn room<'m>(&self, models: impl Iterator<Item = &'m Model>) -> Option<u64> {
        self.percent?;
        let least = models.filter_map(|model| model.context_length).min()?;
        let left = self.share(least).saturating_sub(estimate::about(self.body));
        Some(left.max(1))
    }
}

impl Lack {
    fn reject(self, model: &str, call: &Call) -> Reject {
        match self {
            Lack::Capability(what, param) => Reject::Invalid {
                message: format!(
                    "The model `{model}` does not support `{param}`: it is configured without the capability {}. GET /v1/models shows what each model can do.",
                    named(what)
                ),
                code: Fault::Unsupported,
                param: Some(param),
            },
            Lack::Schemas(param) => Reject::Invalid {
                message: format!(
                    "The model `{model}` does not support `{param}`: its provider's API keeps to no JSON schema. Ask for a JSON object and describe it in the conversation, or use another model."
                ),
                code: Fault::Unsupported,
                param: Some(param),
            },
            Lack::Output { asked, most } => Reject::Invalid {
                code: Fault::Value,
                param: Some(output_member(call).into()),
                message: format!(
                    "The output limit is too large: {asked}. The model `{model}` writes at most {most} tokens; ask for no more."
                ),
            },
            Lack::Context { has, room, of_plan } => Reject::Invalid {
                code: Fault::ContextLength,
                param: Some(input_member(call).into()),
                message: if of_plan {
                    format!(
                        "The plan `{}` gives {room} tokens of the context of `{model}`, and this request has about {has}. Send less, or ask your administrator for another plan.",
                        call.caller.plan_name
                    )
                } else {
                    format!(
                        "The maximum context length of `{model}` is {room} tokens, and this request has at least {has}. Send less."
                    )
                },
            },
        }
    }
}

fn output_member(call: &Call) -> &'static str {
    match call.endpoint {
        Endpoint::Responses => "max_output_tokens",
        _ if call.dialect == Dialect::Gemini => "generationConfig.maxOutputTokens",
        _ if call.scan.limits.max_completion_tokens.is_some() => "max_completion_tokens",
        _ => "max_tokens",
    }
}

fn input_member(call: &Call) -> &'static str {
    match call.endpoint {
        Endpoint::Responses => "input",
        Endpoint::Completions => "prompt",
        _ if call.dialect == Dialect::Gemini => "contents",
        _ => "messages",
    }
}

/// As people write it in a channel.
pub fn named(what: Capability) -> &'static str {
    match what {
        Capability::Tools => "Tools",
        Capability::Vision => "Vision",
        Capability::JsonSchema => "JsonSchema",
        Capability::Audio => "Audio",
        Capability::Reasoning => "Reasoning",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(can: Option<Vec<Capability>>, context: Option<u64>, output: Option<u64>) -> Model {
        let channel = crate::testing::channel("http://127.0.0.1:1/v1", &["m"]);
        let mut model = channel.models[0].clone();
        (
            model.capabilities,
            model.context_length,
            model.max_output_tokens,
        ) = (can, context, output);
        model
    }

    fn asked<'a>(needs: &'a Needs, body: &'a [u8], percent: Option<u64>) -> Asked<'a> {
        Asked {
            needs,
            body,
            output: Some(100),
            percent,
        }
    }

    #[test]
    fn a_model_that_says_what_it_can_is_held_to_it() {
        let needs = Needs {
            of: vec![
                (Capability::Tools, "tools".into()),
                (Capability::Vision, "messages".into()),
            ],
            media: vec![],
        };
        let asked = asked(&needs, b"{}", None);
        let lacks = |can| asked.lacks(&model(can, None, None));
        assert_eq!(lacks(None), None, "it says nothing of itself");
        assert_eq!(
            lacks(Some(vec![Capability::Vision, Capability::Tools])),
            None
        );
        let lack = |what, param: &str| Some(Lack::Capability(what, param.into()));
        assert_eq!(
            lacks(Some(vec![Capability::Tools])),
            lack(Capability::Vision, "messages")
        );
        assert_eq!(lacks(Some(vec![])), lack(Capability::Tools, "tools"));
    }

    #[test]
    fn an_answer_longer_than_the_model_writes_is_refused() {
        let needs = Needs::default();
        let asked = asked(&needs, b"{}", None);
        assert_eq!(asked.lacks(&model(None, None, Some(100))), None);
        let lack = asked.lacks(&model(None, None, Some(99)));
        assert_eq!(
            lack,
            Some(Lack::Output {
                asked: 100,
                most: 99
            })
        );
    }

    #[test]
    fn a_whole_context_is_refused_by_the_least_and_a_share_by_about() {
        let (needs, body) = (Needs::default(), vec![b'a'; 6_000]);
        let (whole, half) = (asked(&needs, &body, None), asked(&needs, &body, Some(50)));
        let context = |tokens| model(None, Some(tokens), None);
        assert_eq!(whole.lacks(&context(1_001)), None);
        let of = |has, room, of_plan| Some(Lack::Context { has, room, of_plan });
        assert_eq!(whole.lacks(&context(1_000)), of(1_000, 1_000, false));
        assert_eq!(half.lacks(&context(3_002)), None);
        assert_eq!(half.lacks(&context(3_000)), of(1_500, 1_500, true));
        assert_eq!(
            half.room([context(4_000), context(9_000)].iter()),
            Some(500)
        );
        assert_eq!(whole.room([context(4_000)].iter()), None);
    }
}
