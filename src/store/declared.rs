//! A source whose events cannot be told again goes on as it is declared now: with columns that were added, and without those that are
//! gone. What is stored stays as it is: its rows end before columns that came later. Whatever else changes is refused.

use super::adopt::Lack;
use super::column::ColumnText;
use super::manifest::{self, Manifest};
use super::{Relation, Source};

/// Makes what is stored of such a source what is declared of it now. What it lacks then, if anything.
pub(super) fn widen(manifest: &mut Manifest, id: u64, source: &Source) -> Option<Lack> {
    let stored = |relation: &Relation| {
        let mut known = manifest.relations.iter().filter(|(_, known)| known.source == id);
        known.find(|(_, known)| known.name == relation.name).map(|(number, _)| *number)
    };
    let numbers: Vec<Option<u64>> = source.relations.iter().map(stored).collect();
    // Nobody has read it so far.
    if !source.relations.is_empty() && manifest.relations.values().all(|known| known.source != id) {
        return Some(Lack::Whole);
    }
    let (mut declared, mut changed) = (Vec::new(), Vec::new());
    for (relation, number) in source.relations.iter().zip(numbers) {
        let known = number.and_then(|number| Some((number, manifest.relations.get(&number)?)));
        match known.map(|(number, known)| Declared::of(known, relation).map(|declared| (number, declared))) {
            Some(Ok((number, of))) => declared.push((relation.id, number, of)),
            Some(Err(why)) => changed.push((relation.id, why)),
            None => changed.push((relation.id, "what is stored has another name".to_owned())),
        }
    }
    if !changed.is_empty() {
        return Some(Lack::Changed(changed));
    }
    let mut added = Vec::new();
    for (relation, number, Declared { stored, new }) in declared {
        if let Some(known) = manifest.relations.get_mut(&number) {
            known.widened |= !new.is_empty();
            known.columns = stored.into_iter().chain(new.iter().cloned().map(Some)).collect();
        }
        added.extend(Some((relation, new)).filter(|(_, new)| !new.is_empty()));
    }
    (!added.is_empty()).then_some(Lack::Columns(added))
}

/// A relation as it is declared now.
struct Declared {
    /// The columns of its rows so far.
    stored: Vec<Option<String>>,
    /// Those that follow them.
    new: Vec<String>,
}

impl Declared {
    /// Of one that is stored; an error in words if what is stored cannot be that.
    fn of(known: &manifest::Relation, relation: &Relation) -> Result<Declared, String> {
        let (mut stored, mut new) = (known.columns.clone(), Vec::new());
        for column in &relation.columns {
            let declared = ColumnText::of(column);
            let ColumnText { name, ty, nullable, .. } = declared;
            match stored.iter_mut().flatten().find(|known| ColumnText::of(known).name == name) {
                Some(known) if known == column => {}
                Some(known) if ColumnText::of(known).is_of_type(&declared) && nullable => known.clone_from(column),
                Some(known) if ColumnText::of(known).is_of_type(&declared) => {
                    return Err(format!("its column {name} may be null in what is stored, and may not any more"));
                }
                Some(known) if ColumnText::of(known).ty == ty => {
                    return Err(format!("its column {name} is stored as another {ty}"));
                }
                Some(known) => {
                    return Err(format!(
                        "its column {name} is stored as {}, and is {ty} now",
                        ColumnText::of(known).ty
                    ));
                }
                None if nullable => new.push(column.clone()),
                None => {
                    return Err(format!(
                        "its column {name} is new, of which what is stored has nothing, and may not be null: leave out its `not null`"
                    ));
                }
            }
        }
        let names = |key: &[usize], columns: &[Option<String>]| -> Vec<String> {
            key.iter()
                .filter_map(|place| Some(ColumnText::of(columns.get(*place)?.as_ref()?).name.to_owned()))
                .collect()
        };
        let declared: Vec<Option<String>> = relation.columns.iter().cloned().map(Some).collect();
        let before = known.key.as_ref().map(|key| names(key, &stored));
        match before == relation.key.as_ref().map(|key| names(key, &declared)) {
            true => Ok(Declared { stored, new }),
            false => Err("its key is another than that of what is stored".to_owned()),
        }
    }
}
