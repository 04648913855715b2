//! Calls of tools in a stream. Called by the writer of streams.

use super::{Open, Writer};
use crate::openai::responses::event::Event;
use crate::openai::responses::output::{IN_PROGRESS, Item};
use crate::openai::responses::write_reply::seal_of;

impl Writer {
    pub(super) fn argument(&mut self, block: u32, text: &str, out: &mut Vec<u8>) {
        let Some(item) = self.announced(block, out) else {
            return;
        };
        if let Some(Item::FunctionCall { id, arguments, .. }) = self.items.get_mut(item) {
            arguments.push_str(text);
            let event = Event::ArgumentsDelta {
                item_id: id,
                output_index: item,
                delta: text,
            };
            event.write(&mut self.number, out);
        }
    }

    /// Announces a call that has not been, its seal first.
    pub(super) fn announced(&mut self, block: u32, out: &mut Vec<u8>) -> Option<usize> {
        let place = self.place(block)?;
        let (call_id, name, seal) = match self.open.get_mut(place) {
            Some((
                _,
                Open::Call {
                    item: Some(item), ..
                },
            )) => return Some(*item),
            Some((
                _,
                Open::Call {
                    call_id,
                    name,
                    seal,
                    ..
                },
            )) => (call_id.clone(), name.clone(), seal.take()),
            _ => return None,
        };
        if let Some(sealed) = seal {
            let seal = seal_of(&sealed, &self.asked, self.items.len());
            let item = self.add(seal, out);
            self.done(item, out);
        }
        let call = Item::FunctionCall {
            id: self.next_id("fc"),
            status: IN_PROGRESS,
            call_id,
            name,
            arguments: String::new(),
        };
        let added = self.add(call, out);
        if let Some((_, Open::Call { item, .. })) = self.open.get_mut(place) {
            *item = Some(added);
        }
        Some(added)
    }

    pub(super) fn call_done(&mut self, output_index: usize, out: &mut Vec<u8>) {
        if let Some(Item::FunctionCall {
            id,
            name,
            arguments,
            ..
        }) = self.items.get_mut(output_index)
        {
            if arguments.is_empty() {
                arguments.push_str("{}");
            }
            let event = Event::ArgumentsDone {
                item_id: id,
                output_index,
                name,
                arguments,
            };
            event.write(&mut self.number, out);
        }
        self.done(output_index, out);
    }
}
