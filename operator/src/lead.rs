//! Everything that an operator does once it may serve, put together. `run` starts it, when the Lease is taken or at once where replicas
//! share their stores, and drops it when the operator ends. What writes to the API server is in `effects`.

mod chores;
mod effects;

use crate::admin::{Part, Ready};
use crate::args::Run;
use crate::certificate::Certificates;
use crate::clock::Clock;
use crate::gateway::SharedGateway;
use crate::house::{ClusterHouse, Publications, Reviews};
use crate::inject;
use crate::lease::Tenure;
use crate::metrics::Metrics;
use crate::reconcile::Reconciler;
use crate::run::Failure;
use crate::secrets::Secrets;
use crate::serve::{Hub, Reviewer, Server};
use crate::status::Teller;
use crate::stores::{self, Opened};
use crate::sweep::Sweeper;
use crate::warn::Warnings;
use crate::watch::Watched;
use crate::webhook;
use crate::world::Guards;
use chores::{mark_begun, prove, tell_others, tell_shares, turn_certificates};
use effects::Effects;
use kube::{Api, Client};
use purser_compile::{Gateway, Options};
use purser_console::{Console, PaymentSecrets, Settings};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// How long after a failure windows and ledger are opened again.
const OPENS_AGAIN: Duration = Duration::from_secs(2);

/// What it starts from.
pub(crate) struct Lead {
    /// The settings.
    pub(crate) run: Run,
    /// How people sign in who have no password here.
    pub(crate) sign_in: Option<Settings>,
    /// The API server.
    pub(crate) client: Client,
    /// This process's clock.
    pub(crate) clock: Clock,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Told when streams are served.
    pub(crate) ready: Ready,
    /// What the cluster holds.
    pub(crate) watched: Arc<Watched>,
    /// By what right it answers.
    pub(crate) tenure: Tenure,
    /// Whether this is the one that writes.
    pub(crate) leads: watch::Receiver<bool>,
    /// Who we are.
    pub(crate) identity: String,
}

/// Where it is asked.
pub(crate) struct Listeners {
    /// By sidecars.
    pub(crate) streams: TcpListener,
    /// By the API server, where pods are injected or objects warned of.
    pub(crate) webhook: Option<TcpListener>,
    /// By people, where a console is wanted.
    pub(crate) console: Option<TcpListener>,
}

/// What several of its parts share.
#[derive(Clone)]
struct Shared {
    hub: Arc<Hub>,
    certificates: Arc<Certificates>,
    secrets: Secrets,
    report: Arc<Notify>,
}

impl Lead {
    /// Publishes, then serves. Returns only when a part has ended that never should; dropped, it ends them all.
    pub(crate) async fn serve(
        self,
        Listeners {
            streams,
            webhook,
            console,
        }: Listeners,
        mut tasks: JoinSet<()>,
    ) -> Result<(), Failure> {
        let report = Arc::new(Notify::new());
        let own = Api::namespaced(self.client.clone(), &self.run.namespace);
        let certificates = Certificates::open(own, stream_names(&self.run), self.run.leaf_life);
        let certificates = Arc::new(certificates.await?);
        tasks.spawn(turn_certificates(
            Arc::clone(&certificates),
            Arc::clone(&self.metrics),
            Arc::clone(&report),
        ));
        if let Some(webhook) = webhook {
            self.webhook(webhook, &certificates, &mut tasks).await?;
        }
        tasks.spawn(self.teller().run());
        let opened = self.opened().await?;
        let shared = self.shared(certificates, report, &opened);
        tasks.spawn(shared.secrets.clone().run());
        self.watched.ready().await?;
        self.watched.prove().await;

        let (mut reconciler, publications) = self.reconciler(&shared);
        reconciler.start().await;
        tasks.spawn(reconciler.run());
        if let Some(console) = console {
            let house = self.house(&shared, publications.clone());
            tasks.spawn(open(console, house, self.sign_in.clone()));
        }
        let effects = self.effects(&shared);
        tasks.spawn(effects.run(publications, self.leads.clone()));
        self.look_after(&shared, &mut tasks);
        tasks.spawn(self.server(&shared).run(streams));
        self.ready.set(true);
        tracing::info!("serving");
        let _closes = Closes {
            hub: shared.hub,
            ready: self.ready,
        };
        let ended = tasks.join_next().await;
        tracing::error!(
            panicked = ended.is_some_and(|ended| ended.is_err()),
            "a part ended"
        );
        Err(Failure::Ended)
    }

