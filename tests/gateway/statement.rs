//! A statement through `purser up` is what the providers themselves counted: ten thousand calls, plain and streamed, some that fail over,
//! some whose caller leaves, some from a prompt cache, to the millionth of a credit. The providers' own counts are the oracle, and no
//! record of ours is looked at to make it.

use super::records::up;
use super::setup::SOON;
use purser_authority::ledger::{Ledger, Scope};
use purser_config::Name;
use purser_console::bill::{GROUPS, Of, Statement, Wanted, csv, statement};
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use serde_json::json;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::task::JoinSet;

const KEY: &str = "sk-statement-0123456789abcdefghijklmnopqrstu";
const CALLERS: u64 = 16;

/// What a provider says that one of its answers took.
#[derive(Clone, Copy, Default)]
struct Usage {
    input: u64,
    cached: u64,
    output: u64,
}

/// What `Behaviour::healthy` says.
const HEALTHY: Usage = Usage {
    input: 7,
    cached: 0,
    output: 5,
};
/// What `from_cache` says.
const CACHED: Usage = Usage {
    input: 23,
    cached: 11,
    output: 5,
};

impl Usage {
    /// Millionths, at so much a token that is read, from the cache, and written.
    fn at(self, [input, cached, output]: [u64; 3]) -> u64 {
        (self.input - self.cached) * input + self.cached * cached + self.output * output
    }
}

/// A provider's own book: every answer that it gave to its end, as it says what each took.
#[derive(Default)]
struct Book {
    calls: u64,
    input: u64,
    cached: u64,
    output: u64,
    credits: u64,
    cost: u64,
}

impl Book {
    fn enter(&mut self, answers: u64, usage: Usage, cost: [u64; 3]) {
        self.calls += answers;
        self.input += answers * usage.input;
        self.cached += answers * usage.cached;
        self.output += answers * usage.output;
        self.credits += answers * usage.at([3, 1, 15]);
        self.cost += answers * usage.at(cost);
    }
}

/// Two channels; the first is tried first, and the second costs more.
struct Shop {
    first: Provider,
    second: Provider,
    address: SocketAddr,
    book: Book,
}

fn manifests(first: &Provider, second: &Provider) -> String {
    let channel = |name: &str, url: &str, priority: u32, cost: [u64; 3]| {
        let [input, cached, output] = cost;
        format!(
            "---\napiVersion: purser.dev/v1alpha1\nkind: ProviderChannel\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{provider: OpenAICompatible, baseURL: '{url}', priority: {priority}, models: [{{name: m, cost: {{perMillionTokens: {{input: '{input}', cachedInput: '{cached}', output: '{output}'}}}}}}]}}\n"
        )
    };
    format!(
        "apiVersion: purser.dev/v1alpha1\nkind: Plan\nmetadata: {{name: metered}}\nspec: {{models: {{allow: ['*']}}, maxOutputTokens: 50, onAbort: {{clientLeft: Full}}, credits: {{grant: '1000'}}, prices: [{{models: ['*'], perMillionTokens: {{input: '3', cachedInput: '1', output: '15'}}}}]}}\n---\n\
         apiVersion: purser.dev/v1alpha1\nkind: ApiKey\nmetadata: {{name: one, namespace: shop}}\nspec: {{plan: metered}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: one-key, namespace: shop}}\nstringData: {{apiKey: {KEY}}}\n{}{}",
        channel("first", &first.url(), 0, COSTS[0]),
        channel("second", &second.url(), 1, COSTS[1]),
    )
}

const COSTS: [[u64; 3]; 2] = [[2, 1, 4], [5, 3, 9]];

/// An answer that came in part from a prompt cache.
fn from_cache() -> Behaviour {
    let body = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "one two three four five"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": CACHED.input, "completion_tokens": CACHED.output, "total_tokens": CACHED.input + CACHED.output,
            "prompt_tokens_details": {"cached_tokens": CACHED.cached}}
    });
    Behaviour::json(200, body.to_string())
}

/// What a caller does with the answer to its call.
#[derive(Clone, Copy, PartialEq)]
enum Caller {
    Reads,
    Streams,
    /// After the first content.
    Leaves,
}

async fn ask(address: SocketAddr, caller: Caller) {
    // Long enough that what is reserved for it is more than any provider here says that it took.
    let text = "Name three ships that sail the northern seas. ".repeat(6);
    let call = Call::chat("m", &text, caller != Caller::Reads).key(KEY);
    let mut answer = call.send(address).await.unwrap();
    assert_eq!(answer.status(), 200);
    match caller {
        Caller::Reads => drop(answer.body().await.unwrap()),
        Caller::Streams => drop(answer.stream().await),
        Caller::Leaves => drop(answer.next().await.unwrap()),
    }
}

