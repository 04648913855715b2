//! The tool calls of one choice of a stream: which is meant by a fragment, and when its arguments are whole. Called by the reader.
//!
//! Must never keep arguments: only how deep they stand in brackets.

use super::read_reply::signature;
use super::reader::Out;
use crate::json::{members, number, string};
use crate::talk::{Kind, Piece};

/// More calls at once than any model makes; what is beyond is not read.
const MOST: usize = 256;

/// Longer than any id; one is made in its place.
const MOST_ID: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Call {
    /// As the provider counts.
    index: u64,
    id: String,
    block: u32,
    open: bool,
    arguments: Nesting,
}

impl Calls {
    pub(super) fn any(&self) -> bool {
        !self.calls.is_empty()
    }

    /// One of a delta's `tool_calls`. `made` is what ids are made of, where the server gives none.
    pub(super) fn delta(&mut self, call: &str, next: &mut u32, made: &str, out: &mut Out<'_>) {
        let names = ["index", "id", "function", "extra_content"];
        let Some([index, id, function, extra]) = members(call, names) else {
            return;
        };
        let id = string(id).unwrap_or_default();
        let [name, arguments] = function
            .and_then(|function| members(function, ["name", "arguments"]))
            .unwrap_or_default();
        let name = string(name).unwrap_or_default();
        let Some(at) = self.meant(number(index), &id, &name) else {
            if name.is_empty() || self.calls.len() == MOST {
                return;
            }
            let index = number(index).unwrap_or(self.calls.len() as u64);
            let id = match id.is_empty() || id.len() > MOST_ID {
                true => format!("call_{made}_{}_{}", out.index, self.calls.len()),
                false => id,
            };
            self.open(index, (id, name), next, out);
            return self.more(self.calls.len() - 1, arguments, extra, out);
        };
        self.more(at, arguments, extra, out);
    }

    /// That of the same index, unless it has another id: then a server counts none of them.
    fn meant(&self, index: Option<u64>, id: &str, name: &str) -> Option<usize> {
        let other = |call: &Call| !id.is_empty() && !name.is_empty() && call.id != id;
        let found = match index {
            Some(index) => self.calls.iter().rposition(|call| call.index == index)?,
            None if name.is_empty() => self.calls.len().checked_sub(1)?,
            None => self
                .calls
                .iter()
                .rposition(|call| !id.is_empty() && call.id == id)?,
        };
        (!other(self.calls.get(found)?)).then_some(found)
    }

    fn open(
        &mut self,
        index: u64,
        (id, name): (String, String),
        next: &mut u32,
        out: &mut Out<'_>,
    ) {
        let block = *next;
        *next += 1;
        let kind = Kind::ToolCall {
            id: id.clone(),
            name,
        };
        out.open(block, kind);
        self.calls.push(Call {
            index,
            id,
            block,
            open: true,
            arguments: Nesting::default(),
        });
    }

    fn more(&mut self, at: usize, arguments: Option<&str>, extra: Option<&str>, out: &mut Out<'_>) {
        let Some(call) = self.calls.get_mut(at).filter(|call| call.open) else {
            return;
        };
        let (choice, block) = (out.index, call.block);
        if let Some(sealed) = extra.and_then(signature) {
            out.pieces.push(Piece::Seal {
                choice,
                block,
                sealed,
            });
        }
        // Ollama's older servers send an object.
        let text = arguments.and_then(|raw| match raw.starts_with('{') {
            true => Some(raw.to_owned()),
            false => string(Some(raw)),
        });
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return;
        };
        call.arguments.read(&text);
        out.pieces.push(Piece::Arguments {
            choice,
            block,
            text,
        });
        if call.arguments.is_whole() {
            call.open = false;
            out.close(block);
        }
    }

    /// All that are open. A call without arguments has none: `{}`.
    pub(super) fn close(&mut self, out: &mut Out<'_>) {
        for call in self.calls.iter_mut().filter(|call| call.open) {
            call.open = false;
            let (choice, block) = (out.index, call.block);
            if !call.arguments.begun {
                let text = "{}".to_owned();
                out.pieces.push(Piece::Arguments {
                    choice,
                    block,
                    text,
                });
            }
            out.close(block);
        }
    }
}

/// How deep a JSON text stands, read in fragments.
#[derive(Debug, Default)]
struct Nesting {
    begun: bool,
    depth: u64,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    fn read(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            self.begun |= !byte.is_ascii_whitespace();
        }
    }

    fn is_whole(&self) -> bool {
        self.begun && self.depth == 0 && !self.in_string
    }
}
