//! The events that fill an item and end it. Called by the writer of streams; each is written with the next number.

use crate::openai::responses::event::{At, Event, text_delta};
use crate::openai::responses::output::{Part, Summary};

pub(super) type Out<'o> = (&'o mut u64, &'o mut Vec<u8>);

pub(super) fn said(at: At<'_>, part: Option<&mut Part>, delta: &str, (number, out): Out<'_>) {
    let At {
        item_id,
        output_index,
        content_index,
    } = at;
    let event = match part {
        Some(Part::OutputText { text, .. }) => {
            text.push_str(delta);
            return text_delta(at, delta, number, out);
        }
        Some(Part::Refusal { refusal }) => {
            refusal.push_str(delta);
            Event::RefusalDelta {
                item_id,
                output_index,
                content_index,
                delta,
            }
        }
        None => return,
    };
    event.write(number, out);
}

pub(super) fn part_done(at: At<'_>, part: Option<&Part>, (number, out): Out<'_>) {
    let At {
        item_id,
        output_index,
        content_index,
    } = at;
    let Some(part) = part else { return };
    let event = match part {
        Part::OutputText { text, logprobs, .. } => Event::TextDone {
            item_id,
            output_index,
            content_index,
            text,
            logprobs,
        },
        Part::Refusal { refusal } => Event::RefusalDone {
            item_id,
            output_index,
            content_index,
            refusal,
        },
    };
    event.write(number, out);
    Event::PartDone { at, part }.write(number, out);
}

pub(super) fn thought(
    (item_id, output_index): (&str, usize),
    summary: &mut Vec<Summary>,
    delta: &str,
    (number, out): Out<'_>,
) {
    let summary_index = 0;
    if summary.is_empty() {
        let text = String::new();
        let event = Event::SummaryAdded {
            item_id,
            output_index,
            summary_index,
            part: Summary::SummaryText { text: text.clone() },
        };
        event.write(number, out);
        summary.push(Summary::SummaryText { text });
    }
    if let Some(Summary::SummaryText { text }) = summary.first_mut() {
        text.push_str(delta);
    }
    let event = Event::SummaryDelta {
        item_id,
        output_index,
        summary_index,
        delta,
    };
    event.write(number, out);
}

pub(super) fn thought_done(
    (item_id, output_index): (&str, usize),
    summary: &[Summary],
    (number, out): Out<'_>,
) {
    let Some(part) = summary.first() else { return };
    let Summary::SummaryText { text } = part;
    let summary_index = 0;
    let event = Event::SummaryDone {
        item_id,
        output_index,
        summary_index,
        text,
    };
    event.write(number, out);
    let event = Event::SummaryPartDone {
        item_id,
        output_index,
        summary_index,
        part,
    };
    event.write(number, out);
}
