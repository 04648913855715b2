//! Ids with their seals, and without.

use super::*;
use crate::splice::splice;
use crate::state::items_for;
use bytes::Bytes;

const SEALED: &str = "resp_ab12_px0123456789abcdef";

#[test]
fn a_sealed_id_says_whose_it_is_and_where_it_stands() {
    let body = format!(r#"{{"model":"m","previous_response_id": "{SEALED}","input":"x"}}"#);
    let found = kept(body.as_bytes());
    let [one] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(one.param, "previous_response_id");
    assert_eq!(
        (one.id.as_str(), one.seal.as_deref()),
        ("resp_ab12", Some("0123456789abcdef"))
    );
    assert_eq!(
        body.get(one.span.clone().unwrap()),
        Some(format!("\"{SEALED}\"").as_str())
    );
}

#[test]
fn ids_that_came_another_way_have_no_seal() {
    for (body, param, id) in [
        (
            r#"{"previous_response_id":"resp_1"}"#,
            "previous_response_id",
            "resp_1",
        ),
        (
            r#"{"previous_response_id":"resp_1_px12"}"#,
            "previous_response_id",
            "resp_1_px12",
        ),
        (
            r#"{"previous_response_id":"_px0123456789abcdef"}"#,
            "previous_response_id",
            "_px0123456789abcdef",
        ),
        (r#"{"conversation":"conv_1"}"#, "conversation", "conv_1"),
        (
            r#"{"conversation":{"id":"conv_1"}}"#,
            "conversation",
            "conv_1",
        ),
        (
            r#"{"input":["x",{"type":"item_reference","id":"msg_1"}]}"#,
            "input",
            "msg_1",
        ),
    ] {
        let found = kept(body.as_bytes());
        let [one] = found.as_slice() else {
            panic!("{body}: {found:?}")
        };
        assert_eq!(
            (one.param, one.id.as_str(), &one.seal),
            (param, id, &None),
            "{body}"
        );
    }
}

#[test]
fn a_request_that_names_nothing_kept_has_none() {
    for body in [
        r#"{"input":"previous_response_id"}"#,
        r#"{"previous_response_id":null,"conversation":null}"#,
        r#"{"input":[{"role":"user","content":"x"}]}"#,
        r#"{"previous_response_id":7}"#,
        "[]",
        "",
        "\u{0}",
    ] {
        assert_eq!(kept(body.as_bytes()), [], "{body}");
    }
}

#[test]
fn an_answers_id_is_found_however_much_of_it_is_there() {
    let whole = br#"{"object":"response","id":"resp_1","output":[{"id":"msg_1"}]}"#;
    assert_eq!(answer_id(whole).as_deref(), Some("resp_1"));
    assert_eq!(answer_id(&whole[..50]).as_deref(), Some("resp_1"));
    assert_eq!(answer_id(br#"{"output":[{"id":"msg_1"}]}"#), None);
    assert_eq!(
        answer_id(br#"{"id":"a\"b"}"#),
        None,
        "it would be spelt otherwise"
    );
    let events = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_2\"}}\n\ndata: {\"typ";
    assert_eq!(stream_id(events.as_bytes()).as_deref(), Some("resp_2"));
    assert_eq!(stream_id(b"data: {\"id\":\"resp_2\"}\n\n"), None);
}

#[test]
fn however_a_stream_is_cut_the_same_strings_are_replaced() {
    let text = r#"{"id":"resp_1","text":"\"resp_1\" and \"","previous_response_id":"resp_0","x":"resp_11","y":["resp_1"],"z":""#;
    let expected = r#"{"id":"resp_1_pxS","text":"\"resp_1\" and \"","previous_response_id":"resp_0_pxS","x":"resp_11","y":["resp_1_pxS"],"z":""#;
    let pairs = [("resp_1", "resp_1_pxS"), ("resp_0", "resp_0_pxS")];
    for size in 1..=text.len() {
        let mut renames = Renames::new(&pairs);
        let mut out = Vec::new();
        for chunk in text.as_bytes().chunks(size) {
            out.extend_from_slice(&renames.push(Bytes::copy_from_slice(chunk)));
        }
        out.extend(renames.finish().unwrap_or_default());
        assert_eq!(
            String::from_utf8(out).unwrap(),
            expected,
            "cut every {size} bytes"
        );
    }
    let whole = Renames::new(&pairs).whole(text.into());
    assert_eq!(whole, expected);
}

#[test]
fn what_cannot_be_the_beginning_of_an_id_is_never_kept_back() {
    let mut renames = Renames::new(&[("resp_1", "resp_1_pxS")]);
    for chunk in ["data: {\"delta\":\"x\"}\n\n", "resp_", "\"res\","] {
        assert_eq!(renames.push(chunk.into()), chunk);
    }
    assert_eq!(renames.push("a \"res".into()), "a ");
    assert_eq!(renames.push("t\",".into()), "\"rest\",");
    assert_eq!(renames.finish(), None);
}

#[test]
fn however_an_answer_is_cut_the_ids_of_its_thoughts_are_sealed() {
    let text = r#"{"id":"resp_1","output":[{"type":"reasoning","id":"rs_0a-b"},{"id":"msg_1"}],"item_id":"rs_2","text":"say \"rs_3\" or rs_4","s":"rs_5_px0123456789abcdef","t":"rs_6 is","u":"rs_"#;
    let expected = r#"{"id":"resp_1_pxS","output":[{"type":"reasoning","id":"rs_0a-b_pxS"},{"id":"msg_1"}],"item_id":"rs_2_pxS","text":"say \"rs_3\" or rs_4","s":"rs_5_px0123456789abcdef","t":"rs_6 is","u":"rs_"#;
    for size in 1..=text.len() {
        let mut renames = Renames::new(&[("resp_1", "resp_1_pxS")]).sealing("S");
        let mut out = Vec::new();
        for chunk in text.as_bytes().chunks(size) {
            out.extend_from_slice(&renames.push(Bytes::copy_from_slice(chunk)));
        }
        out.extend(renames.finish().unwrap_or_default());
        assert_eq!(String::from_utf8_lossy(&out), expected, "chunks of {size}");
    }
}

#[test]
fn a_thought_goes_back_to_its_account_alone() {
    let seal = "0123456789abcdef";
    let body = format!(
        r#"{{"input":[{{"type":"reasoning","id":"rs_1_px{seal}","summary":[]}},{{"role":"user","content":"x"}},{{"type":"item_reference","id":"rs_2_px{seal}"}}]}}"#
    );
    assert_eq!(thinks_at(body.as_bytes()).as_deref(), Some(seal));
    let given = |to: &str| {
        let (edit, removed) = items_for(body.as_bytes(), to).unwrap();
        let body = splice(&Bytes::copy_from_slice(body.as_bytes()), &mut [edit]);
        (String::from_utf8_lossy(&body).into_owned(), removed)
    };
    let own = r#"{"input":[{"type":"reasoning","id":"rs_1","summary":[]},{"role":"user","content":"x"},{"type":"item_reference","id":"rs_2"}]}"#;
    assert_eq!(given(seal), (own.to_owned(), false));
    let other =
        r#"{"input":[{"role":"user","content":"x"},{"type":"item_reference","id":"rs_2"}]}"#;
    assert_eq!(given("fedcba9876543210"), (other.to_owned(), true));
    let named = kept(body.as_bytes());
    assert_eq!(
        (named[0].id.as_str(), named[0].seal.as_deref()),
        ("rs_2", Some(seal))
    );
    assert_eq!(
        items_for(br#"{"input":[{"id":"rs_1","type":"reasoning"}]}"#, seal),
        None
    );
}

#[test]
fn what_was_given_an_id_here_is_of_no_account() {
    let seal = "0123456789abcdef";
    let uuid = "5f0c1d2e-0000-4a00-8b00-00000000000f";
    let given = |items: &str| {
        let body = Bytes::from(format!(r#"{{"input":[{items}]}}"#));
        let (edit, removed) = items_for(&body, seal)?;
        let sent = splice(&body, &mut [edit]);
        Some((String::from_utf8_lossy(&sent).into_owned(), removed))
    };
    let thought = format!(r#"{{"type":"reasoning","id":"rs_{uuid}_0","summary":[]}}"#);
    let call = format!(r#"{{"id":"fc_{uuid}_12","type":"function_call"}}"#);
    let sent = r#"{"input":[{"type":"function_call"}]}"#.to_owned();
    assert_eq!(given(&call), Some((sent.clone(), false)));
    assert_eq!(given(&format!("{thought},{call}")), Some((sent, true)));
    let own = format!(r#"{{"id":"rs_{uuid}_0_px{seal}","type":"reasoning"}}"#);
    let sent = format!(r#"{{"input":[{{"id":"rs_{uuid}_0","type":"reasoning"}}]}}"#);
    assert_eq!(given(&own), Some((sent, false)), "it has a seal");
    for other in [
        format!(r#"{{"id":"fc_{uuid}_","type":"function_call"}}"#),
        format!(r#"{{"id":"call_{uuid}_0","type":"function_call"}}"#),
        r#"{"id":7,"type":"function_call"},{"id":"#.to_owned(),
        r#"{"id":"fc_68af0c5d1e2c8195","type":"function_call"}"#.to_owned(),
        format!(r#"{{"role":"user","content":"\"id\":\"rs_{uuid}_0\""}}"#),
    ] {
        assert_eq!(given(&other), None, "{other}");
    }
}

#[test]
fn the_earlier_answer_is_read_where_its_provider_says_it() {
    for (answer, earlier) in [
        (
            r#"{"id":"a","previous_response_id" : "resp_0","x":1}"#,
            Some("resp_0"),
        ),
        (r#"{"previous_response_id":null}"#, None),
        (r#"{"previous_response_id":"re"#, None),
        (r#"{"text":"\"previous_response_id\":\"resp_9\""}"#, None),
    ] {
        assert_eq!(
            earlier_id(answer.as_bytes()).as_deref(),
            earlier,
            "{answer}"
        );
    }
}
