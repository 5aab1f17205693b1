//! A simple door for tests: a program and its ticks in, the steps of its relations out.

use super::program::{DataflowError, Export, Program, Settings};
use super::worker::Dataflow;
use crate::timeline::{Step, Tick};
use crate::value::RelationName;
use crossbeam_channel::{Receiver, unbounded};
use std::collections::HashMap;
use std::time::Duration;

/// The steps of these relations, to the end: every source is ended after its last tick. Ticks are sent in the given order.
pub fn evaluate(
    settings: Settings,
    mut program: Program,
    relations: &[RelationName],
    ticks: Vec<Tick>,
) -> Result<HashMap<RelationName, Vec<Step>>, DataflowError> {
    let mut told: Vec<(RelationName, Receiver<Step>)> = Vec::new();
    for relation in relations {
        let (sender, receiver) = unbounded();
        let tell = Box::new(move |step| drop(sender.send(step)));
        program.exports.push(Export { relation: relation.clone(), tell });
        told.push((relation.clone(), receiver));
    }
    let sources = program.sources.clone();
    let dataflow = Dataflow::start(settings, program)?;
    let failure = || DataflowError::Failed(dataflow.failed().unwrap_or_else(|| "it stopped".into()));
    let mut senders: HashMap<_, _> = sources.iter().map(|source| (*source, dataflow.sender(*source))).collect();
    let mut open = sources;
    for tick in ticks {
        open.retain(|source| *source != tick.source || tick.frontier.is_some());
        if let Some(sender) = senders.get_mut(&tick.source) {
            sender.send(tick).map_err(|_| failure())?;
        }
    }
    for source in open {
        let end = Tick::new(source, Vec::new(), None);
        if let Some(sender) = senders.get_mut(&source) {
            sender.send(end).map_err(|_| failure())?;
        }
    }
    let mut steps = HashMap::new();
    for (relation, receiver) in told {
        let mut of_relation: Vec<Step> = Vec::new();
        while of_relation.last().is_none_or(|step| step.frontier.is_some()) {
            match receiver.recv_timeout(Duration::from_millis(50)) {
                Ok(step) => of_relation.push(step),
                Err(_) if dataflow.failed().is_some() => return Err(failure()),
                Err(_) => {}
            }
        }
        steps.insert(relation, of_relation);
    }
    Ok(steps)
}
