//! The bill as a finance desk and a vendor meet it: signatures that Stripe's own library makes, statements from a real ledger that add up
//! however they are cut, and an invoice that no name can break.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use purser_authority::ledger::{Activate, Bought, Ledger, Sale, Scope, Sender};
use purser_config::price::Tokens;
use purser_config::usage::{Batch, End, Record};
use purser_config::{Endpoint, Name};
use purser_console::bill::{
    Address, Forged, GROUPS, Invoice, Money, Of, Statement, Wanted, Window, check_stripe, csv,
    invoice, statement, stripe_event,
};
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// 2026-11-22T21:52:36Z.
const NOW: u64 = 1_795_384_356_000;

/// The header that Stripe's library makes for this body. Where no Python was named and this machine's has it not, `None`, and a word that
/// no runner hides; tests/run.sh names one.
fn signed(body: &str, secret: &str, at: u64) -> Option<String> {
    let named = std::env::var("PURSER_TEST_PYTHON").ok();
    let python = named.clone().unwrap_or_else(|| "python3".to_owned());
    let script = "import sys, stripe; print(stripe.WebhookSignature.generate_signature_header(sys.argv[1], sys.argv[2], int(sys.argv[3])))";
    let made = Command::new(python)
        .args(["-c", script, body, secret, &at.to_string()])
        .output();
    let made = made.ok().filter(|made| made.status.success());
    if made.is_none() {
        let why = "Stripe's library is not installed here; run tests/toolchain.sh and set PURSER_TEST_PYTHON";
        assert!(named.is_none(), "{why}");
        let line = format!("skipped: {why}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    let header = String::from_utf8(made?.stdout).unwrap();
    Some(header.trim().to_owned())
}

const BODY: &str = r#"{"id":"evt_9","object":"event","type":"checkout.session.completed","created":1795384300,"data":{"object":{"mode":"payment","payment_status":"paid","amount_total":1999,"currency":"eur","metadata":{"purser_key":"shop/web","purser_credits":"12.5","note":"ß ünïcode"}}}}"#;

#[test]
fn a_signature_of_stripes_own_library_is_believed_once_its_body_secret_and_time_are_right() {
    let (secret, at) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NOW / 1_000);
    let Some(header) = signed(BODY, secret, at) else {
        return;
    };
    let secrets = ["whsec_old".to_owned(), secret.to_owned()];
    let window = |now| Window {
        now,
        tolerance: 300,
    };
    let believed = |header: &str, body: &str, now| {
        check_stripe(header, body.as_bytes(), &secrets, window(now))
    };
    assert_eq!(believed(&header, BODY, at + 300), Ok(()));
    for other_time in [at + 301, at - 301] {
        let said = believed(&header, BODY, other_time);
        assert!(matches!(said, Err(Forged::OtherTime { .. })), "{said:?}");
    }
    let dearer = BODY.replace("12.5", "99.5");
    assert_eq!(believed(&header, &dearer, at), Err(Forged::Wrong));
    let later = header.replace(&at.to_string(), &(at + 200).to_string());
    assert_eq!(believed(&later, BODY, at + 200), Err(Forged::Wrong));
    let other = signed(BODY, "whsec_other", at).unwrap();
    assert_eq!(believed(&other, BODY, at), Err(Forged::Wrong));
    // While the endpoint's secret is rolled, Stripe signs with both.
    let both = format!("{other},v1={}", header.split_once("v1=").unwrap().1);
    assert_eq!(believed(&both, BODY, at), Ok(()));
    let payment = stripe_event(BODY.as_bytes()).unwrap().unwrap();
    assert_eq!(payment.key, Name::new("shop", "web"));
    assert_eq!(payment.buys, Bought::Credits(12_500_000));
}

fn call(n: u64) -> Record {
    let namespace = ["shop", "bank"][(n % 2) as usize];
    let name = ["web", "batch"][(n / 2 % 2) as usize];
    Record {
        id: format!("c{n}"),
        key: Name::new(namespace, name),
        plan: ["free", "pass"][(n / 4 % 2) as usize].to_owned(),
        reservation: None,
        channel: Some(Name::new("models", "one")),
        endpoint: Endpoint::Chat,
        asked: "m".to_owned(),
        served: "m".to_owned(),
        attempts: 1,
        status: 200,
        end: End::Done,
        stream: false,
        tokens: Tokens {
            input: 100 + n,
            cached: n % 7,
            cache_write: 0,
            output: 3 * n,
        },
        estimated: false,
        credits: 0,
        unpaid: n,
        failures: Vec::new(),
        cost: 1_000 + n,
        waste: [(Name::new("models", "two"), n % 5)].into(),
        began_ms: NOW + n * 60_000,
        latency_ms: 5,
        first_ms: None,
        user_metadata: [].into(),
        pod: String::new(),
    }
}

fn wanted(of: Of, (from_ms, to_ms): (u64, u64)) -> Wanted {
    let money = |micros, currency: &str| Money {
        micros,
        currency: currency.to_owned(),
    };
    let pass = ("pass".to_owned(), money(9_990_000, "EUR"));
    let other = ("other".to_owned(), money(5_000_000, "USD"));
    Wanted {
        of,
        name: None,
        scope: Scope::All,
        from_ms,
        to_ms,
        currency: "EUR".to_owned(),
        prices: [pass, other].into(),
    }
}

/// 600 calls of four keys, one a minute, and three times of plans that begin.
async fn ledger(folder: &Path) -> Ledger {
    let ledger = Ledger::sqlite(&folder.join("ledger.db")).await.unwrap();
    let sender = Sender {
        namespace: None,
        pod: "p".to_owned(),
    };
    let batch = Batch {
        spool: "s".to_owned(),
        first: 1,
        records: (0..600).map(call).collect(),
    };
    ledger.keep(sender, batch, NOW).await.unwrap().unwrap();
    let begun = [
        ("web", "pass", NOW),
        ("batch", "pass", NOW + 3_600_000),
        ("web", "other", NOW),
    ];
    for (name, plan, at_ms) in begun {
        let begin = Activate {
            key: Name::new("shop", name),
            plan: plan.to_owned(),
            max_keys: 10,
            at_ms,
            sale: Sale { at_ms, price: None },
        };
        ledger.activate(begin).await.unwrap();
    }
    ledger
}

async fn made(ledger: &Ledger, wanted: &Wanted) -> Statement {
    let sums = ledger.sums(wanted.query(), &GROUPS).await.unwrap();
    let terms = ledger.terms(wanted.from_ms, wanted.to_ms).await.unwrap();
    statement(wanted, &sums, &terms)
}

#[tokio::test]
async fn a_statement_adds_up_however_it_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(folder.path()).await;
    let (from, middle, to) = (NOW, NOW + 9_999_999, NOW + 600 * 60_000);
    let whole = made(&ledger, &wanted(Of::Key, (from, to))).await;
    let total = &whole.total;
    let cost: u64 = (0..600).map(|n| call(n).cost).sum();
    let waste: u64 = (0..600).map(|n| n % 5).sum();
    assert_eq!((total.calls, total.cost, total.waste), (600, cost, waste));
    assert_eq!((total.price, total.terms), (2 * 9_990_000, 3));
    assert_eq!(total.other_prices, [("USD".to_owned(), 5_000_000)].into());
    assert_eq!(total.margin, 2 * 9_990_000 - (cost + waste) as i64);
    assert_eq!(whole.lines.len(), 4);
    for of in [Of::Key, Of::Namespace, Of::Plan] {
        let first = made(&ledger, &wanted(of, (from, middle))).await;
        let second = made(&ledger, &wanted(of, (middle, to))).await;
        let margins = first.total.margin + second.total.margin;
        let lines = first.lines.iter().chain(&second.lines);
        let lines: i64 = lines.map(|line| line.margin).sum();
        assert_eq!((margins, lines), (total.margin, total.margin), "{of:?}");
    }
}

