//! Conversations over the shipped scripts: what the person does, then the record of the call.

mod line;
mod properties;
mod voicemail;

use super::Tone;
use line::{Does, Language, Line};

/// The person does this at these times; the record must read like that.
fn check(does: &[(u64, Does)], record: &str) {
    for language in [Language::En, Language::Zh] {
        let mut line = Line::new(language);
        for (at, does) in does {
            line.does(*at, *does);
        }
        line.wait_for_end();
        let wanted: Vec<&str> = record.lines().map(str::trim).filter(|it| !it.is_empty()).collect();
        let found = line.record();
        assert_eq!(found, wanted, "{language}\n{}", found.join("\n"));
    }
}

const HELLO: [(u64, Does); 1] = [(500, Does::Speak(700))];

#[test]
fn one_twice_is_an_appointment() {
    check(
        &[HELLO[0], (6_000, Does::Press('1')), (14_000, Does::Press('1'))],
        "1600 judged human answer.short_greeting
         1600 say hook
         4600 spoke hook 3000 whole
         6000 heard key 1 after 1400
         6000 tag interested
         6000 say pitch
         9000 spoke pitch 3000 whole
         9000 say close
         12000 spoke close 3000 whole
         14000 heard key 1 after 2000
         14000 tag appointment
         14000 say bye_agreed
         17000 spoke bye_agreed 3000 whole
         17000 end agreed
         level A level.a.agreed",
    );
}

#[test]
fn questions_return_to_the_close() {
    check(
        &[
            HELLO[0],
            (6_000, Does::Press('2')),
            (13_000, Does::Press('3')),
            (20_000, Does::Press('4')),
            (27_000, Does::HangUp),
        ],
        "1600 judged human answer.short_greeting
         1600 say hook
         4600 spoke hook 3000 whole
         6000 heard key 2 after 1400
         6000 tag ask_price
         6000 say price
         9000 spoke price 3000 whole
         9000 say close_again
         12000 spoke close_again 3000 whole
         13000 heard key 3 after 1000
         13000 tag ask_process
         13000 say process
         16000 spoke process 3000 whole
         16000 say close_again
         19000 spoke close_again 3000 whole
         20000 heard key 4 after 1000
         20000 tag ask_company
         20000 say company
         23000 spoke company 3000 whole
         23000 say close_again
         26000 spoke close_again 3000 whole
         27000 end hung_up
         level B level.b.asked",
    );
}

#[test]
fn nine_cuts_in_and_is_never_called_again() {
    check(
        &[
            HELLO[0],
            (3_000, Does::Press('9')),
            (3_050, Does::Press('9')),
            (3_600, Does::Press('9')),
        ],
        "1600 judged human answer.short_greeting
         1600 say hook
         3000 heard key 9
         3000 tag opt_out
         3000 opt-out of turn 1
         3000 stop
         3000 say bye_never
         3000 spoke hook 1400 cut
         6000 spoke bye_never 3000 whole
         6000 end opted_out
         level X level.x.opted_out",
    );
}

#[test]
fn nine_counts_before_the_robot_has_said_anything() {
    check(
        &[(400, Does::Press('9'))],
        "400 judged human answer.key
         400 heard key 9
         400 tag opt_out
         400 opt-out of turn 0
         400 say bye_never
         3400 spoke bye_never 3000 whole
         3400 end opted_out
         level X level.x.opted_out",
    );
}

#[test]
fn silence_is_asked_about_once() {
    check(
        &[],
        "2000 judged silence answer.silence
         2000 say hook
         5000 spoke hook 3000 whole
         9000 heard silence after 4000
         9000 say reprompt
         12000 spoke hook 3000 whole
         16000 heard silence after 4000
         16000 say bye_silent
         19000 spoke bye_silent 3000 whole
         19000 end silent
         level E level.e.silent",
    );
}

#[test]
fn speech_leads_on_and_then_to_the_keys() {
    check(
        &[
            HELLO[0],
            (5_500, Does::Speak(800)),
            (14_000, Does::Speak(1_000)),
            (15_000, Does::Nothing),
            (25_000, Does::HangUp),
        ],
        "1600 judged human answer.short_greeting
         1600 say hook
         4600 spoke hook 3000 whole
         7000 heard speech 800 after 900
         7000 say pitch
         10000 spoke pitch 3000 whole
         10000 say close
         13000 spoke close 3000 whole
         15700 heard speech 1000 after 1000
         15700 say unknown
         18700 spoke close 3000 whole
         22700 heard silence after 4000
         22700 say reprompt
         25000 stop
         25000 spoke close 2300 cut
         25000 end hung_up
         level C level.c.heard_pitch",
    );
}

