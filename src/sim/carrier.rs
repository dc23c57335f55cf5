//! A simulated carrier: every number of a lead file lives behind it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::endpoint::{Endpoint, Happening, SimError, talks};
use super::person::{Keys, Person, PersonInput, PersonOutput, Utterance};
use super::population::{Population, Reach};
use crate::base::{Clock, LegId, Millis, PhoneNumber, Rng, Timestamp};
use crate::conversation::Language;
use crate::media::MediaEvent;
use crate::sip::{Challenge, Credentials};
use crate::speech::people::{self, Line};

/// A machine listens this long after its beep. Units: ms.
const RECORDING: Millis = Millis(12_000);

/// How a simulated carrier is set up.
#[derive(Clone, Debug)]
pub struct CarrierOptions {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Whose numbers live behind it.
    pub leads: Vec<PathBuf>,
    /// The seed its people follow from. Carriers with the same seed have the same people.
    pub seed: u64,
    /// What its people speak.
    pub language: Language,
    /// Asks callers for user and password (RFC 2617 digest).
    pub credentials: Option<Credentials>,
}

/// Who answers on a leg.
enum Party {
    /// It rings; answered or refused at the moment given.
    Ringing { reach: Reach, at: Timestamp, sdp: Option<String>, rng: Box<Rng> },
    /// It rings until the caller gives up.
    Nobody,
    /// A machine; hangs up at the moment given.
    Machine { until: Timestamp },
    /// A person.
    Person(Box<Person>),
}

struct Carrier {
    endpoint: Endpoint,
    population: Population,
    language: Language,
    parties: BTreeMap<LegId, Party>,
    /// How often each number was called.
    calls: BTreeMap<PhoneNumber, u32>,
}

/// Runs a carrier until the socket fails. `ready` is told where it listens.
///
/// # Errors
/// See [`SimError`].
pub async fn run_carrier(
    options: CarrierOptions,
    clock: Arc<dyn Clock>,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), SimError> {
    let mut file = Vec::new();
    for path in &options.leads {
        let failed =
            |problem: String| SimError::LeadFile { path: path.display().to_string(), problem };
        file.push(std::fs::read(path).map_err(|error| failed(error.to_string()))?);
    }
    let population = Population::settle_all(&file, options.seed).map_err(|error| {
        let path = options.leads.first().map(|path| path.display().to_string());
        SimError::LeadFile { path: path.unwrap_or_default(), problem: error.to_string() }
    })?;
    let challenge = options.credentials.map(|credentials| Challenge {
        realm: "carrier.invalid".to_owned(),
        user: credentials.user,
        password: credentials.password,
    });
    let rng = Rng::from_seed(options.seed).fork(&options.listen.to_string());
    let endpoint = Endpoint::bind(options.listen, challenge, clock, rng).await?;
    ready(endpoint.local());
    let language = options.language;
    let (parties, calls) = (BTreeMap::new(), BTreeMap::new());
    Carrier { endpoint, population, language, parties, calls }.run().await
}

impl Carrier {
    async fn run(&mut self) -> Result<(), SimError> {
        loop {
            let due = self.parties.values().filter_map(Party::due).min();
            match self.endpoint.next(due).await? {
                Happening::Incoming { leg_id, called, sdp } => self.incoming(leg_id, &called, sdp),
                Happening::Over { leg_id } => drop(self.parties.remove(&leg_id)),
                Happening::Heard(news) => self.heard(news.leg_id, &news.event),
                Happening::Due => self.act().await,
            }
        }
    }

    fn incoming(&mut self, leg_id: LegId, called: &str, sdp: Option<String>) {
        let Ok(phone) = called.parse::<PhoneNumber>() else {
            self.endpoint.reject(leg_id, 484, Some(28));
            return;
        };
        let nth = self.calls.entry(phone.clone()).or_default();
        let reaction = self.population.call(&phone, *nth);
        *nth += 1;
        let party = match reaction.reach {
            Reach::NoAnswer => {
                self.endpoint.ring(leg_id);
                Party::Nobody
            }
            reach => {
                if !matches!(reach, Reach::Busy | Reach::Invalid) {
                    self.endpoint.ring(leg_id);
                }
                let at = self.endpoint.now().plus(reaction.ring);
                Party::Ringing { reach, at, sdp, rng: Box::new(reaction.rng) }
            }
        };
        self.parties.insert(leg_id, party);
    }