#[tokio::test]
async fn a_price_that_changed_since_and_a_plan_that_is_gone_change_no_statement() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::sqlite(&folder.path().join("ledger.db"))
        .await
        .unwrap();
    let sold = [
        ("pass", Some((7_770_000, "EUR"))),
        ("gone", Some((1_000_000, "EUR"))),
        ("free", Some((0, ""))),
        ("old", None),
    ];
    for (plan, price) in sold {
        let price = price.map(|(micros, currency)| Money {
            micros,
            currency: currency.to_owned(),
        });
        let begin = Activate {
            key: Name::new("shop", "web"),
            plan: plan.to_owned(),
            max_keys: 10,
            // Months before it was sold: startsAt Creation.
            at_ms: NOW - 90 * 86_400_000,
            sale: Sale { at_ms: NOW, price },
        };
        ledger.activate(begin).await.unwrap();
    }
    let mut wanted = wanted(Of::Plan, (NOW, NOW + 1));
    let today = wanted.prices["pass"].clone();
    wanted.prices.insert("free".to_owned(), today.clone());
    wanted.prices.insert("old".to_owned(), today);
    let told = made(&ledger, &wanted).await;
    let prices: Vec<(&str, u64)> = told
        .lines
        .iter()
        .map(|line| (line.name.as_str(), line.price))
        .collect();
    assert_eq!(
        prices,
        [
            ("free", 0),
            ("gone", 1_000_000),
            ("old", 9_990_000),
            ("pass", 7_770_000)
        ]
    );
    let closed = Wanted {
        from_ms: 0,
        to_ms: NOW,
        ..wanted
    };
    assert_eq!(made(&ledger, &closed).await.total.terms, 0);
}