#[test]
fn the_hook_is_heard_out_but_the_pitch_gives_way_to_speech() {
    check(
        &[
            HELLO[0],
            (2_000, Does::Speak(800)),
            (5_000, Does::Press('1')),
            (5_500, Does::Speak(300)),
            (6_500, Does::Speak(900)),
            (9_000, Does::HangUp),
        ],
        "1600 judged human answer.short_greeting
         1600 say hook
         4600 spoke hook 3000 whole
         5000 heard key 1 after 400
         5000 tag interested
         5000 say pitch
         7100 stop
         7100 spoke pitch 2100 cut
         8100 heard speech 900
         8100 say close
         9000 stop
         9000 spoke close 900 cut
         9000 end hung_up
         level C level.c.heard_pitch",
    );
}

#[test]
fn speech_at_the_very_end_of_a_prompt_is_an_answer() {
    check(
        &[HELLO[0], (3_800, Does::Speak(600)), (5_500, Does::HangUp)],
        "1600 judged human answer.short_greeting
         1600 say hook
         4600 spoke hook 3000 whole
         5100 heard speech 600
         5100 say pitch
         5500 stop
         5500 spoke pitch 400 cut
         5500 end hung_up
         level D level.d.hung_up_in_pitch",
    );
}

#[test]
fn unknown_keys_get_the_choices_twice_and_star_repeats() {
    check(
        &[
            HELLO[0],
            (5_000, Does::Press('7')),
            (5_500, Does::Press('8')),
            (6_000, Does::Press('*')),
            (6_500, Does::Press('7')),
            (7_000, Does::Press('7')),
            (7_500, Does::Press('#')),
        ],
        "1600 judged human answer.short_greeting
         1600 say hook
         4600 spoke hook 3000 whole
         5000 heard key 7 after 400
         5000 tag other
         5000 say unknown
         5500 heard key 8
         5500 tag other
         5500 stop
         5500 say unknown
         5500 spoke hook 500 cut
         6000 heard key *
         6000 tag repeat
         6000 stop
         6000 say hook
         6000 spoke hook 500 cut
         6500 heard key 7
         6500 tag other
         6500 stop
         6500 say unknown
         6500 spoke hook 500 cut
         7000 heard key 7
         7000 tag other
         7000 stop
         7000 say unknown
         7000 spoke hook 500 cut
         7500 heard key #
         7500 tag other
         7500 stop
         7500 say bye_unclear
         7500 spoke hook 500 cut
         10500 spoke bye_unclear 3000 whole
         10500 end not_understood
         level E level.e.too_short",
    );
}

#[test]
fn a_person_takes_over_and_the_robot_is_silent() {
    check(
        &[
            HELLO[0],
            (5_000, Does::Press('0')),
            (6_000, Does::IsConnected),
            (7_000, Does::Speak(2_000)),
            (10_000, Does::Press('1')),
            (90_000, Does::Nothing),
            (300_000, Does::HangUp),
        ],
        "1600 judged human answer.short_greeting
         1600 say hook
         4600 spoke hook 3000 whole
         5000 heard key 0 after 400
         5000 tag transfer_human
         5000 say handover
         5000 transfer asked
         6000 stop
         6000 spoke handover 1000 cut
         300000 end transferred
         level B level.b.wanted_person",
    );
}

#[test]
fn nine_still_counts_once_a_person_has_taken_over() {
    check(
        &[
            HELLO[0],
            (5_000, Does::Press('0')),
            (6_000, Does::IsConnected),
            (7_000, Does::Press('9')),
            (8_000, Does::HangUp),
        ],
        "1600 judged human answer.short_greeting
         1600 say hook
         4600 spoke hook 3000 whole
         5000 heard key 0 after 400
         5000 tag transfer_human
         5000 say handover
         5000 transfer asked
         6000 stop
         6000 spoke handover 1000 cut
         7000 heard key 9
         7000 tag opt_out
         7000 opt-out of turn 3
         8000 end transferred
         level X level.x.opted_out",
    );
}

