//! The events of a response's stream, as they are written: named, and counted from 0. Called by `writer`.

use super::output::{Item, Part, Response, Summary};
use crate::json::pen;
use serde::Serialize;
use serde_json::Value;

/// Each but its name and its number.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Event<'a> {
    Created {
        response: Response<'a>,
    },
    InProgress {
        response: Response<'a>,
    },
    Completed {
        response: Response<'a>,
    },
    Incomplete {
        response: Response<'a>,
    },
    Failed {
        response: Response<'a>,
    },
    ItemAdded {
        output_index: usize,
        item: &'a Item,
    },
    ItemDone {
        output_index: usize,
        item: &'a Item,
    },
    PartAdded {
        #[serde(flatten)]
        at: At<'a>,
        part: &'a Part,
    },
    PartDone {
        #[serde(flatten)]
        at: At<'a>,
        part: &'a Part,
    },
    TextDone {
        item_id: &'a str,
        output_index: usize,
        content_index: usize,
        text: &'a str,
        logprobs: &'a [Value],
    },
    Annotation {
        #[serde(flatten)]
        at: At<'a>,
        annotation_index: usize,
        annotation: &'a Value,
    },
    RefusalDelta {
        item_id: &'a str,
        output_index: usize,
        content_index: usize,
        delta: &'a str,
    },
    RefusalDone {
        item_id: &'a str,
        output_index: usize,
        content_index: usize,
        refusal: &'a str,
    },
    ArgumentsDelta {
        item_id: &'a str,
        output_index: usize,
        delta: &'a str,
    },
    ArgumentsDone {
        item_id: &'a str,
        output_index: usize,
        name: &'a str,
        arguments: &'a str,
    },
    SummaryAdded {
        item_id: &'a str,
        output_index: usize,
        summary_index: usize,
        part: Summary,
    },
    SummaryDelta {
        item_id: &'a str,
        output_index: usize,
        summary_index: usize,
        delta: &'a str,
    },
    SummaryDone {
        item_id: &'a str,
        output_index: usize,
        summary_index: usize,
        text: &'a str,
    },
    SummaryPartDone {
        item_id: &'a str,
        output_index: usize,
        summary_index: usize,
        part: &'a Summary,
    },
}

/// Where in the output.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct At<'a> {
    pub(super) item_id: &'a str,
    pub(super) output_index: usize,
    pub(super) content_index: usize,
}

#[derive(Serialize)]
struct Numbered<'e, 'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    event: &'e Event<'a>,
    sequence_number: u64,
}

impl Event<'_> {
    fn name(&self) -> &'static str {
        match self {
            Event::Created { .. } => "response.created",
            Event::InProgress { .. } => "response.in_progress",
            Event::Completed { .. } => "response.completed",
            Event::Incomplete { .. } => "response.incomplete",
            Event::Failed { .. } => "response.failed",
            Event::ItemAdded { .. } => "response.output_item.added",
            Event::ItemDone { .. } => "response.output_item.done",
            Event::PartAdded { .. } => "response.content_part.added",
            Event::PartDone { .. } => "response.content_part.done",
            Event::TextDone { .. } => "response.output_text.done",
            Event::Annotation { .. } => "response.output_text.annotation.added",
            Event::RefusalDelta { .. } => "response.refusal.delta",
            Event::RefusalDone { .. } => "response.refusal.done",
            Event::ArgumentsDelta { .. } => "response.function_call_arguments.delta",
            Event::ArgumentsDone { .. } => "response.function_call_arguments.done",
            Event::SummaryAdded { .. } => "response.reasoning_summary_part.added",
            Event::SummaryDelta { .. } => "response.reasoning_summary_text.delta",
            Event::SummaryDone { .. } => "response.reasoning_summary_text.done",
            Event::SummaryPartDone { .. } => "response.reasoning_summary_part.done",
        }
    }

    /// With the next number.
    pub(super) fn write(&self, sequence_number: &mut u64, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(self.name().as_bytes());
        out.extend_from_slice(b"\ndata: ");
        let numbered = Numbered {
            kind: self.name(),
            event: self,
            sequence_number: *sequence_number,
        };
        *sequence_number += 1;
        // Structs of strings and numbers always serialise.
        let _ = serde_json::to_writer(&mut *out, &numbered);
        out.extend_from_slice(b"\n\n");
    }
}

/// `response.output_text.delta`, which nearly every event is: written by hand.
pub(super) fn text_delta(at: At<'_>, delta: &str, number: &mut u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: response.output_text.delta\ndata: ");
    out.extend_from_slice(br#"{"type":"response.output_text.delta","item_id":"#);
    pen::value(out, at.item_id);
    out.extend_from_slice(br#","output_index":"#);
    pen::value(out, &at.output_index);
    out.extend_from_slice(br#","content_index":"#);
    pen::value(out, &at.content_index);
    out.extend_from_slice(br#","delta":"#);
    pen::value(out, delta);
    out.extend_from_slice(br#","logprobs":[],"sequence_number":"#);
    pen::value(out, number);
    *number += 1;
    out.extend_from_slice(b"}\n\n");
}
