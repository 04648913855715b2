//! What a vendor's word says that was paid for: which key, and credits or a plan. Called once its signature is checked. What is of no
//! concern is ignored, and a word about money that cannot be read is an error, so that the vendor sends it again and somebody looks.

use super::money::{Money, of_minor_units};
use super::signature::Window;
use purser_authority::ledger::{Bought, Payment};
use purser_config::Name;
use purser_crds::Amount;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Why an event does nothing, though it is genuine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// It tells of no payment for a key: another kind, not paid yet, or nothing of Purser's in its metadata.
    NoPayment,
}

/// Why a genuine event cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is no event.
    #[error("the event cannot be read: {0}")]
    NoEvent(String),
    /// What it is for is not said, or said in two ways.
    #[error("the payment's {0}")]
    Unclear(&'static str),
    /// It says that it will be made.
    #[error(
        "the event's created, {0}, is in the future; it must be unix seconds, and the clocks of both sides right"
    )]
    Future(u64),
}

#[derive(Deserialize)]
struct StripeEvent {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created: u64,
    data: StripeData,
}

#[derive(Deserialize)]
struct StripeData {
    object: StripeObject,
}

/// What a checkout's session and an invoice have in common.
#[derive(Default, Deserialize)]
#[serde(default)]
struct StripeObject {
    mode: Option<String>,
    payment_status: Option<String>,
    amount_total: Option<u64>,
    amount_paid: Option<u64>,
    currency: Option<String>,
    metadata: Option<BTreeMap<String, String>>,
    subscription_details: Option<Subscription>,
    parent: Option<Parent>,
}

#[derive(Deserialize)]
struct Parent {
    subscription_details: Option<Subscription>,
}

#[derive(Deserialize)]
struct Subscription {
    metadata: Option<BTreeMap<String, String>>,
}

/// What a Stripe event says: a checkout that is paid, or an invoice that is, with `purser_key` and one of `purser_credits` and
/// `purser_plan` in the metadata of the session or the subscription. A subscription's first payment is told by its invoice alone.
pub fn stripe_event(body: &[u8]) -> Result<Result<Payment, Ignored>, Unread> {
    let event: StripeEvent =
        serde_json::from_slice(body).map_err(|error| Unread::NoEvent(error.to_string()))?;
    let object = event.data.object;
    let paid = match event.kind.as_str() {
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
            let here = object.mode.as_deref() != Some("subscription");
            let paid = object.payment_status.as_deref() == Some("paid");
            object.amount_total.filter(|_| here && paid)
        }
        "invoice.paid" => object.amount_paid,
        _ => None,
    };
    let Some(paid) = paid else {
        return Ok(Err(Ignored::NoPayment));
    };
    let Some(said) = metadata(&object) else {
        return Ok(Err(Ignored::NoPayment));
    };
    let currency = object.currency.as_deref().unwrap_or_default();
    let money = of_minor_units(paid, currency);
    let money = money.ok_or(Unread::Unclear("amount or currency is none"))?;
    let word = Word {
        id: format!("stripe:{}", event.id),
        key: said.get("purser_key").cloned().unwrap_or_default(),
        credits: said.get("purser_credits").cloned(),
        plan: said.get("purser_plan").cloned(),
        created: event.created,
    };
    word.payment(money).map(Ok)
}

/// The metadata that names a key, wherever Stripe puts it.
fn metadata(object: &StripeObject) -> Option<&BTreeMap<String, String>> {
    let of = |subscription: &'_ Option<Subscription>| subscription.as_ref().is_some();
    let parent = object
        .parent
        .as_ref()
        .map(|parent| &parent.subscription_details);
    let places = [Some(&object.subscription_details), parent];
    let subscriptions = places.into_iter().flatten().filter(|place| of(place));
    let subscriptions = subscriptions.filter_map(|place| place.as_ref()?.metadata.as_ref());
    let mut all = object.metadata.iter().chain(subscriptions);
    all.find(|metadata| metadata.contains_key("purser_key"))
}

#[derive(Deserialize)]
struct HmacEvent {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created: u64,
    key: String,
    credits: Option<String>,
    plan: Option<String>,
    amount: String,
    currency: String,
}

/// What any other processor's event says: `{"id", "type": "paid", "created": unix seconds, "key": "namespace/name", "credits": "500" or
/// "plan": "pro", "amount": "9.99", "currency": "EUR"}`. It may come late, as often as its processor had to try, but not before its time.
pub fn hmac_event(body: &[u8], window: Window) -> Result<Result<Payment, Ignored>, Unread> {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
    }
    let unread = |error: serde_json::Error| Unread::NoEvent(error.to_string());
    let kind: Kind = serde_json::from_slice(body).map_err(unread)?;
    if kind.kind != "paid" {
        return Ok(Err(Ignored::NoPayment));
    }
    let event: HmacEvent = serde_json::from_slice(body).map_err(unread)?;
    if event.created > window.now.saturating_add(window.tolerance) {
        return Err(Unread::Future(event.created));
    }
    let micros = Amount::new(event.amount).micros();
    let micros = micros.map_err(|_| Unread::Unclear("amount is no decimal number"))?;
    let currency = event.currency;
    let word = Word {
        id: format!("hmac:{}", event.id),
        key: event.key,
        credits: event.credits,
        plan: event.plan,
        created: event.created,
    };
    debug_assert_eq!(event.kind, "paid");
    word.payment(Money { micros, currency }).map(Ok)
}