impl Shop {
    /// So many calls while the providers behave so; then both books are written.
    async fn calls(&mut self, calls: u64, caller: Caller, behave: [(Behaviour, Usage); 2]) {
        let [(one, first), (other, second)] = behave;
        self.first.set(one).await.unwrap();
        self.second.set(other).await.unwrap();
        let before = self.answered();
        let mut callers = JoinSet::new();
        for number in 0..CALLERS {
            let (address, turns) = (self.address, (number..calls).step_by(CALLERS as usize));
            callers.spawn(async move {
                for _ in turns {
                    ask(address, caller).await;
                }
            });
        }
        while let Some(ended) = callers.join_next().await {
            ended.unwrap();
        }
        // Of callers that left, the gateway reads on.
        for provider in [&self.first, &self.second] {
            provider
                .until("nothing in hand", |counts| counts.at_once == 0)
                .await
                .unwrap();
        }
        let after = self.answered();
        for (at, usage) in [(0, first), (1, second)] {
            // One that fails says nothing of tokens, and is no call that anybody pays.
            if usage.input > 0 {
                self.book.enter(after[at] - before[at], usage, COSTS[at]);
            }
        }
    }

    /// Ten thousand of every kind.
    async fn day(&mut self) {
        let fails = |behaviour| (behaviour, Usage::default());
        self.calls(2_000, Caller::Reads, [healthy(), healthy()])
            .await;
        self.calls(2_000, Caller::Streams, [healthy(), healthy()])
            .await;
        self.calls(1_500, Caller::Leaves, [slow(), slow()]).await;
        self.calls(
            1_500,
            Caller::Reads,
            [(from_cache(), CACHED), (from_cache(), CACHED)],
        )
        .await;
        self.calls(
            1_000,
            Caller::Streams,
            [fails(Behaviour::StreamErrorFirst), healthy()],
        )
        .await;
        self.calls(
            1_000,
            Caller::Reads,
            [fails(Behaviour::status(503)), healthy()],
        )
        .await;
        self.calls(
            1_000,
            Caller::Reads,
            [fails(Behaviour::status(503)), (from_cache(), CACHED)],
        )
        .await;
    }

    fn answered(&self) -> [u64; 2] {
        [&self.first, &self.second].map(|provider| {
            let counts = provider.counts();
            assert_eq!(counts.abandoned, 0, "what it began it ended");
            counts.answered
        })
    }
}

async fn told(data: &Path) -> Statement {
    let ledger = Ledger::sqlite(&data.join("ledger.db")).await.unwrap();
    let wanted = Wanted {
        of: Of::Key,
        name: Some("shop/one".to_owned()),
        scope: Scope::All,
        from_ms: 0,
        to_ms: u64::MAX,
        currency: "USD".to_owned(),
        prices: [].into(),
    };
    let sums = ledger.sums(wanted.query(), &GROUPS).await.unwrap();
    let terms = ledger.terms(0, u64::MAX).await.unwrap();
    assert_eq!(ledger.verify().await.unwrap(), []);
    let used = ledger.accounts(0).await.unwrap()[&Name::new("shop", "one")].credits_used;
    let told = statement(&wanted, &sums, &terms);
    assert_eq!(told.total.credits, used, "the account was charged the same");
    told
}

fn healthy() -> (Behaviour, Usage) {
    (Behaviour::healthy(), HEALTHY)
}

/// A stream that takes its time, so that its caller can leave it.
fn slow() -> (Behaviour, Usage) {
    let interval = Duration::from_millis(3);
    (
        Behaviour::Answers {
            chunks: 5,
            interval,
        },
        HEALTHY,
    )
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "issue 7: a provider whose caller leaves does not end its answer, so its own count of those calls is yet to be made"]
async fn a_statement_is_what_the_providers_counted_for_ten_thousand_mixed_calls() {
    let first = Provider::start(Behaviour::healthy()).await.unwrap();
    let second = Provider::start(Behaviour::healthy()).await.unwrap();
    let [files, data] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    std::fs::write(files.path().join("shop.yaml"), manifests(&first, &second)).unwrap();
    let (mut process, address) = up(files.path(), data.path()).await;
    let book = Book::default();
    let mut shop = Shop {
        first,
        second,
        address,
        book,
    };
    shop.day().await;
    assert!(process.end(SOON).await.unwrap().success());

    let (told, book) = (told(data.path()).await, shop.book);
    assert_eq!(
        book.calls, 10_000,
        "every call was answered whole by somebody"
    );
    let [line] = &told.lines[..] else {
        panic!("{told:?}")
    };
    let tokens = [line.input_tokens, line.cached_tokens, line.output_tokens];
    assert_eq!(
        (line.calls, line.errors, tokens),
        (10_000, 0, [book.input, book.cached, book.output])
    );
    assert_eq!(
        (line.credits, line.unpaid, line.cost),
        (book.credits, 0, book.cost)
    );
    assert_eq!(line.margin, -((book.cost + line.waste) as i64));
    let written = format!("shop/one,10000,0,{},", book.input);
    assert!(csv(&told).contains(&written), "{}", csv(&told));
}
