mod agents;
mod dials;
mod properties;
mod robot;
mod stage;
mod supervision;
mod transfers;
mod voicemail;
