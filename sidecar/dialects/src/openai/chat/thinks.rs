//! How much a model of OpenAI's family is told to think. Called by `write_ask`; which efforts a model knows is `openai::models`'s.
//!
//! | asked | a model that can be told | one that thinks as it likes | one that never does |
//! |---|---|---|---|
//! | an effort | the nearest that it knows | nothing | refused; where it is a wish (Anthropic's effort), nothing |
//! | so many tokens | the effort that they are worth | nothing | refused |
//! | none | `none`, or the least; nothing where nobody knows the model | nothing | nothing |

use crate::Wire;
use crate::fields::Field;
use crate::json::pen::Object;
use crate::openai::models::{Dial, Whole, dial, whole};
use crate::provider::Thinks;
use crate::talk::{Ask, Effort, Reasoning};
use crate::translate::{Target, Unsayable};

/// What is said of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Thinking {
    /// `reasoning_effort`.
    effort: Option<Effort>,
    /// `thinking: {type}`: whether it does.
    switch: Option<bool>,
    /// `enable_thinking`.
    enable: Option<bool>,
    /// `thinking_budget`.
    budget: Option<u64>,
}

impl Thinking {
    pub(super) fn of(ask: &Ask, target: &Target<'_>) -> Result<Thinking, Unsayable> {
        let quirks = target.quirks;
        let reasoning = ask.reasoning.as_ref();
        if quirks.thinks == Thinks::Budget {
            return budgeted(ask, target.model);
        }
        let Some(reasoning) = reasoning else {
            return Ok(Thinking::default());
        };
        let effort = asked(reasoning);
        if quirks.thinks == Thinks::Switch {
            let still = effort == Some(Effort::None);
            return Ok(Thinking {
                effort: effort.filter(|_| !still),
                switch: Some(!still),
                ..Thinking::default()
            });
        }
        let dial = dial(quirks.models, target.model);
        if dial == Dial::Never && effort.is_some_and(|effort| effort != Effort::None) {
            if is_wish(ask, reasoning) {
                return Ok(Thinking::default());
            }
            return Err(Field::Reasoning.unsayable(ask, "this model does not think first"));
        }
        Ok(Thinking {
            effort: effort.and_then(|effort| dial.nearest(effort)),
            ..Thinking::default()
        })
    }

    /// The effort that goes with the request.
    pub(super) fn told(&self) -> Option<Effort> {
        self.effort
    }

    /// As members of a body.
    pub(super) fn members(&self) -> String {
        let mut body = Vec::new();
        self.write(&mut Object::open(&mut body));
        let object = String::from_utf8(body).unwrap_or_default();
        let inner = object.strip_prefix('{');
        let inner = inner.and_then(|inner| inner.strip_suffix('}'));
        inner.unwrap_or_default().to_owned()
    }

    pub(super) fn write(&self, object: &mut Object<'_>) {
        match self.switch {
            Some(true) => object.raw("thinking", r#"{"type":"enabled"}"#),
            Some(false) => object.raw("thinking", r#"{"type":"disabled"}"#),
            None => {}
        }
        object.some("reasoning_effort", self.effort.map(Effort::as_str));
        object.some("enable_thinking", self.enable.as_ref());
        object.some("thinking_budget", self.budget.as_ref());
    }
}

/// DashScope's way. What its open models think comes in streams alone.
fn budgeted(ask: &Ask, model: &str) -> Result<Thinking, Unsayable> {
    let whole = if ask.stream { Whole::Any } else { whole(model) };
    if whole == Whole::Never {
        return Err(Unsayable {
            param: "stream".into(),
            why: "this model answers in streams alone".into(),
        });
    }
    let still = Thinking {
        enable: Some(false),
        ..Thinking::default()
    };
    let Some(reasoning) = &ask.reasoning else {
        // It thinks unless it is told not to.
        return Ok(match whole {
            Whole::Still => still,
            _ => Thinking::default(),
        });
    };
    let effort = asked(reasoning);
    match whole {
        _ if effort == Some(Effort::None) => Ok(still),
        Whole::Still if is_wish(ask, reasoning) => Ok(still),
        Whole::Still => {
            Err(Field::Reasoning.unsayable(ask, "what this model thinks comes in streams alone"))
        }
        _ => Ok(Thinking {
            enable: Some(true),
            budget: reasoning
                .budget
                .or(effort.map(Effort::budget))
                .filter(|tokens| *tokens > 0),
            ..Thinking::default()
        }),
    }
}

fn asked(reasoning: &Reasoning) -> Option<Effort> {
    reasoning.effort.or(reasoning.budget.map(Effort::of_budget))
}

/// Anthropic's effort is of the whole answer, and what is adaptive may be nothing: Claude Code says both of every model.
fn is_wish(ask: &Ask, reasoning: &Reasoning) -> bool {
    reasoning.budget.is_none() && (ask.wire == Wire::Messages || reasoning.adaptive)
}
