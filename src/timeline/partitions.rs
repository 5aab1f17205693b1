//! The watermark of a stream in partitions.
//!
//! Each partition has its own order, so each has its own judge, and a verdict depends on what came before in that partition
//! alone: not on how the source happened to interleave them. The stream's watermark is the least of its partitions'. A partition
//! that is known to be at its end does not hold it back; when it goes on, it starts where the stream has come in the meantime.
//! What must hold: the watermark never falls, and no accepted event's time lies below it.

use super::{Disorder, Judge, Verdict};
use crate::value::Time;

/// A partition's position among those of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId(usize);

impl PartitionId {
    /// Partitions are numbered from 0 in the order in which they were added.
    pub fn index(self) -> usize {
        self.0
    }
}

/// The partitions of one stream.
#[derive(Clone, Debug)]
pub struct Partitions {
    disorder: Disorder,
    each: Vec<Partition>,
    /// What the clock has raised the watermark to.
    floor: Time,
}

#[derive(Clone, Debug)]
struct Partition {
    /// For people.
    name: String,
    judge: Judge,
    /// Whether nothing was left to read when it was last looked at.
    at_end: bool,
}

impl Partitions {
    /// A stream without partitions yet.
    pub fn new(disorder: Disorder) -> Partitions {
        Partitions { disorder, each: Vec::new(), floor: 0 }
    }

    /// One more, which starts where the stream is.
    pub fn add(&mut self, name: &str) -> PartitionId {
        let mut judge = Judge::new(self.disorder);
        judge.idle_until(self.watermark());
        self.each.push(Partition { name: name.into(), judge, at_end: false });
        PartitionId(self.each.len() - 1)
    }

    /// One that an earlier run has left at this watermark. If the stream had come further then, it was at its end.
    pub fn resume(&mut self, name: &str, watermark: Time) -> PartitionId {
        let mut judge = Judge::new(self.disorder);
        judge.idle_until(watermark);
        self.each.push(Partition { name: name.into(), judge, at_end: watermark < self.floor });
        PartitionId(self.each.len() - 1)
    }

    /// Where a partition itself has come.
    pub fn watermark_in(&self, partition: PartitionId) -> Time {
        self.each[partition.0].judge.watermark()
    }

    /// Judges the next event of a partition; without an event time it happens when it arrives.
    pub fn judge(&mut self, partition: PartitionId, event_time: Option<Time>, now: Time) -> Verdict {
        let judge = self.wake(partition);
        match event_time {
            Some(event_time) => judge.judge(event_time, now),
            // The time of arrival never runs backwards, even if the clock does.
            None => {
                let arrival = now.max(judge.watermark());
                judge.judge(arrival, arrival)
            }
        }
    }

    /// The time at which something of a partition is told that has none of its own.
    pub fn time_in(&mut self, partition: PartitionId) -> Time {
        self.wake(partition).watermark()
    }

    /// Nothing is left to read in a partition for now.
    pub fn at_end(&mut self, partition: PartitionId) {
        self.each[partition.0].at_end = true;
    }

    /// The source is out of reach: what is left to read is not known of any partition.
    pub fn none_at_end(&mut self) {
        for partition in 0..self.each.len() {
            self.wake(PartitionId(partition));
        }
    }

    /// Whether that is so of all of them.
    pub fn all_at_end(&self) -> bool {
        self.each.iter().all(|partition| partition.at_end)
    }

    /// Time has passed: no event below this is expected any more.
    pub fn raise(&mut self, to: Time) {
        self.floor = self.floor.max(to);
        for partition in &mut self.each {
            partition.judge.idle_until(to);
        }
    }

    /// The stream's watermark.
    pub fn watermark(&self) -> Time {
        let watermark = |partition: &Partition| partition.judge.watermark();
        let active = self.each.iter().filter(|partition| !partition.at_end).map(watermark).min();
        active.or_else(|| self.each.iter().map(watermark).max()).unwrap_or(0).max(self.floor)
    }

    /// Which partition holds the watermark, in words.
    pub fn holder(&self) -> String {
        let count = self.each.len();
        let active = self.each.iter().filter(|partition| !partition.at_end);
        match active.min_by_key(|partition| partition.judge.watermark()) {
            Some(last) if count > 1 => format!("{}, one of {count} partitions, has come least far", last.name),
            Some(_) => "it is read on".to_owned(),
            None => "all there is has been read; a later event is awaited".to_owned(),
        }
    }

