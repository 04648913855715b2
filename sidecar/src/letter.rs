//! A call in the words of the providers that it must be translated for: read once, written once for each of them. Kept by `call`, asked by
//! `failover` for who can be told it at all and by `upstream` for what to send. It must never read a body that no channel needs read.

use crate::call::Call;
use crate::images::Images;
use crate::reject::{Fault, Reject};
use crate::snapshot::Serving;
use crate::way::Way;
use bytes::Bytes;
use http::{HeaderMap, header};
use purser_config::{Endpoint, Provider};
use purser_dialects::embed::{self, Embed, EmbedWire};
use purser_dialects::provider::Quirks;
use purser_dialects::talk::Ask;
use purser_dialects::translate::{AskFault, Asked, Echo, Target, Unsayable, read_ask, write_ask};
use purser_dialects::{
    Dialect, Verb, Wire, count, is_strict, suited, takes_mistrals_words, thinks_beyond,
};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What one kind of provider is sent.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The body.
    pub body: Bytes,
    /// Whether thoughts that only another provider can read were left out.
    pub removed_state: bool,
}

/// Why a channel cannot be told a call.
#[derive(Clone, Debug)]
pub enum Unfit {
    /// The body is not what its API says it is.
    Fault(AskFault),
    /// The provider's API has no words for it.
    Unsayable(Unsayable),
}

/// All letters of a call.
#[derive(Default)]
pub struct Letters {
    ask: OnceLock<Result<Box<Ask>, AskFault>>,
    embed: OnceLock<Result<Box<Embed>, AskFault>>,
    /// Providers whose callers' bytes went without what another provider had sealed in them.
    sifted: Mutex<Vec<Provider>>,
    written: Mutex<Vec<(Address, Result<Letter, Unfit>)>>,
    /// Whether the caller's own bytes can be spelt as a provider of the same API takes them.
    suits: Mutex<Vec<(Address, Result<(), Unfit>)>>,
}

/// To whom a letter is written: what differs between two of them.
#[derive(Clone, PartialEq)]
struct Address {
    quirks: &'static Quirks,
    model: Arc<str>,
    most_output: Option<u64>,
}

