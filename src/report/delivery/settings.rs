//! By which plans reports are made, and how they are mailed.

use std::collections::BTreeSet;

use crate::report::mail::{AddressError, Addresses};
use crate::report::schedule::Plan;
use crate::report::smtp::Server;
use crate::report::{Form, Language, Thresholds};

/// A plan with all that its reports need.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) forms: BTreeSet<Form>,
    pub(super) to: Option<Addresses>,
}

/// How reports are made and mailed.
#[derive(Debug)]
pub struct Settings {
    pub(super) language: Language,
    pub(super) thresholds: Thresholds,
    pub(super) plans: Vec<Plan>,
    pub(super) planned: Vec<Planned>,
    pub(super) server: Option<(Server, Addresses)>,
}

impl Settings {
    /// Without plans.
    pub fn new(language: Language, thresholds: Thresholds) -> Self {
        Self { language, thresholds, plans: Vec::new(), planned: Vec::new(), server: None }
    }

    /// Mails through a server, as somebody.
    ///
    /// # Errors
    /// Where that is no address.
    pub fn mail_through(&mut self, server: Server, from: &str) -> Result<(), AddressError> {
        self.server = Some((server, Addresses::parse([from])?));
        Ok(())
    }

    /// Makes reports by a plan, writes these forms, and mails them to these people. Those that
    /// nobody gets are not mailed.
    ///
    /// # Errors
    /// Where one is no address.
    pub fn plan<'a>(
        &mut self,
        plan: Plan,
        forms: impl IntoIterator<Item = Form>,
        to: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), AddressError> {
        let to = Addresses::parse(to)?;
        let to = Some(to).filter(|to| to.count() > 0);
        self.plans.push(Plan { is_mailed: to.is_some(), ..plan });
        self.planned.push(Planned { forms: forms.into_iter().collect(), to });
        Ok(())
    }

    /// The plans.
    pub fn plans(&self) -> &[Plan] {
        &self.plans
    }
}
