//! What was paid for, what each payment did, when plans began, and of which budgets somebody was told. Called by the console. A payment
//! does what it pays for in its own transaction, once, by the id of the vendor's event.

pub(super) mod read;

use super::admin::{Renewal, Renewed, TopUp};
use super::change::{Change, fits_id};
use super::log::Paging;
use super::reads::Question;
use super::rows::{MarkRow, PaymentRow, TermRow};
use super::sheet::{Sheet, Wants};
use super::{Ledger, LedgerError};
use crate::book::TopUpRefused;
use purser_config::Name;
use purser_config::calendar::LAST_MS;
use purser_config::price::{Micros, Money};

/// Money that came for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Names the event for ever: `stripe:evt_1PqR`.
    pub id: String,
    /// For whom.
    pub key: Name,
    /// What for.
    pub buys: Bought,
    /// How much, in millionths of the currency.
    pub paid: Micros,
    /// Of what, as ISO 4217 writes it, in capitals.
    pub currency: String,
    /// When, in unix milliseconds.
    pub at_ms: u64,
}

/// A payment that is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// What was told.
    pub payment: Payment,
    /// Whether everything that it pays for is done: of a plan's time, that its key is on the plan, or was since.
    pub done: bool,
}

/// A stretch of the payments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentPage {
    /// How many there are on all pages.
    pub total: u64,
    /// The last first.
    pub payments: Vec<Received>,
}

/// What is paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bought {
    /// So many credits, in millionths.
    Credits(Micros),
    /// A plan's time, which begins anew.
    Plan(String),
}

/// What became of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paid {
    /// Whether it did something now, and had not before.
    pub new: bool,
}

/// Why a payment does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayRefused {
    /// The event of this id was for something else.
    OtherEvent,
    /// No account can hold so much.
    TooMuch,
}

/// A plan's time that began for a key, as it was sold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Whose.
    pub key: Name,
    /// Of which plan.
    pub plan: String,
    /// When it was sold, and for how much.
    pub sale: Sale,
}

/// How a plan's time that begins stands in statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    /// Now, in unix milliseconds, from whenever on the time counts: what was billed once must not change.
    pub at_ms: u64,
    /// For how much; `None`: nobody who knew it wrote it down.
    pub price: Option<Money>,
}

/// That so much of a budget is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Whose.
    pub key: Name,
    /// Which of its budgets; another period is another one: `team/2026-11`.
    pub budget: String,
    /// How much, in percent.
    pub percent: u8,
    /// When that was seen, in unix milliseconds.
    pub at_ms: u64,
}

impl Ledger {
    /// Keeps a payment and does what it pays for, once however often it is told.
    pub async fn pay(
        &self,
        payment: Payment,
        sale: Sale,
    ) -> Result<Result<Paid, PayRefused>, LedgerError> {
        self.change(Pay { payment, sale }).await
    }

    /// Remembers that a payment's key is on the plan that was paid for. What was paid for that key before is done with, too: told again,
    /// it must not bring an older plan back.
    pub async fn paid_plan_is_on(&self, payment: &Payment) -> Result<(), LedgerError> {
        let (key, at_ms) = (payment.key.clone(), payment.at_ms);
        self.change(Done { key, at_ms }).await
    }

    /// The payment of this id.
    pub async fn payment(&self, id: String) -> Result<Option<Received>, LedgerError> {
        fits_id("a payment's id", &id)?;
        self.ask(|reply| Question::Payment(id, reply)).await
    }

    /// A page of payments, the last first, and how many there are.
    pub async fn payments(&self, paging: Paging) -> Result<PaymentPage, LedgerError> {
        self.ask(|reply| Question::Payments(paging, reply)).await
    }

    /// Plans' times that were sold in that stretch of time, first first; the end is not in it.
    pub async fn terms(&self, from_ms: u64, to_ms: u64) -> Result<Vec<Term>, LedgerError> {
        self.ask(|reply| Question::Terms((from_ms, to_ms), reply))
            .await
    }

    /// Remembers that somebody is told of a budget; answers whether nobody was, of that much of it or more.
    pub async fn mark(&self, mark: Mark) -> Result<bool, LedgerError> {
        self.change(mark).await
    }
}

impl Payment {
    /// Whether both tell of the same purchase.
    pub fn is_for_the_same(&self, other: &Payment) -> bool {
        (&self.key, &self.buys) == (&other.key, &other.buys)
    }

    fn top_up(&self, amount: Micros) -> TopUp {
        TopUp {
            key: self.key.clone(),
            amount: i64::try_from(amount).unwrap_or(i64::MAX),
            id: self.id.clone(),
            by: "payment".to_owned(),
            wall_ms: self.at_ms,
        }
    }

    fn renewal(&self, plan: &str, sale: &Sale) -> Renewal {
        Renewal {
            sale: sale.clone(),
            key: self.key.clone(),
            plan: plan.to_owned(),
            id: self.id.clone(),
            by: "payment".to_owned(),
            at_ms: self.at_ms,
        }
    }

    fn row(&self) -> PaymentRow {
        let (plan, credits) = match &self.buys {
            Bought::Credits(credits) => ("", *credits),
            Bought::Plan(plan) => (plan.as_str(), 0),
        };
        PaymentRow {
            id: self.id.clone(),
            key: self.key.as_str().to_owned(),
            plan: plan.to_owned(),
            credits,
            paid: self.paid.min(i64::MAX as u64),
            currency: self.currency.clone(),
            at_ms: self.at_ms.min(LAST_MS),
            done: u8::from(matches!(self.buys, Bought::Credits(_))),
        }
    }
}

