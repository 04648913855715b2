//! `/api/payment`: a vendor's word that money came. Believed only with its signature, and followed once by its id, however often it comes.

use crate::answer::{Failure, Outcome, Reply};
use crate::ask::Ask;
use crate::bill::{self, Forged, Ignored, Unread, Window};
use crate::house::Change;
use crate::ids;
use purser_authority::ledger::{Bought, PayRefused, Payment};
use purser_compile::ObjectRef;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

/// How old a signed word may be, in seconds, as Stripe's libraries have it.
const TOLERANCE: u64 = 300;

/// What came of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Followed {
    /// The payment's id; empty: the event tells of none, and nothing was done.
    id: String,
    /// Whether it was followed now, and not before.
    new: bool,
}

/// Stripe's scheme: `Stripe-Signature: t=…,v1=…`.
pub(crate) async fn stripe(ask: Ask) -> Outcome {
    let secrets = set_up(ask.console.house.payment_secrets().stripe)?;
    let checked = bill::check_stripe(
        header(&ask, "stripe-signature"),
        &ask.body,
        &secrets,
        window(&ask),
    );
    checked.map_err(forged)?;
    follow(&ask, bill::stripe_event(&ask.body)).await
}

/// Any other processor's: `X-Signature: sha256=…`, the HMAC of the body.
pub(crate) async fn hmac(ask: Ask) -> Outcome {
    let secrets = set_up(ask.console.house.payment_secrets().hmac)?;
    let checked = bill::check_hmac(header(&ask, "x-signature"), &ask.body, &secrets);
    checked.map_err(forged)?;
    follow(&ask, bill::hmac_event(&ask.body, window(&ask))).await
}

fn set_up(secrets: Vec<String>) -> Result<Vec<String>, Failure> {
    match secrets.is_empty() {
        true => Err(Failure::new(
            401,
            "payments of this kind are not believed here: no secret of theirs is set",
        )),
        false => Ok(secrets),
    }
}

fn header<'a>(ask: &'a Ask, name: &str) -> &'a str {
    let value = ask.headers.get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn window(ask: &Ask) -> Window {
    Window {
        now: ask.console.house.wall_ms() / 1000,
        tolerance: TOLERANCE,
    }
}

fn forged(why: Forged) -> Failure {
    Failure::new(401, format!("this is not believed: {why}"))
}

/// The plan that the key which is paid for has now.
fn plan_of(ask: &Ask, payment: &Payment) -> Result<String, Failure> {
    let seen = ask.console.house.seen();
    let mut keys = seen.keys.iter();
    let key = keys.find(|key| ids::name_of(&key.metadata) == payment.key);
    key.map(|key| key.spec.plan.clone()).ok_or_else(|| {
        let key = &payment.key;
        let why = format!("there is no ApiKey {key}; make it, and have the event sent again");
        Failure::new(422, why)
    })
}

async fn follow(ask: &Ask, read: Result<Result<Payment, Ignored>, Unread>) -> Outcome {
    let payment = match read {
        Ok(Ok(payment)) => payment,
        Ok(Err(Ignored::NoPayment)) => {
            return Reply::data(&Followed {
                id: String::new(),
                new: false,
            });
        }
        Err(Unread::OtherTime(why)) => return Err(forged(why)),
        Err(unread) => return Err(Failure::new(422, unread.to_string())),
    };
    let plan_now = plan_of(ask, &payment)?;
    let paid = ask.console.ledger()?.pay(payment.clone()).await?;
    let paid = paid.map_err(|refused| match refused {
        PayRefused::OtherEvent => Failure::new(
            409,
            "a payment of this id came before, and it said something else",
        ),
        PayRefused::TooMuch => Failure::new(422, "the account cannot hold that much"),
    })?;
    if let Bought::Plan(plan) = &payment.buys
        && *plan != plan_now
    {
        // Sent again where this fails: the ledger does its part once all the same.
        let change = Change::Patch {
            of: ObjectRef::ApiKey(payment.key.clone()),
            patch: json!({"spec": {"plan": plan}}),
            version: None,
            secret: None,
        };
        ask.console.house.write(change).await?;
    }
    if paid.new {
        let (object, detail) = (
            format!("ApiKey {}", payment.key),
            format!("{:?} by {}", payment.buys, payment.id),
        );
        ask.console.note("payment", "pay", (&object, &detail)).await;
    }
    Reply::data(&Followed {
        id: payment.id,
        new: paid.new,
    })
}
