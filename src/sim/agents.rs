//! Simulated agents: a desk phone each, with its own SIP port.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::desk::{Desk, DeskInput, DeskOutput};
use super::endpoint::{Endpoint, Happening, SimError, talks};
use crate::base::{Clock, LegId, Millis, Rng, Timestamp};
use crate::conversation::Language;
use crate::media::MediaEvent;
use crate::speech::people;

/// How simulated agents are set up.
#[derive(Clone, Copy, Debug)]
pub struct AgentsOptions {
    /// The address of their phones; each takes a free port.
    pub address: IpAddr,
    /// How many.
    pub count: usize,
    /// The seed their pauses follow from.
    pub seed: u64,
    /// What they speak.
    pub language: Language,
}

/// Runs agents until a socket fails. `ready` is told where their phones are.
///
/// # Errors
/// See [`SimError`].
pub async fn run_agents(
    options: AgentsOptions,
    clock: Arc<dyn Clock>,
    ready: impl FnOnce(&[SocketAddr]),
) -> Result<(), SimError> {
    let mut phones = Vec::new();
    for number in 0..options.count {
        let rng = Rng::from_seed(options.seed).fork(&format!("agent {number}"));
        let listen = SocketAddr::new(options.address, 0);
        let endpoint = Endpoint::bind(listen, None, clock.clone(), rng.fork("wire")).await?;
        phones.push(Phone { endpoint, language: options.language, rng, calls: BTreeMap::new() });
    }
    ready(&phones.iter().map(|phone| phone.endpoint.local()).collect::<Vec<_>>());
    let mut tasks = tokio::task::JoinSet::new();
    for mut phone in phones {
        tasks.spawn(async move { phone.run().await });
    }
    while let Some(ended) = tasks.join_next().await {
        if let Ok(result) = ended {
            result?;
        }
    }
    Ok(())
}

/// A call at a phone.
enum OnPhone {
    Ringing { at: Timestamp, sdp: Option<String> },
    Talking(Box<Desk>),
}

struct Phone {
    endpoint: Endpoint,
    language: Language,
    rng: Rng,
    calls: BTreeMap<LegId, OnPhone>,
}

impl Phone {
    async fn run(&mut self) -> Result<(), SimError> {
        loop {
            let due = self.calls.values().filter_map(OnPhone::due).min();
            match self.endpoint.next(due).await? {
                Happening::Incoming { leg_id, .. } if !self.calls.is_empty() => {
                    self.endpoint.reject(leg_id, 486, Some(17));
                }
                Happening::Incoming { leg_id, sdp, .. } => {
                    self.endpoint.ring(leg_id);
                    let wait = Millis(self.rng.between(600, 2_200));
                    let at = self.endpoint.now().plus(wait);
                    self.calls.insert(leg_id, OnPhone::Ringing { at, sdp });
                }
                Happening::Over { leg_id } => drop(self.calls.remove(&leg_id)),
                Happening::Heard(news) => self.heard(news.leg_id, &news.event),
                Happening::Due => self.act().await,
            }
        }
    }

    async fn act(&mut self) {
        let now = self.endpoint.now();
        let due: Vec<_> = self
            .calls
            .iter()
            .filter(|(_, call)| call.due().is_some_and(|due| due <= now))
            .map(|(leg_id, _)| *leg_id)
            .collect();
        for leg_id in due {
            match self.calls.remove(&leg_id) {
                Some(OnPhone::Ringing { sdp, .. }) => self.pick_up(leg_id, sdp.as_deref()).await,
                Some(OnPhone::Talking(mut desk)) => {
                    desk.handle_timeout(now);
                    self.obey(leg_id, &mut desk);
                    self.calls.insert(leg_id, OnPhone::Talking(desk));
                }
                None => {}
            }
        }
    }

    async fn pick_up(&mut self, leg_id: LegId, sdp: Option<&str>) {
        if !self.endpoint.answer(leg_id, sdp) {
            return;
        }
        let mut desk = Box::new(Desk::new(self.rng.fork(&leg_id.to_string())));
        desk.handle(self.endpoint.now(), DeskInput::PickedUp);
        self.obey(leg_id, &mut desk);
        self.calls.insert(leg_id, OnPhone::Talking(desk));
    }

    fn heard(&mut self, leg_id: LegId, event: &MediaEvent) {
        let input = match (event, talks(event)) {
            (MediaEvent::Digit { digit, .. }, _) => DeskInput::Key(digit.as_char()),
            (_, Some(true)) => DeskInput::CustomerSpeaks,
            (_, Some(false)) => DeskInput::CustomerPauses,
            _ => return,
        };
        let now = self.endpoint.now();
        if let Some(OnPhone::Talking(mut desk)) = self.calls.remove(&leg_id) {
            desk.handle(now, input);
            self.obey(leg_id, &mut desk);
            self.calls.insert(leg_id, OnPhone::Talking(desk));
        }
    }

    fn obey(&mut self, leg_id: LegId, desk: &mut Desk) {
        while let Some(output) = desk.poll_output() {
            match output {
                DeskOutput::Say(line) => {
                    self.endpoint.play(leg_id, people::clip(self.language, line));
                }
                DeskOutput::Press(key) => self.endpoint.press(leg_id, key),
                DeskOutput::HangUp => self.endpoint.hang_up(leg_id),
            }
        }
    }
}

impl OnPhone {
    fn due(&self) -> Option<Timestamp> {
        match self {
            Self::Ringing { at, .. } => Some(*at),
            Self::Talking(desk) => desk.poll_timeout(),
        }
    }
}