/// See [`Ledger::paid_plan_is_on`].
struct Done {
    key: Name,
    at_ms: u64,
}

impl Change for Done {
    type Answer = ();
    const ATTEMPT: &'static str = "remember that a paid plan is on";

    fn check(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    fn wants(&self, _: &mut Wants) {}

    fn apply(&self, sheet: &mut Sheet) {
        const DONE: &str =
            "UPDATE payments SET done = 1 WHERE done = 0 AND key = $1 AND at_ms <= $2";
        let key = self.key.as_str().to_owned();
        sheet.run(DONE, vec![key.into(), self.at_ms.min(LAST_MS).into()]);
    }
}

/// See [`Ledger::pay`].
struct Pay {
    payment: Payment,
    sale: Sale,
}

impl Change for Pay {
    type Answer = Result<Paid, PayRefused>;
    const ATTEMPT: &'static str = "keep a payment";

    fn check(&self) -> Result<(), LedgerError> {
        let payment = &self.payment;
        fits_id("a payment's id", &payment.id)?;
        fits_id("a key's name", payment.key.as_str())?;
        fits_id("a currency", &payment.currency)?;
        match &payment.buys {
            Bought::Credits(_) => Ok(()),
            Bought::Plan(plan) => {
                self.sale.check()?;
                fits_id("a plan's name", plan)
            }
        }
    }

    fn wants(&self, wants: &mut Wants) {
        let payment = &self.payment;
        match &payment.buys {
            Bought::Credits(credits) => payment.top_up(*credits).wants(wants),
            Bought::Plan(plan) => payment.renewal(plan, &self.sale).wants(wants),
        }
    }

    fn apply(&self, sheet: &mut Sheet) -> Self::Answer {
        let payment = &self.payment;
        let new = match &payment.buys {
            Bought::Credits(credits) => match payment.top_up(*credits).apply(sheet) {
                Ok(made) => made.new,
                Err(TopUpRefused::OtherEntry) => return Err(PayRefused::OtherEvent),
                Err(_) => return Err(PayRefused::TooMuch),
            },
            Bought::Plan(plan) => match payment.renewal(plan, &self.sale).apply(sheet) {
                Renewed::At { new, .. } => new,
                Renewed::OtherEntry => return Err(PayRefused::OtherEvent),
            },
        };
        if new {
            sheet.payments.push(payment.row());
        }
        Ok(Paid { new })
    }
}

impl Sale {
    pub(super) fn check(&self) -> Result<(), LedgerError> {
        let currency = self.price.as_ref().map_or("", |price| &price.currency);
        match currency {
            "" => Ok(()),
            currency => fits_id("a currency", currency),
        }
    }

    pub(super) fn row(&self, key: &str, plan: &str) -> TermRow {
        let price = self.price.as_ref();
        TermRow {
            key: key.to_owned(),
            plan: plan.to_owned(),
            at_ms: self.at_ms.min(LAST_MS),
            price: price.map(|price| price.micros.min(i64::MAX as u64)),
            currency: price
                .map(|price| price.currency.clone())
                .unwrap_or_default(),
        }
    }
}

impl TermRow {
    /// As it is told; `None`: its key is no name.
    pub(super) fn read(self) -> Option<Term> {
        let currency = self.currency;
        let price = self.price.map(|micros| Money { micros, currency });
        Some(Term {
            key: self.key.parse().ok()?,
            plan: self.plan,
            sale: Sale {
                at_ms: self.at_ms,
                price,
            },
        })
    }
}

impl PaymentRow {
    /// As it is told; `None`: its key is no name.
    pub(super) fn read(self) -> Option<Received> {
        let done = self.done == 1;
        let buys = if self.plan.is_empty() {
            Bought::Credits(self.credits)
        } else {
            Bought::Plan(self.plan)
        };
        let payment = Payment {
            id: self.id,
            key: self.key.parse().ok()?,
            buys,
            paid: self.paid,
            currency: self.currency,
            at_ms: self.at_ms,
        };
        Some(Received { payment, done })
    }
}

impl Change for Mark {
    type Answer = bool;
    const ATTEMPT: &'static str = "remember that somebody was told of a budget";

    fn check(&self) -> Result<(), LedgerError> {
        fits_id("a key's name", self.key.as_str())?;
        fits_id("a budget's name", &self.budget)
    }

    fn wants(&self, wants: &mut Wants) {
        // Its lock is also that of its marks.
        wants.accounts.insert(self.key.as_str().to_owned());
        wants.marks.insert(self.key.as_str().to_owned());
    }

    fn apply(&self, sheet: &mut Sheet) -> bool {
        let of = (self.key.as_str().to_owned(), self.budget.clone());
        let told = sheet.marks.get(&of).map_or(0, |mark| mark.percent);
        if told >= self.percent {
            return false;
        }
        let (key, budget) = of.clone();
        let row = MarkRow {
            key,
            budget,
            percent: self.percent,
            at_ms: self.at_ms.min(LAST_MS),
        };
        sheet.marks.put(of, row);
        true
    }
}