/// What every vendor says in its own way.
struct Word {
    id: String,
    key: String,
    credits: Option<String>,
    plan: Option<String>,
    created: u64,
}

impl Word {
    fn payment(self, money: Money) -> Result<Payment, Unread> {
        let key: Result<Name, _> = self.key.parse();
        let key = key.map_err(|_| Unread::Unclear("key is not namespace/name"))?;
        let buys = match (self.credits, self.plan) {
            (Some(credits), None) => {
                let micros = Amount::new(credits).micros();
                let micros =
                    micros.map_err(|_| Unread::Unclear("credits are no decimal number"))?;
                Bought::Credits(micros)
            }
            (None, Some(plan)) if !plan.is_empty() => Bought::Plan(plan),
            _ => return Err(Unread::Unclear("purpose must be either credits or a plan")),
        };
        Ok(Payment {
            id: self.id,
            key,
            buys,
            paid: money.micros,
            currency: money.currency,
            at_ms: self.created.saturating_mul(1_000),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn checkout(change: impl Fn(&mut Value)) -> Result<Result<Payment, Ignored>, Unread> {
        let mut event = json!({
            "id": "evt_1", "object": "event", "type": "checkout.session.completed", "created": 1_795_384_356,
            "data": {"object": {
                "object": "checkout.session", "mode": "payment", "payment_status": "paid", "amount_total": 1999, "currency": "usd",
                "metadata": {"purser_key": "shop/checkout", "purser_credits": "500.5"}
            }}
        });
        change(&mut event);
        stripe_event(event.to_string().as_bytes())
    }

    #[test]
    fn a_paid_checkout_buys_what_its_metadata_says() {
        let payment = checkout(|_| ()).unwrap().unwrap();
        assert_eq!(payment.id, "stripe:evt_1");
        assert_eq!(payment.buys, Bought::Credits(500_500_000));
        assert_eq!(
            (payment.paid, payment.currency.as_str()),
            (19_990_000, "USD")
        );
        assert_eq!(payment.at_ms, 1_795_384_356_000);
    }

    #[test]
    fn what_is_not_paid_or_not_for_a_key_is_ignored() {
        let ignored = |change: &dyn Fn(&mut Value)| {
            assert_eq!(checkout(change), Ok(Err(Ignored::NoPayment)));
        };
        ignored(&|event| event["type"] = json!("customer.created"));
        ignored(&|event| event["data"]["object"]["payment_status"] = json!("unpaid"));
        ignored(&|event| event["data"]["object"]["metadata"] = Value::Null);
        // Its invoice tells of the same money.
        ignored(&|event| event["data"]["object"]["mode"] = json!("subscription"));
    }

    #[test]
    fn a_subscriptions_invoice_begins_a_plan_wherever_its_metadata_is() {
        for place in ["/subscription_details", "/parent/subscription_details"] {
            let payment = checkout(|event| {
                event["type"] = json!("invoice.paid");
                let details =
                    json!({"metadata": {"purser_key": "shop/checkout", "purser_plan": "pro"}});
                let details = match place {
                    "/subscription_details" => json!({"subscription_details": details}),
                    _ => json!({"parent": {"subscription_details": details}}),
                };
                event["data"]["object"] = details;
                event["data"]["object"]["amount_paid"] = json!(500);
                event["data"]["object"]["currency"] = json!("jpy");
            });
            let payment = payment.unwrap().unwrap();
            assert_eq!(payment.buys, Bought::Plan("pro".to_owned()));
            assert_eq!(payment.paid, 500_000_000);
        }
    }

    #[test]
    fn money_for_something_unclear_is_an_error() {
        let unclear = |change: &dyn Fn(&mut Value)| {
            let error = checkout(change).unwrap_err();
            assert!(matches!(error, Unread::Unclear(_)), "{error}");
        };
        unclear(&|event| event["data"]["object"]["metadata"]["purser_key"] = json!("checkout"));
        unclear(&|event| event["data"]["object"]["metadata"]["purser_credits"] = json!("-5"));
        unclear(&|event| event["data"]["object"]["metadata"]["purser_plan"] = json!("pro"));
        unclear(&|event| event["data"]["object"]["currency"] = json!("dollars"));
        assert!(matches!(stripe_event(b"{}"), Err(Unread::NoEvent(_))));
    }

    #[test]
    fn any_other_processors_word_may_come_late_but_not_before_its_time() {
        let body = json!({
            "id": "tx-9", "type": "paid", "created": 1_000, "key": "shop/checkout", "plan": "pro", "amount": "0.015", "currency": "BTC"
        });
        let body = body.to_string();
        let window = |now| Window {
            now,
            tolerance: 300,
        };
        let late = window(1_000 + 30 * 86_400);
        let payment = hmac_event(body.as_bytes(), late).unwrap().unwrap();
        assert_eq!((payment.id.as_str(), payment.paid), ("hmac:tx-9", 15_000));
        assert_eq!(payment.at_ms, 1_000_000);
        assert!(hmac_event(body.as_bytes(), window(700)).is_ok());
        let early = hmac_event(body.as_bytes(), window(699));
        assert_eq!(early, Err(Unread::Future(1_000)));
        let pending = body.replace("paid", "pending");
        assert_eq!(
            hmac_event(pending.as_bytes(), window(9)),
            Ok(Err(Ignored::NoPayment))
        );
    }
}
