//! A caller leaves in the middle of an answer that it pays for by tokens: the provider's last word on it is waited for, and changes nothing
//! for the caller. Through `purser up`; the record is read from its ledger once the process has ended.

use super::records::{read, up};
use super::setup::SOON;
use purser_config::usage::{End, Record};
use purser_tests::process::Process;
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;

const KEY: &str = "sk-left-00-0123456789abcdefghijklmnopqrstuv";

fn manifests(provider: &Provider) -> String {
    let url = provider.url();
    format!(
        "apiVersion: purser.dev/v1alpha1\nkind: Plan\nmetadata: {{name: metered}}\nspec: {{models: {{allow: ['*']}}, maxOutputTokens: 50, credits: {{grant: '100'}}, prices: [{{models: ['*'], perMillionTokens: {{input: '3', output: '15'}}}}]}}\n---\n\
         apiVersion: purser.dev/v1alpha1\nkind: ApiKey\nmetadata: {{name: one, namespace: shop}}\nspec: {{plan: metered}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: one-key, namespace: shop}}\nstringData: {{apiKey: {KEY}}}\n---\n\
         apiVersion: purser.dev/v1alpha1\nkind: ProviderChannel\nmetadata: {{name: only, namespace: shop}}\nspec: {{provider: OpenAICompatible, baseURL: '{url}', models: [{{name: m, cost: {{perMillionTokens: {{input: '1', output: '2'}}}}}}]}}\n"
    )
}

struct Shop {
    provider: Provider,
    process: Process,
    address: SocketAddr,
    _files: TempDir,
    data: TempDir,
}

impl Shop {
    /// Its provider writes so many words, 20 ms apart.
    async fn open(chunks: usize) -> Shop {
        let interval = Duration::from_millis(20);
        let provider = Provider::start(Behaviour::Answers { chunks, interval }).await;
        let provider = provider.unwrap();
        let [files, data] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        std::fs::write(files.path().join("shop.yaml"), manifests(&provider)).unwrap();
        let (process, address) = up(files.path(), data.path()).await;
        Shop {
            provider,
            process,
            address,
            _files: files,
            data,
        }
    }

    /// A call whose caller leaves once it has read two words.
    async fn leaves(&self) {
        let call = Call::chat("m", "Name three ships that sail the northern seas.", true).key(KEY);
        let mut answer = call.send(self.address).await.unwrap();
        let mut words = 0;
        while words < 2 {
            let event = answer.next().await.unwrap().unwrap();
            let content = event.json()["choices"][0]["delta"]["content"].clone();
            words += usize::from(content.as_str().is_some_and(|text| !text.is_empty()));
        }
    }

    /// Ends the process; the only record.
    async fn record(&mut self) -> Record {
        assert!(self.process.end(SOON).await.unwrap().success());
        let (ledger, mut records) = read(self.data.path()).await;
        assert_eq!(ledger.verify().await.unwrap(), []);
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }
}

#[tokio::test]
async fn the_providers_own_count_is_waited_for_and_the_caller_pays_what_it_was_given() {
    let mut shop = Shop::open(20).await;
    shop.leaves().await;
    let whole = shop
        .provider
        .until("its whole answer to be written", |counts| {
            counts.at_once == 0
        });
    whole.await.unwrap();
    assert_eq!(shop.provider.book().left, 0, "nobody left the provider");
    let one = shop.record().await;
    assert_eq!((one.end, one.status), (End::ClientLeft, 200));
    assert_eq!((one.tokens.input, one.tokens.output), (7, 20), "{one:?}");
    assert!(!one.estimated, "the provider said so: {one:?}");
    let (read, whole) = (7 * 3, 7 * 3 + 20 * 15);
    assert!((read + 1..whole).contains(&one.credits), "{one:?}");
    assert_eq!(one.credits + one.unpaid, whole, "{one:?}");
    assert_eq!(
        one.cost,
        7 + 20 * 2,
        "what the channel's owner pays: {one:?}"
    );
}

#[tokio::test]
async fn the_end_of_the_process_waits_for_no_such_answer_and_loses_no_record() {
    let mut shop = Shop::open(100_000).await;
    shop.leaves().await;
    let one = shop.record().await;
    assert_eq!((one.end, one.status), (End::ClientLeft, 200));
    assert!(one.estimated && one.credits > 0, "{one:?}");
}
