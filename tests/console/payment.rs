//! Money that comes: words signed by Stripe's own library and by an HMAC, posted to a running house, and what they do to a key. Each
//! counts once, is refused where it is not its vendor's, and brings no plan back that its key has left.
//!
//! Needs Python with Stripe's library: tests/toolchain.sh installs it (`PURSER_TEST_PYTHON`; target/toolchain when unset).

use super::setup::House;
use purser_tests::plain::{Answer, send};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

const STRIPE: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const HMAC: &str = "a secret of the other processor";

/// `argv`: body, secret, moment; an empty moment: the HMAC of the body alone, as any program makes it.
const SIGN: &str = "import hashlib, hmac, stripe, sys
body, secret, at = sys.argv[1:]
if at:
    print(stripe.WebhookSignature.generate_signature_header(body, secret, int(at)))
else:
    print('sha256=' + hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest())";

fn signed(body: &Value, secret: &str, at: Option<u64>) -> String {
    let installed = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../target/toolchain/python/bin/python"
    );
    let python = std::env::var_os("PURSER_TEST_PYTHON").unwrap_or_else(|| installed.into());
    assert!(
        Path::new(&python).exists(),
        "{} is missing; run tests/toolchain.sh first, or set PURSER_TEST_PYTHON",
        Path::new(&python).display()
    );
    let at = at.map(|at| at.to_string()).unwrap_or_default();
    let mut command = Command::new(python);
    let made = command.args(["-c", SIGN, &body.to_string(), secret, &at]);
    let made = made.output().unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "signing with stripe: {said}");
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

fn now() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since_epoch.as_secs()
}

/// A checkout that was paid for the key.
fn checkout(id: &str, buys: (&str, &str)) -> Value {
    let mut metadata = json!({"purser_key": "demo/payer"});
    metadata[buys.0] = json!(buys.1);
    json!({
        "id": id, "object": "event", "type": "checkout.session.completed", "created": now(),
        "data": {"object": {
            "object": "checkout.session", "mode": "payment", "payment_status": "paid", "amount_total": 1999, "currency": "eur",
            "metadata": metadata
        }}
    })
}

/// A house where payments are believed, and a metered key in it.
struct Till {
    house: House,
    key: String,
}

impl Till {
    async fn open() -> Till {
        let secrets = [
            ("PURSER_STRIPE_SECRET", STRIPE),
            ("PURSER_PAYMENT_SECRET", HMAC),
        ];
        let house = House::start_at("127.0.0.1:0", &secrets).await;
        let wish = json!({"name": "payer", "namespace": "demo", "plan": "free"});
        let key = house.admin("POST", "/api/token/", Some(wish)).data();
        let key = key["id"].to_string();
        let till = Till { house, key };
        till.sells("pro");
        till
    }

    fn sells(&self, plan: &str) {
        let spec = json!({"price": {"amount": "19.99", "currency": "EUR"}, "validity": {"months": 1},
            "models": {"allow": ["*"]}, "channels": {"namespaces": ["demo"]}});
        let wish = json!({"name": plan, "spec": spec});
        self.house.admin("POST", "/api/plan", Some(wish)).data();
    }

    fn post(&self, vendor: &str, header: (&str, &str), body: &Value) -> Answer {
        let line = format!("POST /api/payment/{vendor}");
        let head = format!("{}: {}\r\n", header.0, header.1);
        send(self.house.console, &line, &head, &body.to_string())
    }

    /// Stripe's word, signed now.
    fn stripe(&self, body: &Value) -> Answer {
        let header = signed(body, STRIPE, Some(now()));
        self.post("stripe", ("stripe-signature", &header), body)
    }

    fn hmac(&self, body: &Value, at: Option<u64>) -> Answer {
        let header = signed(body, HMAC, at);
        self.post("hmac", ("x-signature", &header), body)
    }

    fn of_key(&self, what: &str) -> Value {
        let path = format!("/api/token/{}", self.key);
        self.house.admin("GET", &path, None).data()[what].clone()
    }

    fn left(&self) -> u64 {
        self.of_key("remain_quota").as_u64().unwrap()
    }

    fn put_on(&self, plan: &str) {
        let id: u64 = self.key.parse().unwrap();
        let wish = json!({"id": id, "plan": plan});
        self.house.admin("PUT", "/api/token/", Some(wish)).data();
    }

    fn payments(&self) -> Value {
        self.house.admin("GET", "/api/payment/", None).data()
    }
}