#[test]
fn no_person_free_means_a_promise_to_call_back() {
    // At once: "one moment" is still said to its end.
    check(
        &[HELLO[0], (5_000, Does::Press('0')), (5_100, Does::IsNotConnected)],
        "1600 judged human answer.short_greeting
         1600 say hook
         4600 spoke hook 3000 whole
         5000 heard key 0 after 400
         5000 tag transfer_human
         5000 say handover
         5000 transfer asked
         8000 spoke handover 3000 whole
         8000 say bye_call_back
         11000 spoke bye_call_back 3000 whole
         11000 end transfer_failed
         level B level.b.wanted_person",
    );
    // Never: the wait has a limit. Keys other than 9 change nothing meanwhile.
    check(
        &[HELLO[0], (5_000, Does::Press('0')), (9_000, Does::Press('1'))],
        "1600 judged human answer.short_greeting
         1600 say hook
         4600 spoke hook 3000 whole
         5000 heard key 0 after 400
         5000 tag transfer_human
         5000 say handover
         5000 transfer asked
         8000 spoke handover 3000 whole
         20000 say bye_call_back
         23000 spoke bye_call_back 3000 whole
         23000 end transfer_failed
         level B level.b.wanted_person",
    );
}

#[test]
fn machines_are_hung_up_on() {
    check(
        &[(300, Does::Speak(9_000))],
        "4700 judged machine answer.long_speech
         4700 end machine
         level E level.e.machine",
    );
    // A short announcement passes for a person until the beep.
    check(
        &[(300, Does::Speak(1_400)), (4_000, Does::Beep)],
        "2100 judged human answer.short_greeting
         2100 say hook
         4000 judged machine answer.tone
         4000 stop
         4000 spoke hook 1900 cut
         4000 end machine
         level E level.e.machine",
    );
}

#[test]
fn faxes_are_hung_up_on_and_ringing_is_waited_through() {
    check(
        &[(3_500, Does::Tone(Tone::FaxAnswer))],
        "2000 judged silence answer.silence
         2000 say hook
         3500 judged fax answer.fax_answer_tone
         3500 stop
         3500 spoke hook 1500 cut
         3500 end machine
         level E level.e.machine",
    );
    check(
        &[(900, Does::Tone(Tone::Ringback)), (9_000, Does::Speak(600)), (12_000, Does::HangUp)],
        "900 judged ringback answer.ringback
         10000 judged human answer.short_greeting
         10000 say hook
         12000 stop
         12000 spoke hook 2000 cut
         12000 end hung_up
         level E level.e.silent",
    );
}

#[test]
fn hanging_up_during_the_last_words_keeps_the_outcome() {
    check(
        &[
            HELLO[0],
            (2_000, Does::Press('1')),
            (2_500, Does::Press('1')),
            (3_000, Does::Press('1')),
            (3_500, Does::Press('1')),
            (4_000, Does::HangUp),
        ],
        "1600 judged human answer.short_greeting
         1600 say hook
         2000 heard key 1
         2000 tag interested
         2000 stop
         2000 say pitch
         2000 spoke hook 400 cut
         2500 heard key 1
         2500 tag interested
         2500 stop
         2500 say close
         2500 spoke pitch 500 cut
         3000 heard key 1
         3000 tag appointment
         3000 stop
         3000 say bye_agreed
         3000 spoke close 500 cut
         4000 stop
         4000 spoke bye_agreed 1000 cut
         4000 end agreed
         level A level.a.agreed",
    );
}

#[test]
fn hanging_up_before_the_answer_ends_it_too() {
    use super::{Conversation, EndReason, Input, Output};
    let mut conversation = Conversation::new(Language::En.script(), Default::default());
    let now = crate::base::Timestamp::EPOCH;
    conversation.handle(now, Input::Key('9'));
    conversation.handle(now, Input::HungUp);
    assert_eq!(conversation.poll_output(), Some(Output::End(EndReason::HungUp)));
    assert_eq!(conversation.poll_output(), None);
    assert_eq!(conversation.poll_timeout(), None);
}

#[test]
fn somebody_who_keeps_asking_is_stopped_at_the_limits() {
    // A repeat every 3.4 seconds uses the turns up before the time.
    let mut line = Line::new(Language::En);
    for nth in 0..60 {
        line.does(2_100 + nth * 3_400, Does::Press('*'));
    }
    line.wait_for_end();
    let record = line.record();
    assert!(record.contains(&"52700 end turn_limit".to_owned()), "{record:#?}");

    // One who speaks without end is waited for, then interrupted.
    let mut line = Line::new(Language::En);
    line.does(4_999, Does::Nothing);
    line.does(5_500, Does::Speak(200_000));
    line.wait_for_end();
    let record = line.record();
    assert!(record.contains(&"13500 heard speech 8000 after 500".to_owned()), "{record:#?}");
    assert!(record.last().is_some_and(|it| it.starts_with("level C")), "{record:#?}");
}