#[tokio::test]
async fn a_team_sees_its_own_lines_and_its_own_terms() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(folder.path()).await;
    let all = wanted(Of::Namespace, (0, u64::MAX));
    let bank = Wanted {
        scope: Scope::Namespaces(vec!["bank".to_owned()]),
        ..all.clone()
    };
    let told = made(&ledger, &bank).await;
    assert_eq!((told.lines.len(), told.lines[0].name.as_str()), (1, "bank"));
    assert_eq!((told.total.calls, told.total.terms), (300, 0));
    let named = Wanted {
        of: Of::Key,
        name: Some("shop/web".to_owned()),
        ..all
    };
    let told = made(&ledger, &named).await;
    let counted = (told.lines.len(), told.total.calls, told.total.terms);
    assert_eq!(counted, (1, 150, 2));
}

#[tokio::test]
async fn a_spreadsheet_and_a_program_read_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(folder.path()).await;
    let told = made(&ledger, &wanted(Of::Namespace, (NOW, NOW + 60_000))).await;
    let text = csv(&told);
    let rows: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(
        rows[1],
        "shop,1,0,100,0,0,0.000000,0.000000,2,9.990000,5.000000 USD,0.001000,0.000000,9.989000,EUR"
    );
    assert!(rows[2].starts_with("TOTAL,1,0,100,") && rows.len() == 3);
    let json = serde_json::to_value(&told).unwrap();
    assert_eq!(json["of"], "namespace");
    assert_eq!(json["lines"][0]["margin"], 9_989_000);
}

#[tokio::test]
async fn an_invoice_has_both_addresses_and_no_text_of_anybodys_is_markup() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(folder.path()).await;
    let mut told = made(&ledger, &wanted(Of::Namespace, (NOW, NOW + 86_400_000))).await;
    told.lines[0].name = "<script>alert(1)</script>".to_owned();
    let address = |name: &str| Address {
        lines: vec![name.to_owned(), "1 Quay & Co".to_owned()],
    };
    let about = Invoice {
        number: "2026-117".to_owned(),
        seller: address("Purser GmbH"),
        buyer: address("Ship \"Shop\" Ltd"),
        issued_ms: NOW,
        note: "Payable within 14 days.".to_owned(),
    };
    let page = invoice(&about, &told);
    let wanted = [
        "Purser GmbH\n1 Quay &amp; Co",
        "Ship &quot;Shop&quot; Ltd",
        "Issued 2026-11-22. Period 2026-11-22 to 2026-11-23 (UTC).",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "Payable within 14 days.",
        "@media print",
    ];
    for text in wanted {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert!(!page.contains("<script"));
}
