//! The conversation, written as `system` and `messages`. Called by `write_ask`.
//!
//! Turns of one role in a row become one; what tools answered comes first in it. Instructions within the conversation stay where they
//! are if the model takes them there (after the user, and before the assistant or last), and move to the others at its head if not.

use super::write_blocks::{Said, write_block};
use crate::anthropic::claude::Claude;
use crate::fields;
use crate::json::pen::Object;
use crate::talk::{Ask, Block, Role, Turn};
use crate::translate::Unsayable;

struct Group<'a> {
    role: &'static str,
    said: Vec<Said<'a>>,
}

/// Whether thoughts were left out.
pub(super) fn write_turns(
    object: &mut Object<'_>,
    ask: &Ask,
    claude: &Claude<'_>,
) -> Result<bool, Unsayable> {
    let (mut head, mut groups) = (Vec::new(), Vec::<Group<'_>>::new());
    for (index, turn) in ask.turns.iter().enumerate() {
        let role = match turn.role {
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::System | Role::Developer if stays(&ask.turns, index, &groups, claude) => "system",
            Role::System | Role::Developer => {
                hear(&mut head, index, turn);
                continue;
            }
        };
        match groups.last_mut() {
            Some(group) if group.role == role => hear(&mut group.said, index, turn),
            _ => {
                let mut said = Vec::new();
                hear(&mut said, index, turn);
                groups.push(Group { role, said });
            }
        }
    }
    // Somebody must ask: instructions alone are what the user says.
    if groups.is_empty() {
        let said = std::mem::take(&mut head);
        let role = "user";
        groups.push(Group { role, said });
    }
    check_prefill(ask, claude)?;
    let mut removed = write_system(object, &head, ask)?;
    let mut messages = object.list("messages");
    let last = groups.len().saturating_sub(1);
    for (at, group) in groups.iter_mut().enumerate() {
        removed |= group.prepare(at == last);
        let Some(first) = group.said.first() else {
            if group.role == "assistant" {
                continue;
            }
            return Err(empty(ask));
        };
        let turn = first.turn;
        let mut message = messages.object();
        message.member("role", group.role);
        let mut content = message.list("content");
        for said in &group.said {
            write_block(&mut content, said).map_err(|why| unsayable(ask, said.turn, why))?;
        }
        if content.is_empty() {
            return Err(unsayable(ask, turn, "Anthropic's API takes no empty turn"));
        }
    }
    Ok(removed)
}

fn unsayable(ask: &Ask, turn: usize, why: &str) -> Unsayable {
    Unsayable {
        param: fields::turn(ask, turn),
        why: why.into(),
    }
}

fn empty(ask: &Ask) -> Unsayable {
    let turn = ask.turns.iter().rposition(|turn| turn.role == Role::User);
    unsayable(
        ask,
        turn.unwrap_or(0),
        "Anthropic's API takes no empty turn",
    )
}

fn hear<'a>(said: &mut Vec<Said<'a>>, index: usize, turn: &'a Turn) {
    let mut name = turn.name.as_deref();
    said.extend(turn.blocks.iter().map(|block| Said {
        turn: index,
        // Who speaks is told with the first of what is said.
        name: name.take_if(|_| matches!(block, Block::Text { .. })),
        block,
        trimmed: false,
    }));
}

fn stays(turns: &[Turn], index: usize, before: &[Group<'_>], claude: &Claude<'_>) -> bool {
    let is_instruction = |turn: &&Turn| matches!(turn.role, Role::System | Role::Developer);
    let next = turns.iter().skip(index).find(|turn| !is_instruction(turn));
    let after_user = before.last().is_some_and(|group| group.role != "assistant");
    let before_assistant = next.is_none_or(|turn| turn.role == Role::Assistant);
    claude.takes_instructions_within() && after_user && before_assistant
}

fn check_prefill(ask: &Ask, claude: &Claude<'_>) -> Result<(), Unsayable> {
    let last = ask.turns.len().saturating_sub(1);
    match ask.turns.last() {
        Some(turn) if turn.role == Role::Assistant && !claude.can_be_prefilled() => Err(unsayable(
            ask,
            last,
            "this model does not go on with the assistant's turn",
        )),
        _ => Ok(()),
    }
}

fn write_system(object: &mut Object<'_>, head: &[Said<'_>], ask: &Ask) -> Result<bool, Unsayable> {
    if head.iter().all(Said::is_empty) {
        return Ok(false);
    }
    let mut system = object.list("system");
    for said in head.iter().filter(|said| !said.is_empty()) {
        match said.block {
            Block::Text { .. } => {
                write_block(&mut system, said).map_err(|why| unsayable(ask, said.turn, why))?;
            }
            _ => return Err(unsayable(ask, said.turn, "instructions are text")),
        }
    }
    Ok(false)
}

impl Group<'_> {
    /// Leaves out what is empty or foreign, and puts tools' answers first. Whether thoughts were left out.
    fn prepare(&mut self, last: bool) -> bool {
        let removed = self.said.iter().any(Said::is_foreign);
        self.said
            .retain(|said| !said.is_empty() && !said.is_foreign_thought());
        if self.role == "user" {
            let answers = |said: &Said<'_>| matches!(said.block, Block::ToolResult { .. });
            self.said.sort_by_key(|said| !answers(said));
        }
        // It goes on with the last words, and does not take blanks at their end.
        if let Some(said) = self
            .said
            .last_mut()
            .filter(|_| last && self.role == "assistant")
        {
            said.trimmed = true;
        }
        removed
    }
}