#[tokio::test]
async fn a_checkout_that_stripe_signed_tops_a_key_up_once() {
    let till = Till::open().await;
    let before = till.left();
    let body = checkout("evt_1", ("purser_credits", "12.5"));
    for new in [true, false] {
        let answer = till.stripe(&body).data();
        assert_eq!(answer, json!({"id": "stripe:evt_1", "new": new}));
        assert_eq!(till.left(), before + 12_500_000);
    }
    let other = checkout("evt_1", ("purser_credits", "99"));
    assert_eq!(
        till.stripe(&other).status,
        409,
        "an id is one payment's for ever"
    );
    let payments = till.payments();
    let received = &payments["items"][0];
    assert_eq!(payments["total"], 1);
    assert_eq!(
        [&received["id"], &received["key"], &received["currency"]],
        ["stripe:evt_1", "demo/payer", "EUR"]
    );
    assert_eq!(
        (&received["credits"], &received["paid"], &received["done"]),
        (&json!(12_500_000), &json!(19_990_000), &json!(true))
    );
    let audit = till.house.admin("GET", "/api/audit", None).text;
    assert_eq!(audit.matches(r#""what":"pay""#).count(), 1, "{audit}");
}

#[tokio::test]
async fn what_is_not_the_vendors_own_recent_word_does_nothing() {
    let till = Till::open().await;
    let before = till.left();
    let body = checkout("evt_2", ("purser_credits", "12.5"));
    let (at, header) = (now(), signed(&body, STRIPE, Some(now())));
    let dearer = checkout("evt_2", ("purser_credits", "99.5"));
    let refused = |answer: Answer, why: &str| {
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.message().contains(why), "{answer:?}");
    };
    let post = |header: &str, body| till.post("stripe", ("stripe-signature", header), body);
    refused(post(&header, &dearer), "not of this body");
    let later = signed(&body, STRIPE, Some(at - 301));
    refused(post(&later, &body), "of another time");
    let forged = signed(&body, "whsec_of_somebody_else", Some(at));
    refused(post(&forged, &body), "this secret");
    refused(post("", &body), "cannot be read");
    refused(till.hmac(&body, Some(at - 301)), "of another time");
    let cross = signed(&body, STRIPE, None);
    let cross = till.post("hmac", ("x-signature", &cross), &body);
    refused(cross, "this secret");
    assert_eq!(
        (till.left(), &till.payments()["total"]),
        (before, &json!(0))
    );
    // The same word in time is believed.
    assert_eq!(post(&header, &body).data()["new"], true);
}

#[tokio::test]
async fn a_plan_that_is_paid_for_begins_once_and_is_not_brought_back() {
    let till = Till::open().await;
    let body = checkout("evt_3", ("purser_plan", "pro"));
    assert_eq!(till.stripe(&body).data()["new"], true);
    assert_eq!(till.of_key("plan"), "pro");
    assert_eq!(till.of_key("activated_time"), body["created"]);
    assert_eq!(till.payments()["items"][0]["done"], true);
    till.put_on("free");
    assert_eq!(till.stripe(&body).data()["new"], false);
    assert_eq!(till.of_key("plan"), "free", "an old word changes nothing");
    // Not even when the plan is gone is a word refused that was followed: its vendor would send it for days.
    till.house.admin("DELETE", "/api/plan/pro", None);
    assert_eq!(till.stripe(&body).data()["new"], false);
}

#[tokio::test]
async fn money_for_a_plan_that_is_not_there_waits_for_somebody_to_make_it() {
    let till = Till::open().await;
    let body = checkout("evt_4", ("purser_plan", "gold"));
    let answer = till.stripe(&body);
    assert_eq!(answer.status, 422);
    assert!(
        answer.message().contains("there is no Plan gold"),
        "{answer:?}"
    );
    assert_eq!(till.of_key("plan"), "free");
    let audit = till.house.admin("GET", "/api/audit", None).text;
    let told = audit.contains(r#""what":"refuse""#) && audit.contains("stripe:evt_4");
    assert!(told, "{audit}");
    till.sells("gold");
    assert_eq!(till.stripe(&body).data()["new"], true);
    assert_eq!(till.of_key("plan"), "gold");
}

#[tokio::test]
async fn a_payment_that_was_cut_off_is_ended_when_its_word_comes_again() {
    let till = Till::open().await;
    let body = checkout("evt_5", ("purser_plan", "pro"));
    let broken = till.house.folder.path().join("broken.yaml");
    std::fs::write(&broken, "kind: [").unwrap();
    assert_eq!(
        till.stripe(&body).status,
        503,
        "no file can be written while one is broken"
    );
    let received = till.payments()["items"][0].clone();
    assert_eq!(
        (&received["plan"], &received["done"]),
        (&json!("pro"), &json!(false))
    );
    assert_eq!(till.of_key("plan"), "free");
    std::fs::remove_file(&broken).unwrap();
    assert_eq!(till.stripe(&body).data()["new"], false);
    assert_eq!(till.of_key("plan"), "pro");
    assert_eq!(till.payments()["items"][0]["done"], true);
}

#[tokio::test]
async fn another_processors_word_is_believed_however_late_it_comes() {
    let till = Till::open().await;
    let before = till.left();
    let word = |id: &str, created: u64| {
        json!({"id": id, "type": "paid", "created": created, "key": "demo/payer", "credits": "3",
            "amount": "0.015", "currency": "BTC"})
    };
    // The same bytes and the same signature, sent again after an outage of a month.
    let late = word("tx-1", now() - 30 * 86_400);
    for new in [true, false] {
        assert_eq!(till.hmac(&late, None).data()["new"], new);
        assert_eq!(till.left(), before + 3_000_000);
    }
    let timed = till.hmac(&word("tx-2", now()), Some(now()));
    assert_eq!(timed.data()["new"], true);
    let early = till.hmac(&word("tx-3", now() + 3_600), None);
    assert_eq!(early.status, 422, "{early:?}");
    assert_eq!(till.left(), before + 6_000_000);
    assert_eq!(till.payments()["total"], 2);
}
