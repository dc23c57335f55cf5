mod agents;
mod dials;
mod properties;
mod robot;
mod stage;
