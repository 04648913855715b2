//! `/api/payment`: a vendor's word that money came. Believed only with its signature, and followed once by its id, however often it comes.
//! Written down first, then done, then written down as done: what is cut off between two of these is taken up when the word comes again.

use crate::answer::{Failure, Outcome, Reply};
use crate::ask::Ask;
use crate::bill::{self, Forged, Ignored, Unread, Window};
use crate::house::{Change, Seen};
use crate::ids;
use purser_authority::ledger::{Bought, PayRefused, Payment, Received, Sale};
use purser_compile::ObjectRef;
use purser_config::Name;
use purser_crds::ApiKey;
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

/// Any other processor's: `X-Signature`, in Stripe's manner or the HMAC of the body alone.
pub(crate) async fn hmac(ask: Ask) -> Outcome {
    let secrets = set_up(ask.console.house.payment_secrets().hmac)?;
    let signature = header(&ask, "x-signature");
    let checked = bill::check_hmac(signature, &ask.body, &secrets, window(&ask));
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

/// Whether all that is paid for is there.
fn is_there(seen: &Seen, payment: &Payment) -> Result<(), String> {
    let key = &payment.key;
    if key_of(seen, key).is_none() {
        return Err(format!(
            "there is no ApiKey {key}; make it, and have the event sent again"
        ));
    }
    match &payment.buys {
        Bought::Plan(plan) if !seen.configuration.plans.contains_key(plan) => Err(format!(
            "there is no Plan {plan} in force; make or mend it, and have the event sent again"
        )),
        _ => Ok(()),
    }
}

fn key_of<'a>(seen: &'a Seen, name: &Name) -> Option<&'a ApiKey> {
    let mut keys = seen.keys.iter();
    let key = keys.find(|key| ids::name_of(&key.metadata) == *name);
    key.map(AsRef::as_ref)
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
        Err(unread) => return Err(Failure::new(422, unread.to_string())),
    };
    let object = format!("ApiKey {}", payment.key);
    let ledger = ask.console.ledger()?;
    let known = ledger.payment(payment.id.clone()).await?;
    // Its key and plan may be gone by now, or the key on another plan: it is done, and nothing is done again.
    let done = known.is_some_and(|known| known.done && known.payment.is_for_the_same(&payment));
    let mut new = false;
    if !done {
        if let Err(why) = is_there(&ask.console.house.seen(), &payment) {
            let detail = format!("{:?} by {}: {why}", payment.buys, payment.id);
            tracing::warn!(payment = payment.id, key = %payment.key, why, "money came that nothing can be done for");
            ask.console
                .note("payment", "refuse", (&object, &detail))
                .await;
            return Err(Failure::new(422, why));
        }
        let sale = sale(ask, &payment);
        let paid = ledger.pay(payment.clone(), sale).await?;
        new = paid.map_err(refused)?.new;
        if new {
            let detail = format!("{:?} by {}", payment.buys, payment.id);
            ask.console.note("payment", "pay", (&object, &detail)).await;
        }
        if let Bought::Plan(plan) = &payment.buys {
            put_on(ask, &payment.key, plan).await?;
            ledger.paid_plan_is_on(&payment).await?;
        }
    }
    let id = payment.id;
    Reply::data(&Followed { id, new })
}

/// What statements will say of it.
fn sale(ask: &Ask, payment: &Payment) -> Sale {
    let house = &ask.console.house;
    let seen = house.seen();
    let plan = match &payment.buys {
        Bought::Plan(plan) => seen.configuration.plans.get(plan),
        Bought::Credits(_) => None,
    };
    Sale {
        at_ms: house.wall_ms(),
        price: plan.map(|plan| plan.price.clone().unwrap_or_default()),
    }
}

fn refused(refused: PayRefused) -> Failure {
    match refused {
        PayRefused::OtherEvent => Failure::new(
            409,
            "a payment of this id came before, and it said something else",
        ),
        PayRefused::TooMuch => Failure::new(422, "the account cannot hold that much"),
    }
}

/// Where this fails the event is sent again, and as the ledger does not say that it is done, this is tried again.
async fn put_on(ask: &Ask, key: &Name, plan: &str) -> Result<(), Failure> {
    let seen = ask.console.house.seen();
    if key_of(&seen, key).is_some_and(|key| key.spec.plan == plan) {
        return Ok(());
    }
    let change = Change::Patch {
        of: ObjectRef::ApiKey(key.clone()),
        patch: json!({"spec": {"plan": plan}}),
        version: None,
        secret: None,
    };
    ask.console.house.write(change).await?;
    Ok(())
}

/// A payment that came.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PaymentView {
    /// The processor's event: `stripe:evt_1PqR`.
    id: String,
    /// The key, as `namespace/name`.
    key: String,
    /// The plan whose time it began; empty: credits.
    plan: String,
    /// The micro-credits that it added.
    credits: u64,
    /// What was paid, in millionths of the currency.
    paid: u64,
    currency: String,
    /// Unix seconds, as the processor has it.
    created_at: u64,
    /// Whether the key is on the plan, or was since; credits are done with the payment.
    done: bool,
}

/// Payments, the last first.
pub(crate) async fn list(ask: Ask) -> Outcome {
    let paging = ask.paging()?;
    let page = ask.console.ledger()?.payments(paging.of_ledger()).await?;
    let items = page.payments.into_iter().map(view).collect();
    Reply::data(&paging.page(items, page.total))
}

fn view(Received { payment, done }: Received) -> PaymentView {
    let (plan, credits) = match payment.buys {
        Bought::Plan(plan) => (plan, 0),
        Bought::Credits(credits) => (String::new(), credits),
    };
    PaymentView {
        id: payment.id,
        key: payment.key.as_str().to_owned(),
        plan,
        credits,
        paid: payment.paid,
        currency: payment.currency,
        created_at: payment.at_ms / 1000,
        done,
    }
}
