//! The events, as the source sends them.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use tidegate::source::nexmark::{Config, Nexmark};
use tidegate::source::{Closed, Progress, Source, SourceError, SourceRelation, Start, Stop, TickSender, Wanted};
use tidegate::timeline::{RelationId, SourceId, Tick};

/// So many events, as fast as they are taken.
pub fn source(events: u64) -> Nexmark {
    Nexmark::new(toml::from_str::<Config>(&format!("events = {events}")).expect("our own configuration"))
}

/// Gives every tick of all streams and columns to `take`: persons are relation 0, auctions 1, bids 2.
pub fn pass(events: u64, take: impl FnMut(Tick) + Send + 'static) {
    let mut source = source(events);
    let relations = source.describe().expect("three streams").into_iter().enumerate();
    let wanted = relations.map(|(id, relation)| Wanted { id: RelationId(id), relation, columns: None }).collect();
    let start = Start {
        source: SourceId(0),
        wanted,
        late: Vec::new(),
        errors: Vec::new(),
        once: true,
        awaited: false,
        stored: None,
        ticks: Box::new(Taken(take)),
        stop: Stop::default(),
        progress: Arc::new(Progress::default()),
    };
    source.run(start).expect("an end");
}

struct Taken<F>(F);

impl<F: FnMut(Tick) + Send> TickSender for Taken<F> {
    fn send(&mut self, tick: Tick) -> Result<(), Closed> {
        (self.0)(tick);
        Ok(())
    }
}

/// The source, all of whose ticks are made before the first is sent; `begin` is called in between.
pub struct MadeBefore<F> {
    pub source: Nexmark,
    pub begin: Option<F>,
}

impl<F: FnOnce() + Send> Source for MadeBefore<F> {
    fn describe(&mut self) -> Result<Vec<SourceRelation>, SourceError> {
        self.source.describe()
    }

    fn run(&mut self, start: Start) -> Result<(), SourceError> {
        let (sender, made): (Sender<Tick>, _) = channel();
        let mut ticks = start.ticks;
        // Both ends live here.
        let taken = Taken(move |tick| sender.send(tick).expect("a receiver"));
        self.source.run(Start { ticks: Box::new(taken), ..start })?;
        let made: Vec<Tick> = made.try_iter().collect();
        self.begin.take().into_iter().for_each(|begin| begin());
        // The engine may be shutting down.
        let _ = made.into_iter().try_for_each(|tick| ticks.send(tick));
        Ok(())
    }
}
