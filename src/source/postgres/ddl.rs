//! Changes of a table's definition, as the change feed announces them: harmless ones go on, others stop the source.
//!
//! Harmless is what leaves every value that anybody reads as it was: new columns, changes to columns nobody reads, renamed
//! tables, wider `varchar` and `numeric`. Anything else would make the stream and the rows already read disagree.

use super::decode::{Relation, RelationColumn};
use super::shape::{Field, Shape};

/// `varchar`'s and `numeric`'s oids.
const VARCHAR: u32 = 1043;
const NUMERIC: u32 = 1700;

/// Where each column of the change feed goes: the field's position, or nowhere.
pub(super) type Places = Vec<Option<usize>>;

/// Matches a table's announced definition with the one the source started with; an error says what was changed.
pub(super) fn match_columns(shape: &Shape, relation: &Relation<'_>) -> Result<Places, String> {
    let mut places = vec![None; relation.columns.len()];
    for (position, field) in shape.fields.iter().enumerate() {
        let Some(place) = relation.columns.iter().position(|column| column.name == field.name) else {
            if field.wanted {
                return Err(format!("{}.{} was dropped or renamed", shape.name, field.name));
            }
            continue;
        };
        if field.wanted && !is_harmless(field, &relation.columns[place]) {
            return Err(format!("the type of {}.{} was changed", shape.name, field.name));
        }
        places[place] = Some(position);
    }
    check_identity(shape, relation, &places)?;
    Ok(places)
}

fn is_harmless(field: &Field, column: &RelationColumn<'_>) -> bool {
    if field.type_oid != column.type_oid {
        return false;
    }
    let (old, new) = (field.type_modifier, column.type_modifier);
    old == new
        || match field.type_oid {
            VARCHAR => old != -1 && (new == -1 || new > old),
            NUMERIC => old != -1 && (new == -1 || (scale(new) == scale(old) && new > old)),
            _ => false,
        }
}

/// The scale in a `numeric`'s modifier.
fn scale(modifier: i32) -> i32 {
    (modifier - 4) & 0xffff
}

/// Whether updates and deletes will still name their rows by our key, or give them whole if we have none.
fn check_identity(shape: &Shape, relation: &Relation<'_>, places: &Places) -> Result<(), String> {
    let told = || {
        let columns = relation.columns.iter().zip(places).filter(|(column, _)| column.in_key);
        columns.map(|(_, place)| *place)
    };
    let same_key = told().count() == shape.key.len() && told().flatten().all(|place| shape.key.contains(&place));
    match relation.identity {
        b'f' | b'n' => Ok(()),
        _ if shape.upserts && same_key => Ok(()),
        _ => Err(format!("the key or REPLICA IDENTITY of {} was changed", shape.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_widening_is_harmless() {
        let numeric = |precision: i32, scale: i32| ((precision << 16) | scale) + 4;
        for (oid, old, new, harmless) in [
            (23, -1, -1, true),
            (VARCHAR, 14, 24, true),
            (VARCHAR, 14, -1, true),
            (VARCHAR, 24, 14, false),
            (NUMERIC, numeric(10, 2), numeric(12, 2), true),
            (NUMERIC, numeric(10, 2), numeric(12, 3), false),
            (NUMERIC, -1, numeric(12, 3), false),
            (1042, 14, 24, false),
        ] {
            let field = Field::declared("c", oid, old);
            let column = RelationColumn { in_key: false, name: "c", type_oid: oid, type_modifier: new };
            assert_eq!(is_harmless(&field, &column), harmless, "{oid} {old} {new}");
        }
        let column = RelationColumn { in_key: false, name: "c", type_oid: 20, type_modifier: -1 };
        assert!(!is_harmless(&Field::declared("c", 23, -1), &column));
    }
}