impl Letters {
    /// What this channel is sent instead of the caller's bytes. `most_output`: the most tokens that an answer may have.
    ///
    /// # Errors
    /// When it cannot be told.
    pub fn to(
        &self,
        call: &Call,
        serving: &Serving,
        most_output: Option<u64>,
    ) -> Result<Letter, Unfit> {
        let address = Address::of(call, serving, most_output);
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, letter)) = written.iter().find(|(known, _)| *known == address) {
            return letter.clone();
        }
        let way = serving.way(call.dialect, call.endpoint);
        let letter = self.write((call, way), &address);
        written.push((address, letter.clone()));
        letter
    }

    /// Whether this channel can be sent the caller's bytes, as it takes them.
    ///
    /// # Errors
    /// When it has no words for what they say.
    pub fn suits(&self, call: &Call, serving: &Serving) -> Result<(), Unfit> {
        let address = Address::of(call, serving, None);
        let mut known = self.suits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, suits)) = known.iter().find(|(is, _)| *is == address) {
            return suits.clone();
        }
        let provider = serving.reach.channel.provider;
        let suits = suited(&call.body, provider, serving.upstream_name());
        let suits = suits.map(drop).map_err(Unfit::Unsayable);
        known.push((address, suits.clone()));
        suits
    }

    /// Whether this channel was told less than the caller said.
    pub fn removed_state(&self, serving: &Serving) -> bool {
        let sifted = self.sifted.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        sifted.contains(&serving.reach.channel.provider)
            || written.iter().any(|(address, letter)| {
                let theirs = address.quirks == serving.quirks()
                    && *address.model == *serving.upstream_name();
                theirs && letter.as_ref().is_ok_and(|letter| letter.removed_state)
            })
    }

    /// Notes that a provider gets the caller's bytes without what another had sealed in them.
    pub fn sifted(&self, provider: Provider) {
        let mut sifted = self.sifted.lock().unwrap_or_else(PoisonError::into_inner);
        sifted.push(provider);
    }

    /// The texts that are to be embedded.
    ///
    /// # Errors
    /// What is wrong with the body.
    pub fn embed(&self, call: &Call) -> Result<&Embed, Unfit> {
        let read = || embed::read(embed_wire(call), &call.body, call.model()).map(Box::new);
        let embed = self.embed.get_or_init(read).as_ref();
        embed
            .map(Box::as_ref)
            .map_err(|fault| Unfit::Fault(fault.clone()))
    }

    /// What of the request shapes its answer.
    pub fn asked(&self, call: &Call, now_ms: u64) -> Asked {
        let ask = self.ask.get().and_then(|ask| ask.as_ref().ok());
        Asked {
            model: call.model().to_owned(),
            request_id: call.id_text().to_owned(),
            now: now_ms / 1000,
            wants_usage: ask.is_some_and(|ask| ask.wants_usage),
            as_array: call.as_array,
            names_calls: is_mistrals(&call.headers),
            one_call: ask.is_some_and(|ask| ask.parallel_tools == Some(false)),
            echo: match call.endpoint {
                Endpoint::Responses => Echo::of(&call.body),
                _ => Echo::default(),
            },
        }
    }

    fn write(&self, (call, way): (&Call, Option<Way>), address: &Address) -> Result<Letter, Unfit> {
        if way == Some(Way::Embedded) {
            let wire = EmbedWire::of(address.quirks.wire.dialect());
            let written = embed::write(wire, self.embed(call)?, &address.model);
            return written.map(Letter::from).map_err(Unfit::Unsayable);
        }
        let ask = self.ask.get_or_init(|| read(call));
        let ask = ask.as_ref().map_err(|fault| Unfit::Fault(fault.clone()))?;
        let target = Target {
            quirks: address.quirks,
            model: &address.model,
            most_output: address.most_output,
        };
        if way == Some(Way::Counted) {
            let written = count::write(ask, &target);
            return written.map(Letter::from).map_err(Unfit::Unsayable);
        }
        let written = write_ask(ask, &target).map_err(Unfit::Unsayable)?;
        Ok(Letter {
            body: written.body.into(),
            removed_state: written.removed_state,
        })
    }
}

impl From<Vec<u8>> for Letter {
    fn from(body: Vec<u8>) -> Letter {
        Letter {
            body: body.into(),
            removed_state: false,
        }
    }
}

/// Whether Mistral's own SDK calls, which says so.
fn is_mistrals(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok());
    agent.is_some_and(|agent| agent.contains("mistral"))
}

/// In which form a caller asks for embeddings.
pub fn embed_wire(call: &Call) -> EmbedWire {
    match call.named.as_ref().map(|named| named.verb) {
        None => EmbedWire::OpenAI,
        Some(Verb::BatchEmbedContents) => EmbedWire::Batch,
        Some(_) => EmbedWire::One,
    }
}

fn read(call: &Call) -> Result<Box<Ask>, AskFault> {
    if call.endpoint == Endpoint::CountTokens {
        return count::read(call.dialect, &call.body, call.model()).map(Box::new);
    }
    let wire = Wire::of(call.dialect, call.endpoint).ok_or_else(|| AskFault {
        param: None,
        message: "this endpoint is not translated".into(),
    })?;
    read_ask(wire, &call.body, call.path()).map(Box::new)
}

impl Address {
    /// A limit that is not below the caller's own changes nothing, and is not told apart.
    fn of(call: &Call, serving: &Serving, most_output: Option<u64>) -> Address {
        let model = serving.model().max_output_tokens;
        let most = [most_output, model].into_iter().flatten().min();
        let asked = call.output_limit();
        Address {
            quirks: serving.quirks(),
            model: serving.upstream_name().into(),
            most_output: most.filter(|most| asked.is_none_or(|asked| asked > *most)),
        }
    }
}

