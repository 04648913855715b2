//! A stream of events as one JSON array, which is how Gemini's API streams to whoever does not ask for events.
//!
//! Called by the relay, where provider and caller both speak Gemini's API: each event's data becomes an element, byte for byte. Must
//! never end the array of a stream that broke without saying so in it.

use super::Events;

/// The array of one stream.
#[derive(Debug, Default)]
pub struct Array {
    events: Events,
    any: bool,
}

impl Array {
    /// Before the first byte.
    pub fn new() -> Array {
        Array::default()
    }

    /// What the caller gets for the provider's next bytes; empty: nothing yet.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for event in self.events.push(chunk).into_iter().flatten() {
            self.element(&event.data, &mut out);
        }
        out
    }

    /// The same at the end of the provider's bytes.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(event) = self.events.finish() {
            self.element(&event.data, &mut out);
        }
        out.extend_from_slice(if self.any { b"]" } else { b"[]" });
        out
    }

    /// Ends it with an error as its last element.
    pub fn fail(&mut self, error: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        self.element(error, &mut out);
        out.push(b']');
        out
    }

    fn element(&mut self, data: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(if self.any { b",\r\n" } else { b"[" });
        out.extend_from_slice(data);
        self.any = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_an_element_however_the_stream_is_cut() {
        let stream = b"data: {\"a\":1}\r\n\r\ndata: {\"b\": [2 ]}\n\ndata: {}";
        for size in 1..stream.len() {
            let mut array = Array::new();
            let mut out = Vec::new();
            stream
                .chunks(size)
                .for_each(|chunk| out.extend(array.push(chunk)));
            out.extend(array.finish());
            assert_eq!(out, b"[{\"a\":1},\r\n{\"b\": [2 ]},\r\n{}]");
        }
    }

    #[test]
    fn an_array_is_json_also_where_nothing_or_an_error_came() {
        assert_eq!(Array::new().finish(), b"[]");
        let mut array = Array::new();
        let mut out = array.push(b"data: {}\n\n");
        out.extend(array.fail(b"{\"error\":{}}"));
        assert_eq!(out, b"[{},\r\n{\"error\":{}}]");
    }
}
