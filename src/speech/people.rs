//! What simulated people say, as clips inside the program.
//!
//! In: a language and a line. Out: a [`Clip`]. The clips are made by
//! `tools/speech/make_assets.sh` from `assets/people/lines.csv`; a simulated call needs neither
//! an engine nor a file.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::base::Millis;
use crate::conversation::Language;
use crate::media::Clip;

/// The beep of an answering machine. Units: Hz.
pub const BEEP_HZ: u32 = 1_000;
/// How long it sounds.
const BEEP_LENGTH: Millis = Millis(400);
/// Between the greeting and the beep.
const BEEP_GAP: Millis = Millis(300);

macro_rules! lines {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// Something a simulated person says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Line {
            $($(#[$doc])* $variant,)*
        }

        impl Line {
            /// Every line.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name of the clip's file, without its ending.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The file as it was when the program was built.
            const fn file(self, language: Language) -> &'static [u8] {
                match (language, self) {
                    $(
                        (Language::En, Self::$variant) => include_bytes!(
                            concat!("../../assets/people/en/", $name, ".ulaw")
                        ),
                        (Language::Zh, Self::$variant) => include_bytes!(
                            concat!("../../assets/people/zh/", $name, ".ulaw")
                        ),
                    )*
                }
            }
        }
    };
}

lines! {
    /// "Hello?"
    Hello = "hello";
    /// "Yes."
    Yes = "yes";
    /// "Who is this?"
    WhoIsThis = "who_is_this";
    /// "I'm busy right now."
    Busy = "busy";
    /// "Not interested, thanks."
    NotInterested = "not_interested";
    /// "Sure, go on."
    GoOn = "go_on";
    /// "Hmm, let me think."
    Hmm = "hmm";
    /// "Thank you, goodbye."
    Goodbye = "goodbye";
    /// An answering machine's greeting, with the beep after it.
    Voicemail = "voicemail";
    /// A human agent takes over.
    AgentGreeting = "agent_greeting";
    /// The agent asks for the facts.
    AgentQuestion = "agent_question";
    /// The agent says what happens next.
    AgentNextStep = "agent_next_step";
    /// The agent ends the call.
    AgentGoodbye = "agent_goodbye";
}

/// Clips by language and line.
type Clips = BTreeMap<(Language, Line), Clip>;

static CLIPS: LazyLock<Clips> = LazyLock::new(|| {
    let pairs = Language::ALL
        .iter()
        .flat_map(|&language| Line::ALL.iter().map(move |&line| (language, line)));
    pairs.map(|(language, line)| ((language, line), decode(language, line))).collect()
});

/// What a line sounds like.
pub fn clip(language: Language, line: Line) -> Clip {
    CLIPS.get(&(language, line)).cloned().unwrap_or_else(|| decode(language, line))
}

fn decode(language: Language, line: Line) -> Clip {
    let clip = Clip::from_ulaw(line.file(language));
    match line {
        Line::Voicemail => clip.followed_by(&Clip::silence(BEEP_GAP)).followed_by(&Clip::tone(
            BEEP_HZ,
            BEEP_LENGTH,
            10_000,
        )),
        _ => clip,
    }
}
