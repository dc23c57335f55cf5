//! One leg's media: a task that drives a [`MediaSession`] over its own UDP socket.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::{ListenError, bind_udp, until};
use crate::base::{Clock, LegId, Millis, Rng};
use crate::media::{
    Clip, Digit, DigitPath, Frame, MediaEvent, MediaOutput, MediaSession, MediaSettings,
    MediaStatistics, Negotiated,
};

/// Frames from a bridge that may wait: 100 ms, then the bridge drops.
const BRIDGE_FRAMES: usize = 5;
/// How long a key relayed over a bridge sounds.
const RELAYED_DIGIT: Millis = Millis(120);

/// What a leg's media has to say.
#[derive(Clone, Debug)]
pub struct MediaNews {
    /// Which leg.
    pub leg_id: LegId,
    /// What.
    pub event: MediaEvent,
}

/// Where a bridge leads.
struct Peer {
    /// 20 ms of audio each; those that find no room are dropped.
    frames: mpsc::Sender<Frame>,
    /// Keys, of which none is dropped. Weak, or two bridged tasks would keep each other.
    commands: mpsc::WeakUnboundedSender<Command>,
}

enum Command {
    Remote(Negotiated),
    Play { id: u64, clip: Clip },
    StopPlaying,
    SendDigit { digit: Digit, length: Millis },
    Bridge(Peer),
}

/// A leg's media. Dropping it ends the task and frees the socket.
#[derive(Debug)]
pub struct MediaLeg {
    commands: mpsc::UnboundedSender<Command>,
    frames: mpsc::Sender<Frame>,
    statistics: Arc<Mutex<MediaStatistics>>,
    local: SocketAddr,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Command")
    }
}

impl MediaLeg {
    /// Opens a socket on a free port and begins.
    ///
    /// # Errors
    /// [`ListenError`] where no port is free.
    pub async fn open(
        leg_id: LegId,
        address: IpAddr,
        settings: MediaSettings,
        rng: Rng,
        clock: Arc<dyn Clock>,
        news: mpsc::UnboundedSender<MediaNews>,
    ) -> Result<Self, ListenError> {
        let wanted = SocketAddr::new(address, 0);
        let socket = bind_udp("RTP udp", wanted).await?;
        let local = socket.local_addr().map_err(|source| ListenError {
            protocol: "RTP udp",
            address: wanted,
            source,
        })?;
        let (commands, command_queue) = mpsc::unbounded_channel();
        let (frames, frame_queue) = mpsc::channel(BRIDGE_FRAMES);
        let statistics = Arc::new(Mutex::new(MediaStatistics::default()));
        let task = Task {
            leg_id,
            socket,
            session: MediaSession::new(settings, rng),
            clock,
            news,
            peer: None,
            statistics: statistics.clone(),
        };
        drop(tokio::spawn(task.run(command_queue, frame_queue)));
        Ok(Self { commands, frames, statistics, local })
    }

    /// Where this leg wants RTP.
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// What its media counted so far.
    pub fn statistics(&self) -> MediaStatistics {
        *self.statistics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to send to the other side.
    pub fn set_remote(&self, remote: Negotiated) {
        self.tell(Command::Remote(remote));
    }

    /// Plays a clip instead of what plays now.
    pub fn play(&self, id: u64, clip: Clip) {
        self.tell(Command::Play { id, clip });
    }

    /// Stops what plays.
    pub fn stop_playing(&self) {
        self.tell(Command::StopPlaying);
    }

    /// Presses a key.
    pub fn send_digit(&self, digit: Digit, length: Millis) {
        self.tell(Command::SendDigit { digit, length });
    }

    /// Sends what this leg hears to another one. Call it on both for a conversation.
    pub fn bridge_to(&self, other: &Self) {
        let (frames, commands) = (other.frames.clone(), other.commands.downgrade());
        self.tell(Command::Bridge(Peer { frames, commands }));
    }

    /// A task that is gone needs nothing told.
    fn tell(&self, command: Command) {
        drop(self.commands.send(command));
    }
}

struct Task {
    leg_id: LegId,
    socket: UdpSocket,
    session: MediaSession,
    clock: Arc<dyn Clock>,
    news: mpsc::UnboundedSender<MediaNews>,
    peer: Option<Peer>,
    statistics: Arc<Mutex<MediaStatistics>>,
}

impl Task {
    async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut frames: mpsc::Receiver<Frame>,
    ) {
        let mut buffer = [0; 2_048];
        loop {
            self.drain().await;
            let wait = until(self.session.poll_timeout(), self.clock.now());
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                Some(frame) = frames.recv() => self.session.feed(frame),
                // An ICMP error shows as one; the other side is simply silent then.
                received = self.socket.recv_from(&mut buffer) => {
                    if let Ok((length, from)) = received {
                        let datagram = buffer.get(..length).unwrap_or_default();
                        self.session.receive(self.clock.now(), from, datagram);
                    }
                }
                () = tokio::time::sleep(wait) => {}
            }
            let now = self.clock.now();
            if self.session.poll_timeout().is_some_and(|due| due <= now) {
                self.session.handle_timeout(now);
            }
        }
    }

    fn obey(&mut self, command: Command) {
        let now = self.clock.now();
        match command {
            Command::Remote(remote) => self.session.set_remote(now, &remote),
            Command::Play { id, clip } => self.session.play(now, id, clip),
            Command::StopPlaying => self.session.stop_playing(now),
            Command::SendDigit { digit, length } => self.session.send_digit(now, digit, length),
            Command::Bridge(peer) => {
                self.session.set_forwarding(true);
                self.peer = Some(peer);
            }
        }
    }

    /// Passes a key on without waiting: two legs that wait for each other would never end.
    fn relay(&self, digit: Digit) {
        let peer = self.peer.as_ref().and_then(|peer| peer.commands.upgrade());
        if let Some(peer) = peer {
            // A peer that is gone hears no keys.
            drop(peer.send(Command::SendDigit { digit, length: RELAYED_DIGIT }));
        }
    }

    async fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                MediaOutput::Transmit { to, bytes } => {
                    // RTP that cannot be sent now is late: it is lost, as on any network.
                    drop(self.socket.send_to(&bytes, to).await);
                }
                MediaOutput::Frame(frame) => {
                    if let Some(peer) = &self.peer {
                        // A bridge that lags drops audio rather than delay it.
                        let _ = peer.frames.try_send(frame);
                    }
                }
                MediaOutput::Event(event) => {
                    // Tones go over the bridge with the audio they are in.
                    if let MediaEvent::Digit { digit, path: DigitPath::Event, .. } = &event {
                        self.relay(*digit);
                    }
                    drop(self.news.send(MediaNews { leg_id: self.leg_id, event }));
                }
            }
        }
        *self.statistics.lock().unwrap_or_else(PoisonError::into_inner) = self.session.statistics();
    }
}

#[cfg(test)]
mod tests;
