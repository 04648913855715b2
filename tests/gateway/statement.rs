//! A statement through `purser up` is what the providers themselves counted: ten thousand calls, plain and streamed, some that fail over,
//! some whose caller leaves, some from a prompt cache, to the millionth of a credit. The providers' own books are the oracle, and no
//! record of ours is looked at to make it.
//!
//! Of an answer whose caller left there is a count to be exact about only where the provider tells it along with the content: what was
//! used until then, which under `clientLeft: Full` is paid. Where it would come with the last event it never comes, and an estimate is
//! charged, which says so.

use super::records::up;
use super::setup::SOON;
use purser_authority::ledger::{Ledger, Scope};
use purser_config::Name;
use purser_console::bill::{GROUPS, Of, Statement, Wanted, csv, statement};
use purser_tests::provider::{Behaviour, Book, Provider};
use purser_tests::sse_client::Call;
use serde_json::json;
use std::net::SocketAddr;
use std::path::Path;
use tokio::task::JoinSet;

const KEY: &str = "sk-statement-0123456789abcdefghijklmnopqrstu";
const CALLERS: u64 = 16;

/// Millionths, at so much a token that is read, from the cache, and written.
fn at(book: Book, [input, cached, output]: [u64; 3]) -> u64 {
    (book.input - book.cached) * input + book.cached * cached + book.output * output
}

/// Two channels; the first is tried first, and the second costs more.
struct Shop {
    first: Provider,
    second: Provider,
    address: SocketAddr,
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

/// Of what is read, from the cache, and written, in millionths of a credit; and what the channels' owner pays.
const PRICE: [u64; 3] = [3, 1, 15];
const COSTS: [[u64; 3]; 2] = [[2, 1, 4], [5, 3, 9]];

/// An answer that came in part from a prompt cache.
fn from_cache() -> Behaviour {
    let body = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "one two three four five"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 23, "completion_tokens": 5, "total_tokens": 28, "prompt_tokens_details": {"cached_tokens": 11}}
    });
    Behaviour::json(200, body.to_string())
}

/// What a caller does with the answer to its call.
#[derive(Clone, Copy, PartialEq)]
enum Caller {
    Reads,
    Streams,
    /// Once it has read so many words, which is all that was written of its answer.
    Leaves(usize),
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
        Caller::Leaves(words) => {
            let mut read = 0;
            while read < words {
                let event = answer.next().await.unwrap().unwrap();
                let content = event.json()["choices"][0]["delta"]["content"].clone();
                read += usize::from(content.as_str().is_some_and(|text| !text.is_empty()));
            }
        }
    }
}

impl Shop {
    /// So many calls while the providers behave so, until nothing of them is in hand.
    async fn calls(&self, calls: u64, caller: Caller, [first, second]: [Behaviour; 2]) {
        self.first.set(first).await.unwrap();
        self.second.set(second).await.unwrap();
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
        for provider in [&self.first, &self.second] {
            let idle = provider.until("nothing in hand", |counts| counts.at_once == 0);
            idle.await.unwrap();
        }
    }

    /// Ten thousand of every kind.
    async fn day(&self) {
        let (good, busy) = (Behaviour::healthy, || Behaviour::status(503));
        let (reads, streams) = (Caller::Reads, Caller::Streams);
        self.calls(2_000, reads, [good(), good()]).await;
        self.calls(2_000, streams, [good(), good()]).await;
        for words in [1, 4] {
            let counts = [(); 2].map(|()| Behaviour::CountsThenHangs(words));
            self.calls(750, Caller::Leaves(words), counts).await;
        }
        self.calls(1_500, reads, [from_cache(), from_cache()]).await;
        let fails_first = [Behaviour::StreamErrorFirst, good()];
        self.calls(1_000, streams, fails_first).await;
        self.calls(1_000, reads, [busy(), good()]).await;
        self.calls(1_000, reads, [busy(), from_cache()]).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_what_the_providers_counted_for_ten_thousand_mixed_calls() {
    let first = Provider::start(Behaviour::healthy()).await.unwrap();
    let second = Provider::start(Behaviour::healthy()).await.unwrap();
    let [files, data] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    std::fs::write(files.path().join("shop.yaml"), manifests(&first, &second)).unwrap();
    let (mut process, address) = up(files.path(), data.path()).await;
    let shop = Shop {
        first,
        second,
        address,
    };
    shop.day().await;
    assert!(process.end(SOON).await.unwrap().success());

    let told = told(data.path()).await;
    let books = [shop.first.book(), shop.second.book()];
    let sum = |of: fn(&Book) -> u64| books.iter().map(of).sum::<u64>();
    assert_eq!(sum(|book| book.calls), 10_000, "each was answered by one");
    assert_eq!(sum(|book| book.left), 1_500, "callers that left");
    let [line] = &told.lines[..] else {
        panic!("{told:?}")
    };
    let tokens = [line.input_tokens, line.cached_tokens, line.output_tokens];
    assert_eq!(
        (line.calls, line.errors, tokens),
        (
            10_000,
            0,
            [
                sum(|book| book.input),
                sum(|book| book.cached),
                sum(|book| book.output)
            ]
        )
    );
    let credits: u64 = books.iter().map(|book| at(*book, PRICE)).sum();
    let cost: u64 = books
        .iter()
        .zip(COSTS)
        .map(|(book, cost)| at(*book, cost))
        .sum();
    assert_eq!((line.credits, line.unpaid, line.cost), (credits, 0, cost));
    assert_eq!(line.margin, -((cost + line.waste) as i64));
    let written = format!("shop/one,10000,0,{},", sum(|book| book.input));
    assert!(csv(&told).contains(&written), "{}", csv(&told));
}
