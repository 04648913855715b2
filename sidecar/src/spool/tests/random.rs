//! Any row of operations with crashes between them: each call has one record, and the authority sees each once.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Begin,
    End(usize),
    Withdraw(usize),
    Sync,
    /// A batch of so many arrives; its answer may be lost.
    Ship(usize, bool),
    Crash,
    Renew,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Begin),
        8 => any::<usize>().prop_map(Step::End),
        1 => any::<usize>().prop_map(Step::Withdraw),
        4 => Just(Step::Sync),
        4 => (1usize..9, any::<bool>()).prop_map(|(max, heard)| Step::Ship(max, heard)),
        1 => Just(Step::Crash),
        1 => Just(Step::Renew),
    ]
}

/// The spool under test and what should be true of it.
struct World {
    folder: tempfile::TempDir,
    spool: Option<Spool>,
    authority: Authority,
    open: Vec<String>,
    expected: BTreeMap<String, End>,
    calls: usize,
    /// After a new name records may be told twice; the authority knows them by their id.
    renewed: bool,
}

impl World {
    fn new() -> World {
        let folder = super::folder();
        let spool = Some(open(folder.path()).0);
        World {
            folder,
            spool,
            authority: Authority::default(),
            open: Vec::new(),
            expected: BTreeMap::new(),
            calls: 0,
            renewed: false,
        }
    }

    fn take(&mut self, step: Step) {
        let spool = self.spool.as_ref().unwrap();
        match step {
            Step::Begin => {
                let id = format!("r{}", self.calls);
                self.calls += 1;
                spool.intent(&intent(&id)).unwrap();
                self.open.push(id);
            }
            Step::End(which) if !self.open.is_empty() => {
                let id = self.open.swap_remove(which % self.open.len());
                spool.outcome(record(&id)).unwrap();
                self.expected.insert(id, End::Done);
            }
            Step::Withdraw(which) if !self.open.is_empty() => {
                spool.withdraw(&self.open.swap_remove(which % self.open.len()));
            }
            Step::End(_) | Step::Withdraw(_) => {}
            Step::Sync => spool.sync(),
            Step::Ship(max, heard) => {
                if let Some(batch) = spool.next_batch(max) {
                    let mark = self.authority.take(&batch);
                    if heard {
                        spool.kept(&spool.id(), mark);
                    }
                }
            }
            Step::Crash => self.crash(),
            Step::Renew => {
                spool.renew().unwrap();
                self.renewed = true;
            }
        }
    }

    fn crash(&mut self) {
        self.spool = None;
        let (spool, recovered) = open(self.folder.path());
        assert_eq!(recovered.interrupted, self.open.len() as u64);
        assert!(recovered.damaged.is_empty());
        let open = self.open.drain(..);
        self.expected.extend(open.map(|id| (id, End::Interrupted)));
        self.spool = Some(spool);
    }

    fn check(mut self) {
        self.crash();
        self.authority.drain(self.spool.as_ref().unwrap());
        let mut found = BTreeMap::new();
        for record in &self.authority.records {
            let before = found.insert(record.id.clone(), record.end);
            assert!(before.is_none() || self.renewed, "{} twice", record.id);
        }
        assert_eq!(found, self.expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_call_has_exactly_one_record_whatever_happens(steps in prop::collection::vec(step(), 1..150)) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.check();
    }

    #[test]
    fn any_bytes_in_the_folder_are_opened_and_harm_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let folder = super::folder();
        std::fs::write(folder.path().join("0000000000000007.seg"), &bytes).unwrap();
        let (spool, recovered) = open(folder.path());
        prop_assert_eq!(recovered.damaged.len(), usize::from(!bytes.is_empty()));
        prop_assert_eq!(call(&spool, "a"), 1);
    }
}