    /// Everybody whose moment has come does what they do.
    async fn act(&mut self) {
        let now = self.endpoint.now();
        let due: Vec<_> = self
            .parties
            .iter()
            .filter(|(_, party)| party.due().is_some_and(|due| due <= now))
            .map(|(leg_id, _)| *leg_id)
            .collect();
        for leg_id in due {
            match self.parties.remove(&leg_id) {
                Some(Party::Ringing { reach, sdp, rng, .. }) => {
                    self.pick_up(leg_id, reach, sdp.as_deref(), *rng).await;
                }
                Some(Party::Machine { .. }) => self.endpoint.hang_up(leg_id),
                Some(Party::Person(mut person)) => {
                    person.handle_timeout(now);
                    self.obey(leg_id, &mut person);
                    self.parties.insert(leg_id, Party::Person(person));
                }
                Some(Party::Nobody) | None => {}
            }
        }
    }

    async fn pick_up(&mut self, leg_id: LegId, reach: Reach, sdp: Option<&str>, rng: Rng) {
        match reach {
            Reach::Busy => self.endpoint.reject(leg_id, 486, Some(17)),
            Reach::Invalid => self.endpoint.reject(leg_id, 404, Some(1)),
            Reach::NoAnswer => drop(self.parties.insert(leg_id, Party::Nobody)),
            Reach::Voicemail => {
                if self.endpoint.answer(leg_id, sdp) {
                    let greeting = people::clip(self.language, Line::Voicemail);
                    let length = greeting.duration();
                    self.endpoint.play(leg_id, greeting);
                    let until = self.endpoint.now().plus(length).plus(RECORDING);
                    self.parties.insert(leg_id, Party::Machine { until });
                }
            }
            Reach::Person(temper) => {
                if self.endpoint.answer(leg_id, sdp) {
                    let mut person = Box::new(Person::new(temper, Keys::default(), rng));
                    person.handle(self.endpoint.now(), PersonInput::Answered);
                    self.obey(leg_id, &mut person);
                    self.parties.insert(leg_id, Party::Person(person));
                }
            }
        }
    }

    fn heard(&mut self, leg_id: LegId, event: &MediaEvent) {
        let Some(talks) = talks(event) else { return };
        let now = self.endpoint.now();
        if let Some(Party::Person(mut person)) = self.parties.remove(&leg_id) {
            let input = if talks { PersonInput::OtherSpeaks } else { PersonInput::OtherPauses };
            person.handle(now, input);
            self.obey(leg_id, &mut person);
            self.parties.insert(leg_id, Party::Person(person));
        }
    }

    fn obey(&mut self, leg_id: LegId, person: &mut Person) {
        while let Some(output) = person.poll_output() {
            match output {
                PersonOutput::Speak(utterance) => {
                    self.endpoint.play(leg_id, people::clip(self.language, line(utterance)));
                }
                PersonOutput::Press(key) => self.endpoint.press(leg_id, key),
                PersonOutput::HangUp => self.endpoint.hang_up(leg_id),
            }
        }
    }
}

impl Party {
    fn due(&self) -> Option<Timestamp> {
        match self {
            Self::Ringing { at, .. } => Some(*at),
            Self::Machine { until } => Some(*until),
            Self::Person(person) => person.poll_timeout(),
            Self::Nobody => None,
        }
    }
}

const fn line(utterance: Utterance) -> Line {
    match utterance {
        Utterance::Hello => Line::Hello,
        Utterance::Yes => Line::Yes,
        Utterance::WhoIsThis => Line::WhoIsThis,
        Utterance::Busy => Line::Busy,
        Utterance::NotInterested => Line::NotInterested,
        Utterance::GoOn => Line::GoOn,
        Utterance::Hmm => Line::Hmm,
        Utterance::Goodbye => Line::Goodbye,
    }
}