    fn shared(
        &self,
        certificates: Arc<Certificates>,
        report: Arc<Notify>,
        opened: &Opened,
    ) -> Shared {
        let hub = Hub::new(
            self.clock,
            self.tenure.clone(),
            Arc::clone(&report),
            Arc::clone(&opened.authority),
        );
        let hub = Arc::new(hub.watching(self.watched.level.clone()));
        let secrets = Secrets::new(self.client.clone(), self.clock, self.watched.dirty.clone());
        Shared {
            hub,
            certificates,
            secrets,
            report,
        }
    }

    /// What is done again and again for as long as streams are served.
    fn look_after(&self, shared: &Shared, tasks: &mut JoinSet<()>) {
        tasks.spawn(tell_shares(Arc::clone(&shared.hub)));
        if self.tenure.is_shared() {
            tasks.spawn(tell_others(Arc::clone(&shared.hub)));
        }
        tasks.spawn(self.sweeper(shared).run());
        tasks.spawn(prove(Arc::clone(&self.watched)));
        tasks.spawn(mark_begun(
            shared.hub.authority().begun(),
            self.watched.dirty.clone(),
        ));
    }

    /// Answers the API server, before anything else: without an answer no pod that asks for a sidecar is created.
    async fn webhook(
        &self,
        listener: TcpListener,
        certificates: &Arc<Certificates>,
        tasks: &mut JoinSet<()>,
    ) -> Result<(), Failure> {
        let injects = self.injects().await?;
        let warns = self.run.warnings.then(|| Warnings {
            watched: Arc::clone(&self.watched),
            options: self.options(),
        });
        let registration = webhook::Registration {
            client: self.client.clone(),
            certificates: Arc::clone(certificates),
            name: self.run.webhook_name.clone(),
            leads: self.leads.clone(),
            injects: injects.is_some(),
            warns: warns.is_some(),
        };
        let server = Arc::new(webhook::Server {
            injects,
            warns,
            metrics: Arc::clone(&self.metrics),
        });
        let presented: Arc<Certificates> = Arc::clone(certificates);
        tasks.spawn(server.run(listener, presented));
        tasks.spawn(registration.run());
        Ok(())
    }

    /// What sidecars are made of, where pods get one.
    async fn injects(&self) -> Result<Option<inject::Settings>, Failure> {
        let Some(image) = self.run.inject_image.clone() else {
            return Ok(None);
        };
        let version = self.client.apiserver_version().await?;
        let namespace = &self.run.namespace;
        let operator = self.run.stream_url.clone();
        Ok(Some(inject::Settings {
            image,
            pull_policy: self.run.inject_pull_policy.clone(),
            operator: operator
                .unwrap_or_else(|| format!("https://purser-operator.{namespace}.svc:8443")),
            gateway: SharedGateway::of(&self.run).map(|gateway| gateway.url),
            otlp: self.run.inject_otlp.clone(),
            native: has_native_sidecars(&version.major, &version.minor),
        }))
    }

    fn options(&self) -> Options {
        Options {
            gateway: match self.run.gateway_account {
                Some(_) => Gateway::Apart,
                None => Gateway::Absent,
            },
        }
    }

    /// Opens what the authority keeps, as soon as it can be opened: what is wrong with it a person may mend meanwhile.
    async fn opened(&self) -> Result<Opened, Failure> {
        loop {
            match stores::open(&self.run, &self.tenure, self.clock).await {
                Ok(opened) => {
                    self.opens(None);
                    return Ok(opened);
                }
                Err(error) if error.is_final() => return Err(error.into()),
                Err(error) => {
                    tracing::error!(%error, "nothing is served before windows and ledger are open; they are tried again");
                    self.opens(Some((error.part(), error.to_string())));
                }
            }
            tokio::time::sleep(OPENS_AGAIN).await;
        }
    }

    /// What keeps windows or ledger from being opened.
    fn opens(&self, suffers: Option<(Part, String)>) {
        for part in [Part::OpeningWindows, Part::OpeningLedger] {
            let of = suffers.as_ref().filter(|(of, _)| *of == part);
            self.ready
                .suffers(part, of.map(|(_, trouble)| trouble.clone()));
        }
    }