impl Call {
    /// Whether this channel can be told the call.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn fits(&self, serving: &Serving) -> Result<(), Unfit> {
        match serving.way(self.dialect, self.endpoint) {
            Some(Way::Translated { .. } | Way::Embedded | Way::Counted) => {
                self.letters.to(self, serving, self.plan_most()).map(|_| ())
            }
            Some(Way::Untouched)
                if (self.dialect, self.endpoint) == (Dialect::Anthropic, Endpoint::Chat) =>
            {
                let beyond = |most| thinks_beyond(&self.body, &self.scan, most);
                let unsayable = self.plan_most().and_then(beyond);
                unsayable.map_or(Ok(()), |why| Err(Unfit::Unsayable(why)))
            }
            Some(Way::Untouched) if self.is_to_be_suited(serving) => {
                self.letters.suits(self, serving)
            }
            _ => Ok(()),
        }
    }

    /// The most tokens that the plan lets one answer have.
    fn plan_most(&self) -> Option<u64> {
        let plan = self.caller.plan.as_ref();
        let plan = plan.and_then(|plan| plan.max_output_tokens);
        [plan, self.room.most_output].into_iter().flatten().min()
    }

    /// Whether the channel's provider shares the caller's API and takes less of it, or other words than this call has: only then are the
    /// caller's bytes read for it.
    pub fn is_to_be_suited(&self, serving: &Serving) -> bool {
        let provider = serving.reach.channel.provider;
        let says_otherwise = self.scan.says.has_mistrals_words() && takes_mistrals_words(provider);
        (self.dialect, self.endpoint) == (Dialect::OpenAI, Endpoint::Chat)
            && (is_strict(provider) || says_otherwise)
    }
}

/// Gets the images at addresses where a channel's API takes only bytes, and reads the call anew with them. What cannot be had is no
/// matter while another channel can be told the addresses.
///
/// # Errors
/// When none can.
pub async fn with_bytes(
    call: &mut Call,
    serving: &[Serving],
    images: &Images,
) -> Result<(), Reject> {
    if !serving.iter().any(|one| lacks_bytes(call, one)) {
        return Ok(());
    }
    // A body that cannot be read is refused by whoever reads it next.
    let Ok(mut ask) = read(call) else {
        return Ok(());
    };
    match images.inline(&mut ask, &call.room.media).await {
        Ok(()) => {
            call.letters = Letters {
                ask: OnceLock::from(Ok(ask)),
                ..Letters::default()
            };
            Ok(())
        }
        // What cannot be told to anybody who counts is estimated.
        Err(_) if call.endpoint == Endpoint::CountTokens => Ok(()),
        Err(reject) if serving.iter().all(|one| call.fits(one).is_err()) => Err(reject),
        Err(_) => Ok(()),
    }
}

/// Whether this channel cannot be told the call for an address in it.
fn lacks_bytes(call: &Call, serving: &Serving) -> bool {
    let Err(Unfit::Unsayable(Unsayable { param, .. })) = call.fits(serving) else {
        return false;
    };
    let media = call.room.media.iter();
    media
        .map(|medium| &medium.path)
        .any(|path| path.starts_with(param.as_str()) || param.starts_with(path.as_str()))
}

impl Unfit {
    /// What the caller is told when no channel can be told the call.
    pub fn reject(self, call: &Call, serving: &Serving) -> Reject {
        match self {
            Unfit::Fault(AskFault { param, message }) => Reject::Invalid {
                code: Fault::Value,
                param,
                message,
            },
            Unfit::Unsayable(Unsayable { param, why }) => {
                let (model, provider) = (call.model(), serving.reach.channel.provider);
                let message = format!(
                    "Unsupported parameter: '{param}' cannot be carried to the model `{model}` at {provider:?}: {why}."
                );
                Reject::Invalid {
                    code: Fault::Unsupported,
                    param: Some(param),
                    message,
                }
            }
        }
    }
}
