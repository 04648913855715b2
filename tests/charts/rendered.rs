//! What Helm renders, compared with what lies in `cases`. `UPDATE_GOLDEN=1` rewrites it; read the diff.

use purser_tests::helm::{CASES, FOR, chart, helm, template, values};

#[test]
fn what_each_set_of_values_renders_is_what_was_read_before() {
    let mut old = Vec::new();
    for case in CASES {
        let rendered = template(case).unwrap();
        let path = values(case).replace(".values.", ".rendered.");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &rendered).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != rendered {
            old.push(path);
        }
    }
    assert!(
        old.is_empty(),
        "not what the charts render now; UPDATE_GOLDEN=1 writes them anew, read the diff: {old:#?}"
    );
}

#[test]
fn helm_has_nothing_to_say_against_the_charts() {
    let strict = ["lint", "--strict", "--quiet", FOR];
    for case in CASES {
        let (chart, values) = (chart("purser"), values(case));
        let said = helm(&[&strict[..], &[&chart, "-f", &values]].concat()).unwrap();
        assert!(said.good, "{case}: {}{}", said.out, said.err);
    }
    let said = helm(&[&strict[..], &[&chart("purser-crds")]].concat()).unwrap();
    assert!(said.good, "{}{}", said.out, said.err);
}