    fn teller(&self) -> Teller {
        Teller {
            client: self.client.clone(),
            watched: Arc::clone(&self.watched),
            ready: self.ready.clone(),
            leads: self.leads.clone(),
        }
    }

    fn sweeper(&self, shared: &Shared) -> Sweeper {
        Sweeper {
            hub: Arc::clone(&shared.hub),
            ready: self.ready.clone(),
            after: self.run.unconfirmed_after,
        }
    }

    fn reconciler(&self, shared: &Shared) -> (Reconciler, Publications) {
        let (to_effects, publications) = watch::channel(None);
        let reconciler = Reconciler {
            watched: Arc::clone(&self.watched),
            namespaces: self.run.watch_namespaces.as_slice().into(),
            guards: Guards::new(self.run.force),
            secrets: shared.secrets.clone(),
            options: self.options(),
            hub: Arc::clone(&shared.hub),
            metrics: Arc::clone(&self.metrics),
            effects: to_effects,
        };
        (reconciler, publications)
    }

    fn server(&self, shared: &Shared) -> Arc<Server> {
        let (hub, metrics) = (Arc::clone(&shared.hub), Arc::clone(&self.metrics));
        let gateway = SharedGateway::of(&self.run);
        let reviewer = Reviewer::new(self.client.clone(), gateway.clone());
        Arc::new(Server {
            hub,
            reviewer,
            metrics,
            clock: self.clock,
            certificates: Arc::clone(&shared.certificates),
            gateway,
        })
    }

    fn house(&self, shared: &Shared, publications: Publications) -> ClusterHouse {
        ClusterHouse {
            client: self.client.clone(),
            clock: self.clock,
            hub: Arc::clone(&shared.hub),
            publications,
            looked: Mutex::default(),
            payment_secrets: PaymentSecrets {
                stripe: self.run.stripe_secret.clone(),
                hmac: self.run.payment_secret.clone(),
            },
            certificates: Arc::clone(&shared.certificates),
            reviews: Reviews::new(self.client.clone()),
        }
    }

    fn effects(&self, shared: &Shared) -> Effects {
        Effects {
            client: self.client.clone(),
            hub: Arc::clone(&shared.hub),
            watched: Arc::clone(&self.watched),
            certificates: Arc::clone(&shared.certificates),
            secrets: shared.secrets.clone(),
            metrics: Arc::clone(&self.metrics),
            report: Arc::clone(&shared.report),
            clock: self.clock,
            identity: self.identity.clone(),
            usage_every: self.run.usage_status_every,
            webhook: self.run.budget.webhook(),
            gateway_in: SharedGateway::of(&self.run).map(|gateway| gateway.namespace),
        }
    }
}

/// Serves the console; its first lines say how its first user is made.
async fn open(listener: TcpListener, house: ClusterHouse, sign_in: Option<Settings>) {
    let console = Console::new(Arc::new(house)).signing_in(sign_in);
    let console = Arc::new(console);
    match console.setup_token().await {
        Ok(Some(token)) => {
            tracing::warn!(
                token,
                "the console has no user yet; make the first administrator there with this one-time token"
            );
        }
        Ok(None) => {}
        Err(error) => tracing::error!(error, "nobody knows whether the console has a user"),
    }
    purser_console::serve(listener, console).await;
}

/// However the operator stops leading, its streams end, so that sidecars look for the successor at once.
struct Closes {
    hub: Arc<Hub>,
    ready: Ready,
}

impl Drop for Closes {
    fn drop(&mut self) {
        self.ready.set(false);
        self.hub.close();
    }
}

/// Since Kubernetes 1.29 an init container with `restartPolicy: Always` runs beside the others.
fn has_native_sidecars(major: &str, minor: &str) -> bool {
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u32>().unwrap_or(0)
    };
    (number(major), number(minor)) >= (1, 29)
}

/// The names under which sidecars in the cluster, and the API server, find us, and those that were asked for.
fn stream_names(run: &Run) -> Vec<String> {
    let namespace = &run.namespace;
    let of = |service: &str| {
        ["", ".svc", ".svc.cluster.local"].map(|suffix| format!("{service}.{namespace}{suffix}"))
    };
    let mut names = vec!["purser-operator".to_owned()];
    names.extend(of("purser-operator"));
    names.extend(of("purser-webhook"));
    names.extend(run.stream_name.iter().cloned());
    names
}
