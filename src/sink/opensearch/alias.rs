//! Generations of an index: indexes named after an alias, and aliases that say what each of them is.
//!
//! Readers use the alias itself; `-previous`, `-next` and `-rolled-back` behind its name are aliases of the others. All are changed,
//! and indexes that lose their place are removed, by one request, which the servers execute as a whole.

use super::super::SinkError;
use super::super::generations::{Generations, Shown};
use super::client::{Client, Content, segment};
use super::index::state;
use super::keeper::{Keeper, Kept};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The name that readers use.
#[derive(Clone, Debug)]
pub(super) struct Alias(pub(super) String);

#[derive(Deserialize)]
struct Aliases {
    aliases: BTreeMap<String, Value>,
}

impl Alias {
    /// The index of this meaning.
    pub(super) fn generation(&self, fingerprint: &str) -> String {
        format!("{}-{fingerprint}", self.0)
    }

    /// Whether a sink gave an index this name.
    fn is_generation(&self, index: &str) -> bool {
        let fingerprint = index.strip_prefix(&self.0).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
        fingerprint.len() == 16 && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// The aliases, each with whom it stands for.
    fn roles<'a>(&self, generations: &'a Generations) -> [(String, Option<&'a str>); 4] {
        let Generations { current, previous, next, withdrawn } = generations;
        let role = |suffix, index: &'a Option<String>| (format!("{}{suffix}", self.0), index.as_deref());
        [role("", current), role("-previous", previous), role("-next", next), role("-rolled-back", withdrawn)]
    }

    /// The alias that stands for this index.
    pub(super) fn of(&self, generations: &Generations, index: &str) -> Option<String> {
        let roles = self.roles(generations).into_iter();
        roles.filter(|(_, known)| *known == Some(index)).map(|(alias, _)| alias).next()
    }

    /// What there is. An index with the name of the alias itself is the current one.
    pub(super) async fn read(&self, client: &Client) -> Result<Generations, SinkError> {
        let path = format!("/_alias/{}*", segment(&self.0));
        let answer = client.send(Method::GET, &path, Content::Nothing).await?;
        let found: BTreeMap<String, Aliases> = match answer.status {
            StatusCode::NOT_FOUND => BTreeMap::new(),
            _ => answer.read(&format!("look at the aliases of {}", self.0))?,
        };
        let one = |suffix: &str| {
            let alias = format!("{}{suffix}", self.0);
            let mut indexes =
                found.iter().filter(|(_, known)| known.aliases.contains_key(&alias)).map(|(index, _)| index);
            match (indexes.next(), indexes.next()) {
                (Some(one), Some(other)) => Err(SinkError::Operator(format!(
                    "the alias {alias} stands for several indexes ({one}, {other}); take it from all but one"
                ))),
                (one, _) => Ok(one.cloned()),
            }
        };
        let mut generations = Generations {
            current: one("")?,
            previous: one("-previous")?,
            next: one("-next")?,
            withdrawn: one("-rolled-back")?,
        };
        if generations.current.is_none() && state(client, &self.0).await?.is_some() {
            generations.current = Some(self.0.clone());
        }
        Ok(generations)
    }

    /// Makes these the generations, all at once. An index with the alias's own name cannot be kept beside it.
    pub(super) async fn change(
        &self,
        client: &Client,
        from: &Generations,
        mut to: Generations,
    ) -> Result<(), SinkError> {
        to.previous = to.previous.filter(|index| *index != self.0);
        let is_removed = |index: &str| !to.has(index) && (self.is_generation(index) || index == self.0);
        let removed = from.names().filter(|index| is_removed(index));
        let mut actions: Vec<Value> = removed.map(|index| json!({"remove_index": {"index": index}})).collect();
        for ((alias, was), (_, is)) in self.roles(from).into_iter().zip(self.roles(&to)) {
            if was == is {
                continue;
            }
            if let Some(index) = was.filter(|index| !is_removed(index)) {
                actions.push(json!({"remove": {"index": index, "alias": alias}}));
            }
            if let Some(index) = is {
                actions.push(json!({"add": {"index": index, "alias": alias}}));
            }
        }
        if actions.is_empty() {
            return Ok(());
        }
        let body = json!({"actions": actions}).to_string();
        let answer = client.send(Method::POST, "/_aliases", Content::Json(body)).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Err(SinkError::Transient(format!("the aliases of {} were changed meanwhile", self.0)));
        }
        answer.succeeded(&format!("change the aliases of {}", self.0))
    }

    /// Sends readers back to the generation before, or forth again.
    pub(super) async fn roll_back(&self, client: &Client, undo: bool) -> Result<Shown, SinkError> {
        let found = self.read(client).await?;
        let to = if undo { found.undone() } else { found.rolled_back() }?;
        let name = to.current.clone().unwrap_or_default();
        let Kept { mark, next, incarnation, .. } = Keeper::look(client, &name).await?;
        let is_same = state(client, &name).await?.is_some_and(|state| state.incarnation == incarnation);
        match mark.filter(|_| is_same && next.is_none()) {
            Some(mark) => {
                self.change(client, &found, to).await?;
                Ok(Shown { name, frontier: mark.frontier })
            }
            None => {
                Err(SinkError::Operator(format!("{name} is not whole, or not known, so readers are not sent there")))
            }
        }
    }
}