    /// Whether a partition has come further than the stream.
    pub fn is_ahead(&self, partition: PartitionId) -> bool {
        self.each[partition.0].judge.watermark() > self.watermark()
    }

    fn wake(&mut self, partition: PartitionId) -> &mut Judge {
        if self.each[partition.0].at_end {
            let reached = self.watermark();
            let woken = &mut self.each[partition.0];
            woken.at_end = false;
            woken.judge.idle_until(reached);
        }
        &mut self.each[partition.0].judge
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Event(usize, Time),
        AtEnd(usize),
        Add,
        Lost,
        Raise(Time),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            8 => (0..4usize, 0..300u64).prop_map(|(p, t)| Step::Event(p, t)),
            4 => (0..4usize).prop_map(Step::AtEnd),
            1 => Just(Step::Add),
            1 => Just(Step::Lost),
            1 => (0..300u64).prop_map(Step::Raise),
        ];
        prop::collection::vec(step, 0..200)
    }

    #[test]
    fn the_partition_that_holds_the_stream_is_named() {
        let mut partitions = Partitions::new(Disorder { lateness: 0, accept_for: 0, max_ahead: u64::MAX });
        let (a, b) = (partitions.add("topic/0"), partitions.add("topic/1"));
        partitions.judge(a, Some(10), 10);
        partitions.judge(b, Some(9), 10);
        assert_eq!(partitions.holder(), "topic/1, one of 2 partitions, has come least far");
        partitions.at_end(b);
        assert!(partitions.holder().starts_with("topic/0"));
        partitions.at_end(a);
        assert!(partitions.holder().starts_with("all there is has been read"));
    }

    proptest! {
        /// Whatever happens, and whether or not anybody looks at the watermark in between.
        #[test]
        fn the_watermark_never_falls_and_nothing_enters_below_it(
            steps in steps(),
            (lateness, accept_for) in (0..40u64, 0..40u64),
            looks in any::<u64>(),
        ) {
            let disorder = Disorder { lateness, accept_for, max_ahead: u64::MAX };
            let (mut watched, mut unwatched) = (Partitions::new(disorder), Partitions::new(disorder));
            let (mut ids, mut told) = (vec![watched.add("p")], 0);
            unwatched.add("p");
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Event(p, time) => {
                        let id = ids[p % ids.len()];
                        let verdict = watched.judge(id, Some(time), 300);
                        prop_assert_eq!(verdict, unwatched.judge(id, Some(time), 300));
                        if let Verdict::Accepted(at) = verdict {
                            prop_assert!(told <= at && time <= at && at <= time + accept_for);
                        }
                    }
                    Step::AtEnd(p) => {
                        watched.at_end(ids[p % ids.len()]);
                        unwatched.at_end(ids[p % ids.len()]);
                    }
                    Step::Add => {
                        ids.push(watched.add("p"));
                        unwatched.add("p");
                    }
                    Step::Lost => {
                        watched.none_at_end();
                        unwatched.none_at_end();
                    }
                    Step::Raise(to) => {
                        watched.raise(to);
                        unwatched.raise(to);
                    }
                }
                prop_assert!(watched.watermark() >= told, "the watermark falls");
                if looks >> (number % 64) & 1 == 1 {
                    told = watched.watermark();
                }
            }
        }

        /// While none is at its end, each partition is judged as if it were alone.
        #[test]
        fn verdicts_do_not_depend_on_the_interleaving(
            events in prop::collection::vec((0..3usize, 0..300u64), 0..200),
            (lateness, accept_for) in (0..40u64, 0..40u64),
        ) {
            let disorder = Disorder { lateness, accept_for, max_ahead: u64::MAX };
            let mut together = Partitions::new(disorder);
            let ids = [together.add("a"), together.add("b"), together.add("c")];
            let mut alone = [0; 3].map(|_| Judge::new(disorder));
            for (p, time) in events {
                prop_assert_eq!(together.judge(ids[p], Some(time), 300), alone[p].judge(time, 300));
                let least = alone.iter().map(Judge::watermark).min();
                prop_assert_eq!(Some(together.watermark()), least);
            }
        }
    }
}
